package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// PHP 7 could not compile the script, nor let it define what is disabled. Another PHP may be there at the next restart.
func TestAnOldPHPRunsNoScriptBeforeTheWorkers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	php := filepath.Join(t.TempDir(), "php")
	l, err := NewExec(Settings{
		Command: []string{php, "worker.php"}, IsPHP: true, Ini: map[string]string{"user_agent": "x"},
		Prepend: &Prepend{Script: "<?php"}, SuitIni: func(*PHP) map[string]string { return nil },
	})
	must(t, err)
	defer l.Close()
	exec := l.(*execLauncher)
	for _, now := range []struct {
		version int
		want    bool
	}{{70433, false}, {80000, true}, {70433, false}, {80512, true}} {
		answer := fmt.Sprintf("#!/bin/sh\necho '%s{\"version\":\"x\",\"id\":%d}'\n", questionMark, now.version)
		must(t, os.WriteFile(php+".new", []byte(answer), 0o755))
		must(t, os.Rename(php+".new", php))
		must(t, exec.suit(t.Context(), true))
		dir, err := exec.ini.path()
		must(t, err)
		text, err := os.ReadFile(filepath.Join(dir, iniName))
		must(t, err)
		if strings.Contains(string(text), "auto_prepend_file") != now.want {
			t.Errorf("PHP %d is told\n%s; the script is wanted: %v", now.version, text, now.want)
		}
	}
}
