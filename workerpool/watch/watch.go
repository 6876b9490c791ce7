// Package watch tells when files change whose names match patterns. It is for
// development.
package watch

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pause is how long files must be quiet before their change is told: an editor,
// and a checkout even more, changes several at a time.
const pause = 200 * time.Millisecond

// unwatched folders are written by applications and tools as they run; their
// files would be told for ever.
var unwatched = map[string]bool{
	".git": true, "node_modules": true, "var": true, "cache": true, "storage": true, "tmp": true, "log": true, "logs": true,
}

type watcher struct {
	fs      *fsnotify.Watcher
	globs   []glob
	changed func(file string)
	failed  func(error)
	stop    chan struct{}
}

// Check reports patterns that Start would refuse.
func Check(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := compileGlob(pattern, "/"); err != nil {
			return err
		}
	}
	return nil
}

// Start watches the files that match one of the patterns, which are relative to
// dir, in the folders that exist now and in those that come. Once files have
// changed and then been quiet for 200 ms, changed is called with the name of the
// last one. failed is told of errors that do not end the watch. Both are called from one
// goroutine, and files that change meanwhile wait for them.
//
// stop ends the watch and returns when that goroutine has ended; it may be called more than once,
// but not by changed or failed.
func Start(dir string, patterns []string, changed func(file string), failed func(error)) (stop func(), err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	w := &watcher{changed: changed, failed: failed, stop: make(chan struct{})}
	for _, pattern := range patterns {
		g, err := compileGlob(pattern, dir)
		if err != nil {
			return nil, err
		}
		w.globs = append(w.globs, g)
	}
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		return nil, fmt.Errorf("watching files: %w", err)
	}
	for _, g := range w.globs {
		if err := w.add(g.base); err != nil {
			w.fs.Close()
			return nil, err
		}
	}
	var running sync.WaitGroup
	running.Go(w.run)
	return sync.OnceFunc(func() {
		close(w.stop)
		running.Wait()
	}), nil
}

// add watches a folder and those below it.
func (w *watcher) add(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return fmt.Errorf("watching files: %w", err)
		case err != nil:
			return nil // gone, or not ours to read
		case !d.IsDir():
			return nil
		case path != root && unwatched[d.Name()]:
			return filepath.SkipDir
		}
		if err := w.fs.Add(path); err != nil {
			return fmt.Errorf("watching %s (the system limits the number of watched folders): %w", path, err)
		}
		return nil
	})
}

func (w *watcher) run() {
	defer w.fs.Close()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	changed := ""
	for {
		select {
		case event, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if event.Has(fsnotify.Create) {
				_ = w.add(event.Name)
				// Files that came with a new folder, before it was watched.
				if file := w.firstMatch(event.Name); file != "" {
					changed = file
					quiet.Reset(pause)
				}
			}
			if !event.Has(fsnotify.Chmod) && w.matches(event.Name) {
				changed = event.Name
				quiet.Reset(pause)
			}
		case err := <-w.fs.Errors:
			w.failed(err)
		case <-quiet.C:
			w.changed(changed)
		case <-w.stop:
			return
		}
	}
}

// firstMatch finds a file at or below root that a pattern names; "" if there is
// none.
func (w *watcher) firstMatch(root string) (found string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // gone again
		case d.IsDir() && path != root && unwatched[d.Name()]:
			return filepath.SkipDir
		case !d.IsDir() && w.matches(path):
			found = path
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

func (w *watcher) matches(path string) bool {
	for _, g := range w.globs {
		if g.matches(path) {
			return true
		}
	}
	return false
}
