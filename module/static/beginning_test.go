package static

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatBeginsAsASourceIsNeverServedWhateverItsName(t *testing.T) {
	for beginning, source := range map[string]bool{
		"<?php echo 1;": true, "<?PHP\n": true, "<?php": true, "<?= $a ?>": true, "<?\necho 1;": true, "<? echo 1;": true, "<?": true,
		"#!/usr/bin/env php\n<?php": true, "#!/bin/sh\n": true, "#!": true,
		"\xef\xbb\xbf<?php": true, "\n\n  <?php": true, " \t\r\n<?=1": true, "\x00<?php": true,
		"-----BEGIN PRIVATE KEY-----\nMII": true, "-----BEGIN RSA PRIVATE KEY-----\r\n": true, "-----BEGIN OPENSSH PRIVATE KEY-----\n": true,

		"<?/* code */ echo 1;": true, "<?$a = 1;": true, "<?// code": true, "<?(": true, "\xef\xbb\xbf#!/bin/sh": true,
		"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMHc": true,
		"Bag Attributes\r\n    friendlyName: x\r\nKey Attributes: <No Attributes>\r\n-----BEGIN PRIVATE KEY-----\r\nMII":    true,

		"": false, "body {}": false, "<!doctype html>": false, "<?xml version=\"1.0\"?>": false, "<?XML ": false, "\xef\xbb\xbf<?xml": false,
		"<?xml-stylesheet href": false, "<?mso-application": false, "<svg>": false, "# title": false, "#id {}": false, "<h1>&lt;?php</h1>": false,
		"// <?php": false, "<": false, "-----BEGIN CERTIFICATE-----\nPRIVATE KEY": false, "-----BEGIN PUBLIC KEY-----": false, "<?\xc3\xa9 x": false,
		"a key begins with -----BEGIN PRIVATE KEY-----": false, "\x89PNG\r\n": false,
		strings.Repeat(" ", 300) + "<?php": false, // nobody writes that
	} {
		root := t.TempDir()
		for _, name := range []string{"artisan", "bin/console", "a.css", "a.svg", "docs/index.html", "index.html"} {
			name = filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(beginning), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("artisan", filepath.Join(root, "link.txt")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("docs", filepath.Join(root, "manual")); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{"/artisan", "/bin/console", "/a.css", "/a.svg", "/docs", "/docs/", "/docs/index.html", "/", "/link.txt", "/manual/"} {
			if got := served(t, root, target); got == source {
				t.Errorf("%s with %q: served %v", target, beginning, got)
			}
		}
	}
}
