package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// preloadedBy runs our script as opcache.preload with these files, and returns the classes that PHP has then and what was said.
func preloadedBy(t *testing.T, files map[string]string) (classes []string, said string) {
	t.Helper()
	php, err := exec.LookPath("php-cgi")
	if err != nil {
		t.Skip("php-cgi is not installed")
	}
	dir := t.TempDir()
	list := []string{filepath.Join(dir, "gone.php")}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, path)
	}
	slices.Sort(list)
	for name, text := range map[string]string{
		"preload.php": preloadScript, "list": strings.Join(list, "\x00"),
		"show.php": `<?php
			$all = [...get_declared_classes(), ...get_declared_interfaces(), ...get_declared_traits()];
			echo "\nshown ", implode(' ', array_filter($all, fn($name) => preg_match('/^([NM]\\\\)?(M\\\\)?(A|B|C|Always)$/i', $name)));`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(php, "-d", "opcache.enable=1", "-d", "opcache.preload="+filepath.Join(dir, "preload.php"), "-d", "opcache.preload_user=root", "-d", "error_log=")
	cmd.Env = append(os.Environ(), "REDIRECT_STATUS=200", "REQUEST_METHOD=GET", "SCRIPT_FILENAME="+filepath.Join(dir, "show.php"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	_, shown, ok := strings.Cut(string(out), "\nshown ")
	if err != nil || !ok {
		t.Fatalf("%v: %s\n%s", err, out, &stderr)
	}
	classes = strings.Fields(shown)
	slices.Sort(classes)
	return classes, stderr.String()
}

func TestOnlyAFileWithNothingButTheClassOfItsNameIsPreloaded(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       string
	}{
		"a class":                          {"A.php", "<?php\nnamespace N;\nclass A {}\n", `N\A`},
		"a deeper namespace":               {"A.php", "<?php namespace N\\M; class A {}", `N\M\A`},
		"an interface":                     {"A.php", "<?php namespace N; interface A {}", `N\A`},
		"a trait":                          {"A.php", "<?php namespace N; trait A { function f() { return function () {}; } }", `N\A`},
		"an abstract class with a comment": {"A.php", "<?php /* a */ declare(strict_types=1); namespace N; // b\nuse X\\{Y, Z}; use function f; /** c { */ abstract class A { }", `N\A`},
		"an attribute":                     {"A.php", "<?php namespace N; #[X([1, [2]], \"]\")] #[Y] final class A {}", `N\A`},
		"braces in strings":                {"A.php", "<?php namespace N; class A { function f($x) { return \"{$x}{\" . \"}$x{\" . \"${x}\" . '}'; } }", `N\A`},
		"a heredoc":                        {"A.php", "<?php namespace N; class A { const X = <<<E\n}}}\nE; }", `N\A`},
		"a class within":                   {"A.php", "<?php namespace N; class A { function f() { return new class { function g() {} }; } }", `N\A`},
		"what Symfony adds":                {"A.php", "<?php namespace N; class A {} class_exists(A::class); \\interface_exists(\\X\\Y::class);", `N\A`},
		"no namespace":                     {"A.php", "<?php class A {}", ""},
		"another name":                     {"B.php", "<?php namespace N; class A {}", ""},
		"another case":                     {"a.php", "<?php namespace N; class A {}", ""},
		"another extension":                {"A.inc", "<?php namespace N; class A {}", ""},
		"two classes":                      {"A.php", "<?php namespace N; class A {} class B {}", ""},
		"two namespaces":                   {"A.php", "<?php namespace N; class A {} namespace M; class B {}", ""},
		"a namespace in braces":            {"A.php", "<?php namespace N { class A {} }", ""},
		"the namespace of all":             {"A.php", "<?php namespace { class A {} }", ""},
		"a function":                       {"A.php", "<?php namespace N; class A {} function f() {}", ""},
		"a constant":                       {"A.php", "<?php namespace N; const X = 1; class A {}", ""},
		"a condition":                      {"A.php", "<?php namespace N; if (!class_exists(A::class)) { class A {} }", ""},
		"code":                             {"A.php", "<?php namespace N; class A { static function init() {} } A::init();", ""},
		"an alias":                         {"A.php", "<?php namespace N; class A {} class_alias(A::class, 'B');", ""},
		"code in what Symfony adds":        {"A.php", "<?php namespace N; class A {} class_exists(f());", ""},
		"code of a declaration":            {"A.php", "<?php namespace N; declare(ticks=1) f(); class A {}", ""},
		"code behind a use":                {"A.php", "<?php namespace N; use X ?><?php f(); class A {}", ""},
		"code behind a namespace":          {"A.php", "<?php namespace N ?><?php f(); class A {}", ""},
		"code before":                      {"A.php", "<?php namespace N; defined('X') || exit; class A {}", ""},
		"text":                             {"A.php", "<?php namespace N; class A {} ?>\ntext", ""},
		"text before":                      {"A.php", "text <?php namespace N; class A {}", ""},
		"a line of a shell":                {"A.php", "#!/usr/bin/php\n<?php namespace N; class A {}", ""},
		"data":                             {"A.php", "<?php namespace N; class A {} __halt_compiler(); x", ""},
		"a mistake":                        {"A.php", "<?php namespace N; class A { function }", ""},
		"half a file":                      {"A.php", "<?php namespace N; #[X(", ""},
		"half a class":                     {"A.php", "<?php namespace N; class A { function f() {", ""},
		"nothing":                          {"A.php", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Another one is preloaded all the same.
			got, said := preloadedBy(t, map[string]string{test.file: test.text, "Always.php": "<?php namespace N; class Always {}"})
			want := strings.Fields(test.want + ` N\Always`)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q; PHP said %s", got, want, said)
			}
		})
	}
}

func TestAClassThatSeveralFilesHaveIsNotPreloaded(t *testing.T) {
	got, said := preloadedBy(t, map[string]string{
		"one/A.php": "<?php namespace N; class A {}", "two/A.php": "<?php namespace n; class A {}",
		"B.php": "<?php namespace N; class B {}", "C.php": "<?php namespace N; class C extends A {}",
	})
	if want := []string{`N\B`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if want := "preload: 2 of 5 files, those with nothing but a class of a namespace\n"; said != want { // without its parent PHP leaves it out
		t.Errorf("%q, want %q", said, want)
	}
}

func TestWhatPHPRefusesToCompileIsNamed(t *testing.T) {
	got, said := preloadedBy(t, map[string]string{"A.php": "<?php namespace N; class A { function }", "B.php": "<?php namespace N; class B {}"})
	if want := []string{`N\B`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.Contains(said, "preload: 1 of 3 files") || !strings.Contains(said, "PHP refuses") || !strings.Contains(said, "A.php (syntax error") {
		t.Error(said)
	}
}
