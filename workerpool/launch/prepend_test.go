package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// PHP 7 could not compile the script, nor let it define what is disabled.
func TestAnOldPHPRunsNoScriptBeforeTheWorkers(t *testing.T) {
	for version, want := range map[int]bool{70433: false, 80000: true, 80512: true} {
		t.Setenv("TMPDIR", t.TempDir())
		php := filepath.Join(t.TempDir(), "php")
		answer := fmt.Sprintf("#!/bin/sh\necho '%s{\"version\":\"x\",\"id\":%d}'\n", questionMark, version)
		if err := os.WriteFile(php, []byte(answer), 0o755); err != nil {
			t.Fatal(err)
		}
		l, err := NewExec(Settings{
			Command: []string{php, "worker.php"}, IsPHP: true, Ini: map[string]string{"user_agent": "x"},
			Prepend: &Prepend{Script: "<?php"}, SuitIni: func(*PHP) map[string]string { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		exec := l.(*execLauncher)
		if err := exec.suit(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		dir, err := exec.ini.path()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, iniName))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "auto_prepend_file") != want {
			t.Errorf("PHP %d is told\n%s; the script is wanted: %v", version, text, want)
		}
		l.Close()
	}
}
