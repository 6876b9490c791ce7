package nginxconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// show writes a tree in one line: name(arg|arg){…}.
func show(block []*Directive) string {
	var all []string
	for _, d := range block {
		text := d.Name + "(" + strings.Join(d.Args, "|") + ")"
		if d.Block != nil {
			text += "{" + show(d.Block) + "}"
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func TestTheSyntaxIsThatOfNginx(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a;":                                   "a()",
		"a b  c;":                              "a(b|c)",
		"a # b;\n c; # d":                      "a(c)",
		"a 'b c' \"d;e\";":                     "a(b c|d;e)",
		`a "b \" c" 'd\'e' f\;g;`:              `a(b " c|d'e|f\;g)`,
		`a \.php$ \\ "\d{4}";`:                 `a(\.php$|\|\d{4})`,
		"a ${b}c;":                             "a(${b}c)",
		"a { b { c d; } } e;":                  "a(){b(){c(d)}} e()",
		"a{}":                                  "a(){}",
		`if ($a = "b c") { d; }`:               "if(($a|=|b c)){d()}",
		"location ~ \\.php$ { }":               "location(~|\\.php$){}",
		"a \"b\nc\";":                          "a(b\nc)",
		"x_by_lua_block { if a then {} ; } b;": "x_by_lua_block(){} b()",
		"a b#c;":                               "a(b#c)",
		"a\tb\r\n;":                            "a(b)",
	} {
		got, err := Parse("f", []byte(text))
		if err != nil || show(got) != want {
			t.Errorf("%q is %s, %v, not %s", text, show(got), err, want)
		}
	}
}

func TestWhatIsNoConfigurationIsAnErrorWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a":                          "f:1: a: the file ends, a semicolon is missing",
		"a;\nb {\n c;":               "f:3: the file ends within a block",
		"a;\n}":                      "f:2: unexpected '}'",
		"a { b }":                    "f:1: b: a semicolon is missing",
		"a\n'b":                      "f:2: the quote ' that begins here has no end",
		`a "b"c;`:                    "f:1: unexpected 'c' behind a quoted word",
		"{":                          "f:1: unexpected '{'",
		"a_by_lua_block {":           "f:1: the block that begins here has no end",
		strings.Repeat("a { ", 100):  "f:1: more than 64 blocks in one another",
		strings.Repeat("a;", 100001): "f:1: more than 100000 directives",
	} {
		if _, err := Parse("f", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, not %s", text, err, want)
		}
	}
}

func TestIncludesStandInThePlaceOfTheInclude(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"nginx.conf":            "a;\ninclude sites-enabled/*;\ninclude missing.conf;\ninclude none/*.conf;\nb;",
		"sites-enabled/one":     "one { include snippets/php.conf; }",
		"sites-enabled/two":     "two;",
		"snippets/php.conf":     "php;\ninclude fastcgi_params;",
		"fastcgi_params":        "params;",
		"sites-available/alone": "alone { include snippets/php.conf; }",
		"loop.conf":             "include loop.conf;",
		"broken.conf":           "include wrong.conf;",
		"wrong.conf":            "a;\nb }",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"nginx.conf":            "a() one(){php() params()} two() include(missing.conf) b()",
		"sites-available/alone": "alone(){php() params()}", // nginx's folder is the one above
	} {
		got, err := Load(filepath.Join(folder, name))
		if err != nil || show(got) != want {
			t.Errorf("%s is %s, %v, not %s", name, show(got), err, want)
		}
	}
	all, err := Load(filepath.Join(folder, "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if got := all[1].Block[1].Pos.String(); got != "fastcgi_params:1" {
		t.Errorf("the place of what is included is %s", got)
	}
	for name, want := range map[string]string{
		"loop.conf":   "includes itself",
		"broken.conf": "broken.conf:1: wrong.conf:2: b: a semicolon is missing",
		"nowhere":     "no such file",
	} {
		if _, err := Load(filepath.Join(folder, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %s", name, err, want)
		}
	}
}

// TestNoFileIsReadWithoutEnd includes a device that gives zeros for ever, and gives one by hand; and a file that no memory holds.
func TestNoFileIsReadWithoutEnd(t *testing.T) {
	t.Parallel()
	const endless = "/dev/zero"
	if _, err := os.Stat(endless); err != nil {
		t.Skip("there is no device without an end: ", err)
	}
	folder := t.TempDir()
	including, huge := filepath.Join(folder, "including.conf"), filepath.Join(folder, "huge.conf")
	if err := os.WriteFile(including, []byte("include "+endless+"; include /dev/zer*; include huge.conf;"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(huge, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	const tooLarge = "the files are together larger than 8388608 bytes"
	for path, want := range map[string]string{including: "including.conf:1: " + tooLarge, endless: tooLarge, huge: tooLarge} {
		if _, err := Load(path); err == nil || err.Error() != want {
			t.Errorf("%s: %v, not %s", path, err, want)
		}
	}
}
