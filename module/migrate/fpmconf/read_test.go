package fpmconf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettingsAreReadWithTheirPlaces(t *testing.T) {
	t.Parallel()
	got, err := Parse("www.conf", []byte(strings.Join([]string{
		"; a comment", "loose = 1", "[ www ]", "", "# another", "pm=static", `php_admin_value[memory_limit] = "256M" ; enough`,
		`env["A"] = '; kept '`, "chdir = /srv ; behind", "empty =", "[global]", "daemonize = no",
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, section := range got {
		for _, s := range section.Settings {
			all = append(all, fmt.Sprintf("%v %s: %s", s.Pos, section.Name, s))
		}
	}
	want := []string{
		"www.conf:2 : loose = 1", "www.conf:6 www: pm = static", "www.conf:7 www: php_admin_value[memory_limit] = 256M",
		"www.conf:8 www: env[A] = ; kept ", "www.conf:9 www: chdir = /srv", "www.conf:10 www: empty = ", "www.conf:12 global: daemonize = no",
	}
	if strings.Join(all, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(all, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatIsNoSettingIsAnErrorWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a":         `f:1: "a" is no setting: it has no =`,
		"\n[www":    `f:2: the heading "[www" has no end`,
		"= b":       "f:1: a setting has no name",
		"env[A = b": `f:1: "env[A = b" has a [ without a ]`,
	} {
		if _, err := Parse("f", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, not %s", text, err, want)
		}
	}
}

func TestPoolsMayBeIncluded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"php-fpm.conf": "[global]\ninclude = pool.d/*.conf\n", "pool.d/a.conf": "[a]\npm = static\n", "pool.d/b.conf": "[b]\n",
		"loop.conf": "include = loop.conf\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(filepath.Join(folder, "php-fpm.conf"))
	if err != nil || len(got) != 3 || got[1].Name != "a" || got[1].Settings[0].Pos.String() != "a.conf:2" || got[2].Name != "b" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Load(filepath.Join(folder, "loop.conf")); err == nil || !strings.Contains(err.Error(), "too many files") {
		t.Errorf("a file that includes itself: %v", err)
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
	if err := os.WriteFile(including, []byte("[a]\ninclude = "+endless), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(huge, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		including: "including.conf:2: " + endless + ": it is no regular file", endless: "zero: larger than 8388608 bytes", huge: "huge.conf: larger than 8388608 bytes",
	} {
		if _, err := Load(path); err == nil || err.Error() != want {
			t.Errorf("%s: %v, not %s", path, err, want)
		}
	}
}
