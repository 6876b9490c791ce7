package static

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFileThatWasHarmlessIsLookedAtAgainOnceItHasChanged(t *testing.T) {
	defer func(before time.Duration) { settledAfter = before }(settledAfter)
	root := t.TempDir()
	name := filepath.Join(root, "a.css")
	write := func(name, content string) os.FileInfo {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}

	settledAfter = time.Hour
	info := write(name, "body { }")
	if !served(t, root, "/a.css") || isRemembered(info) {
		t.Error("a state that may still change unseen is remembered")
	}
	settledAfter = -time.Hour
	if !served(t, root, "/a.css") || !isRemembered(info) || !served(t, root, "/a.css") {
		t.Error("a harmless file is not remembered")
	}
	other := filepath.Join(root, "new")
	write(other, "<?php 12") // of the same size
	if err := os.Chtimes(other, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, name); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if served(t, root, "/a.css") {
			t.Error("a source in the place of a harmless file is served")
		}
	}
	if now, err := os.Lstat(name); err != nil || isRemembered(now) {
		t.Errorf("a source is remembered as harmless (%v)", err)
	}
}
