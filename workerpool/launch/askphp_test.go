package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPHPTellsWhatItIs(t *testing.T) {
	c := Settings{Command: []string{"php", "worker.php"}, Ini: map[string]string{"memory_limit": "77M"}}
	ini, err := newIni(temp(t, t.TempDir()), c.Ini, nil, nil)
	must(t, err)
	dir, err := ini.path()
	must(t, err)
	for name, command := range map[string][]string{
		"with the pool's settings": {"php", "worker.php"},
		"behind a first line":      {firstLine(t, "#!/usr/bin/env php")},
		"without JSON, as PHP 7":   {"php", "-d", "disable_functions=json_encode", "worker.php"},
	} {
		c.Command = command
		php, err := c.askPHP(t.Context(), dir)
		if err != nil || php == nil || php.MemoryLimit != "77M" || php.VersionID < 70000 || !strings.HasPrefix(php.Version, fmt.Sprint(php.VersionID/10000)) {
			t.Errorf("%s: %+v, %v", name, php, err)
		}
	}
	c.Command = []string{"php", "-d", "memory_limit=55M", "-dprecision=3", "worker.php", "-d", "memory_limit=1M"}
	if php, err := c.askPHP(t.Context(), dir); err != nil || php.MemoryLimit != "55M" {
		t.Errorf("with options of its own: %+v, %v", php, err)
	}
}

// firstLine makes a program with that line.
func firstLine(t *testing.T, line string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	must(t, os.WriteFile(file, []byte(line+"\n<?php echo 1;\n"), 0o700))
	return file
}

func TestOnlyWhatIsCertainlyPHPIsAsked(t *testing.T) {
	for _, c := range []struct {
		config Settings
		want   string // "": nobody is asked
	}{
		{Settings{Command: []string{"php", "w.php"}}, "php"},
		{Settings{Command: []string{"/usr/bin/php8.2", "-c", "/etc/x.ini", "-n", "-d", "a=b", "-f", "w.php"}}, "/usr/bin/php8.2 -c /etc/x.ini -n -d a=b"},
		{Settings{Command: []string{"my-own-build", "w.php"}, IsPHP: true}, "my-own-build"},
		{Settings{Command: []string{firstLine(t, "#!/opt/bin/php84 -d x=1")}}, "/opt/bin/php84 -d x=1"},
		{Settings{Command: []string{firstLine(t, "#!/bin/sh")}}, ""},
		{Settings{Command: []string{firstLine(t, "php")}}, ""},
		{Settings{Command: []string{"php-cgi", "w.php"}}, ""},
		{Settings{Command: []string{"missing-program"}}, ""},
		{Settings{Command: []string{os.Args[0]}}, ""},
	} {
		if got := strings.Join(c.config.interpreter(), " "); got != c.want {
			t.Errorf("%v: %q is asked; want %q", c.config.Command, got, c.want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
