package php

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// An application may have installed the package, in any version.
func TestTheBundleHasANamespaceOfItsOwn(t *testing.T) {
	bundle := Bundle()
	if found := regexp.MustCompile(`(?m)^.*\bPhpWorker\b.*$`).FindString(bundle); found != "" {
		t.Errorf("it has the package's own: %s", found)
	}
	if n := strings.Count(bundle, "<?php"); n != 1+strings.Count(bundle, "'<?php") {
		t.Errorf("it begins %d times", n)
	}
	paths, err := fs.Glob(sources, "src/*.php")
	if err != nil {
		t.Fatal(err)
	}
	more, err := fs.Glob(sources, "src/*/*.php")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, more...) {
		text, err := fs.ReadFile(sources, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "final class ") || strings.HasPrefix(line, "interface ") {
				if !strings.Contains(bundle, "\n"+line+"\n") {
					t.Errorf("%s: %q is missing", path, line)
				}
			}
		}
	}
	if len(paths) < 10 || len(more) < 5 {
		t.Errorf("only %d and %d files were looked into", len(paths), len(more))
	}
}
