package workerpool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// DefaultWatch are the files whose change restarts the workers where no pattern
// is given.
var DefaultWatch = []string{"**/*.{php,env,twig,yaml,yml}", ".env*"}

// watchPause is how long files must be quiet before the workers are restarted:
// an editor, and a checkout even more, changes several at a time.
const watchPause = 200 * time.Millisecond

// unwatched folders are written by applications and tools as they run; their
// files would restart the workers for ever.
var unwatched = map[string]bool{
	".git": true, "node_modules": true, "var": true, "cache": true, "storage": true, "tmp": true, "log": true, "logs": true,
}

// watcher restarts the pool when files change. It is for development.
type watcher struct {
	pool  *Pool
	fs    *fsnotify.Watcher
	globs []glob
}

// startWatch watches until the pool is closed. The folders that exist now, and
// those that come, are watched.
func (p *Pool) startWatch() error {
	patterns := p.config.Watch
	dir, err := filepath.Abs(p.config.Dir)
	if err != nil {
		return fmt.Errorf("watching files: %w", err)
	}
	w := &watcher{pool: p}
	for _, pattern := range patterns {
		g, err := compileGlob(pattern, dir)
		if err != nil {
			return err
		}
		w.globs = append(w.globs, g)
	}
	if w.fs, err = fsnotify.NewWatcher(); err != nil {
		return fmt.Errorf("watching files: %w", err)
	}
	for _, g := range w.globs {
		if err := w.add(g.base); err != nil {
			w.fs.Close()
			return err
		}
	}
	go w.run()
	return nil
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
					quiet.Reset(watchPause)
				}
			}
			if !event.Has(fsnotify.Chmod) && w.matches(event.Name) {
				changed = event.Name
				quiet.Reset(watchPause)
			}
		case err := <-w.fs.Errors:
			w.pool.log().Warn("watching files", zap.Error(err))
		case <-quiet.C:
			if !w.restart(changed) {
				quiet.Reset(watchPause)
			}
		case <-w.pool.drained:
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

// restart reports false if a restart is under way, which may have begun before
// the change.
func (w *watcher) restart(changed string) bool {
	p := w.pool
	wait, err := p.Restart(ReasonWatch)
	if errors.Is(err, ErrRestartRunning) {
		return false
	}
	if err != nil {
		return true
	}
	p.log().Info("a file has changed: restarting the workers", zap.String("file", changed))
	if err := wait(context.Background()); err != nil {
		p.log().Error("the changed code does not start; the old workers keep serving", zap.Error(err))
	}
	return true
}
