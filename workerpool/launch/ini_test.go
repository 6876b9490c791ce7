package launch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// temp opens a temporary folder below base for the test.
func temp(t *testing.T, base string) *tempdir.Dir {
	t.Helper()
	d, err := tempdir.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// phpReads returns what PHP makes of settings that were written for it.
func phpReads(t *testing.T, settings map[string]string) map[string]any {
	t.Helper()
	ini, err := newIni(temp(t, t.TempDir()), settings, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := ini.path()
	if err != nil {
		t.Fatal(err)
	}
	names, _ := json.Marshal(settings)
	cmd := exec.Command("php", "-r",
		`$r = []; foreach (json_decode($argv[1], true) as $k => $_) $r[$k] = ini_get($k); echo json_encode($r);`, string(names))
	cmd.Env = append(os.Environ(), "PHP_INI_SCAN_DIR="+string(filepath.ListSeparator)+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running php: %v", err)
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("php said %q: %v", out, err)
	}
	return got
}

func TestPHPReadsIniValuesAsTheTextTheyAre(t *testing.T) {
	for _, value := range []string{
		`plain`, `with spaces `, `a"b`, `"quoted"`, `a\b`, `a\\b`, `c:\`, `\"`, `a\"b`, `it's`, `x$y`, `${HOME}`, `\${HOME}`, `$`,
		`a;b`, `#x`, `a=b`, `(x)`, `!x`, `a|b`, `a&b`, `~`, `[x]`, `\n`, "tab\tx", `é`, `{$x}`, `128M`, `E_MAIL`, `E_ALL or so`, ``,
	} {
		if got := phpReads(t, map[string]string{"user_agent": value})["user_agent"]; got != value {
			t.Errorf("%q arrived as %q", value, got)
		}
	}
}

func TestPHPComputesLevelsAndKnowsSwitches(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"error_reporting", "E_ALL", "32767"},
		{"error_reporting", "E_ALL & ~E_NOTICE", "32759"},
		{"error_reporting", "E_ERROR | E_WARNING", "3"},
		{"error_reporting", "E_ALL & ~E_DEPRECATED & ~E_STRICT", "22527"},
		{"error_reporting", "24575", "24575"},
		{"display_errors", "On", "1"}, {"display_errors", "off", ""}, {"display_errors", "stderr", "stderr"},
		{"log_errors", "yes", "1"}, {"log_errors", "false", ""}, {"user_agent", "none", ""},
		{"memory_limit", "321M", "321M"}, {"variables_order", "EGPCS", "EGPCS"},
	} {
		if got := phpReads(t, map[string]string{c.name: c.value})[c.name]; got != c.want {
			t.Errorf("%s = %s arrived as %q; want %q", c.name, c.value, got, c.want)
		}
	}
}

// What a php.ini forbids stays forbidden, and what it runs is told to the script.
func TestAScriptBeforeTheWorkersKeepsWhatAPHPIniSays(t *testing.T) {
	theirs := t.TempDir()
	for _, c := range []struct{ ini, settings, want string }{
		{"", "", `["ours","",false,true]`},
		{"disable_functions = system\nauto_prepend_file = /x.php\n", "", `["ours","\/x.php",true,true]`},
		{"auto_prepend_file = /x.php\n", "/a \"b\" $c.php", `["ours","\/a \"b\" $c.php",false,true]`},
	} {
		if err := os.WriteFile(filepath.Join(theirs, "theirs.ini"), []byte(c.ini), 0o600); err != nil {
			t.Fatal(err)
		}
		settings := make(map[string]string)
		if c.settings != "" {
			settings["auto_prepend_file"] = c.settings
		}
		ini, err := newIni(temp(t, t.TempDir()), settings, &Prepend{
			Script: `<?php require __DIR__ . "/more.php";`, Files: map[string]string{"more.php": `<?php function passthru() { return "ours"; }`}, Replaces: []string{"passthru"},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := ini.path()
		if err != nil {
			t.Fatal(err)
		}
		script := filepath.Join(theirs, "worker.php")
		if err := os.WriteFile(script, []byte(`<?php echo json_encode([passthru(), get_cfg_var("`+prependNext+`"), !function_exists("system"), function_exists("exec")]);`), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("php", script)
		cmd.Env = append(os.Environ(), "PHP_INI_SCAN_DIR="+strings.Join([]string{"", theirs, dir}, string(filepath.ListSeparator)))
		if out, err := cmd.Output(); err != nil || string(out) != c.want {
			t.Errorf("with %q and %q PHP said %s, %v; want %s", c.ini, c.settings, out, err, c.want)
		}
	}
}

func TestWhatWouldBreakTheIniFileIsRefused(t *testing.T) {
	for name, value := range map[string]string{
		"": "x", "a b=": "x", "a;b": "x", "[section]": "x", "x\ny": "z", `"x"`: "z", "nul\x00": "z",
		"line": "a\nextension=evil", "return": "a\rb", "zero": "a\x00b",
	} {
		dir := t.TempDir()
		if _, err := newIni(temp(t, dir), map[string]string{"user_agent": "fine", name: value}, nil, nil); err == nil {
			t.Errorf("%q = %q was written", name, value)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*", "ini*"))
		if len(files) > 0 {
			t.Errorf("%q = %q: left %v", name, value, files)
		}
	}
}
