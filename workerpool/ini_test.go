package workerpool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
)

func TestIniSettingsReachPHPBehindAWrapperAndAreRemovedWithThePool(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c := self(1)
	c.Ini = map[string]string{"user_agent": `a "wrapped" \value`}
	// The worker is a fake; what matters is PHP that is started with its environment.
	c.Command = []string{"/bin/sh", "-c", `php -r 'fwrite(STDERR, ini_get("user_agent")."\n");'; "$0" & wait`, player}
	p, logs := startLogged(t, c)
	eventually(t, "PHP has printed its setting", func() bool { return logs.FilterMessage(`a "wrapped" \value`).Len() == 1 })
	end(t, p)
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left %s", strings.Join(left, ", "))
	}
}

// Cleaners of temporary files remove what nobody seems to use.
func TestNoWorkerStartsWithoutItsIniSettings(t *testing.T) {
	for name, clean := range map[string]func(t *testing.T, file string){
		"the script is gone": func(t *testing.T, file string) {
			check(os.Remove(filepath.Join(filepath.Dir(file), launch.PrependName)))
		},
		"the file is gone":   func(t *testing.T, file string) { check(os.Remove(file)) },
		"its folder is gone": func(t *testing.T, file string) { check(os.RemoveAll(filepath.Dir(file))) },
		"all is gone":        func(t *testing.T, file string) { check(os.RemoveAll(filepath.Dir(filepath.Dir(file)))) },
		"it is empty":        func(t *testing.T, file string) { check(os.WriteFile(file, nil, 0o600)) },
		"it says else":       func(t *testing.T, file string) { check(os.WriteFile(file, []byte("user_agent = other\n"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			c := self(1)
			c.Ini = map[string]string{"user_agent": "kept"}
			c.Prepend = &launch.Prepend{Script: "<?php", Replaces: []string{"passthru"}}
			c.Command = []string{"/bin/sh", "-c", `php -r 'fwrite(STDERR, "agent ".ini_get("user_agent")."\n");'; "$0" & wait`, player}
			p, logs := startLogged(t, c)
			files, _ := filepath.Glob(filepath.Join(temp, "*", "ini*", "*.ini"))
			if len(files) != 1 {
				t.Fatalf("the settings are in %v", files)
			}
			clean(t, files[0])
			restart(t, p)
			eventually(t, "the second worker's PHP has printed its setting", func() bool { return logs.FilterMessage("agent kept").Len() == 2 })
		})
	}
}
