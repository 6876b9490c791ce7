package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The lines that docs/operating.md recommends for sites that do not trust each other.
func TestTheLinesForASiteOfItsOwnHold(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	put := func(name, content string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`<?php
echo @file_get_contents('%[1]s') === false ? 'kept' : 'read', ' ', ini_set('open_basedir', '/') === false ? 'fixed' : 'loosened', ' ',
	@file_get_contents('%[1]s') === false ? 'kept' : 'read', ' ', function_exists('exec') ? 'exec' : 'no exec', ' ', ini_get('precision');`, secret)
	put("kept.php", script)
	put("uploads/kept.php", script)
	put(".user.ini", "precision = 5\n")
	with := func(options ...string) func(path string) (int, string) {
		_, url := site(t, classicSite(root, append(options, "workers 1", "ini precision 14")...))
		return func(path string) (int, string) { return get(t, url+path) }
	}
	open := with("name open")
	if status, body := open("/kept.php"); status != 200 || body != "read loosened read exec 5" && body != "read fixed read exec 5" {
		t.Errorf("without the lines: status %d, %s", status, body)
	}
	if status, _ := open("/uploads/kept.php"); status != 200 {
		t.Errorf("without the lines: uploads are not executed: %d", status)
	}
	closed := with("name closed", "ini open_basedir "+root, "ini disable_functions "+strings.Join([]string{"exec", "system"}, ","), `ini user_ini.filename ""`, "deny_scripts /uploads")
	if status, body := closed("/kept.php"); status != 200 || body != "kept fixed kept no exec 14" {
		t.Errorf("with the lines: status %d, %s", status, body)
	}
	if status, _ := closed("/uploads/kept.php"); status != 403 {
		t.Errorf("with the lines: uploads: %d", status)
	}
}
