package workerpool

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// phpReads returns what PHP makes of settings that writeIni has written.
func phpReads(t *testing.T, settings map[string]string) map[string]any {
	t.Helper()
	dir, err := writeIni(below(t, t.TempDir()), settings, nil)
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

func TestWhatWouldBreakTheIniFileIsRefused(t *testing.T) {
	for name, value := range map[string]string{
		"": "x", "a b=": "x", "a;b": "x", "[section]": "x", "x\ny": "z", `"x"`: "z", "nul\x00": "z",
		"line": "a\nextension=evil", "return": "a\rb", "zero": "a\x00b",
	} {
		dir := t.TempDir()
		if _, err := writeIni(below(t, dir), map[string]string{"user_agent": "fine", name: value}, nil); err == nil {
			t.Errorf("%q = %q was written", name, value)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*", "ini*"))
		if len(files) > 0 {
			t.Errorf("%q = %q: left %v", name, value, files)
		}
	}
}

func TestIniSettingsReachPHPBehindAWrapperAndAreRemovedWithThePool(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c := self(1)
	c.Ini = map[string]string{"user_agent": `a "wrapped" \value`}
	// The worker is a fake; what matters is PHP that is started with its environment.
	c.Command = []string{"/bin/sh", "-c", `php -r 'fwrite(STDERR, ini_get("user_agent")."\n");'; "$0" & wait`, os.Args[0]}
	p, logs := startLogged(t, c)
	eventually(t, "PHP has printed its setting", func() bool { return logs.FilterMessage(`a "wrapped" \value`).Len() == 1 })
	end(t, p)
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left %s", strings.Join(left, ", "))
	}
}
