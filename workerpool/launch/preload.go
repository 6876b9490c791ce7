package launch

import (
	"bytes"
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

//go:embed preload.php
var preloadScript string

//go:embed loaded.php
var loadedScript string

// preload has the first parent of this launcher compile what is fit for it of these files, before its first request.
func (l *classicLauncher) preload(files []string) error {
	l.known = files
	dir, err := l.handOut(file{"preload.php", preloadScript}, file{"list", strings.Join(files, "\x00")})
	if err != nil {
		return fmt.Errorf("writing what is to be preloaded: %w", err)
	}
	l.preloads = []string{"-d", "opcache.preload=" + filepath.Join(dir, "preload.php")}
	if l.settings.runsAsRoot() { // PHP wants to be told
		l.preloads = append(l.preloads, "-d", "opcache.preload_user=root")
	}
	return nil
}

// runsAsRoot says that the parent does.
func (s *Settings) runsAsRoot() bool {
	return s.User == nil && os.Geteuid() == 0 || s.User != nil && s.User.UID == 0
}

// handOut writes files to a folder of their own, which the pool's user may read and not change. It goes with the launcher.
func (l *classicLauncher) handOut(files ...file) (string, error) {
	dir, err := l.dir.Mkdir("preload")
	if err != nil {
		return "", err
	}
	folder := &iniFolder{dir: dir, user: l.settings.User}
	for _, f := range files {
		err = errors.Join(err, folder.writeFile(f))
	}
	if u := l.settings.User; u != nil {
		err = errors.Join(err, os.Chown(dir, -1, int(u.GID)), os.Chmod(dir, 0o750))
	}
	return dir, err
}

// worthPreloading are the files that requests to this parent, or to those before, have loaded, where the next one may preload them.
func (l *classicLauncher) worthPreloading(ctx context.Context, p *classicParent, alike bool) []string {
	if !l.settings.Classic.Preload || p == nil || p.hasEnded() {
		return nil
	}
	if !alike {
		p.out.logger().Info("nothing is preloaded until the next restart: root leads to another folder than before")
		return nil
	}
	files, err := l.loaded(ctx, p)
	if err != nil {
		p.out.logger().Warn("nothing is preloaded", zap.Error(err))
		return nil
	}
	files = slices.Compact(slices.Sorted(slices.Values(append(files, l.known...))))
	if name := changedSince(l.made, files); name != "" {
		p.out.logger().Info("nothing is preloaded until the next restart: a file has changed since PHP was started", zap.String("file", name))
		return nil
	}
	return files
}

// changedSince is one of these files that has changed since then, or is not there any more; "" if there is none. Where one has, another may
// count for a class whose own is still as it was: only requests to the next parent tell.
func changedSince(start time.Time, files []string) string {
	for _, name := range files {
		if info, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) || err == nil && changedAt(info).After(start) {
			return name
		}
	}
	return ""
}

// loaded asks the parent, by a script of ours, which files its OPcache has.
func (l *classicLauncher) loaded(ctx context.Context, p *classicParent) ([]string, error) {
	name := "loaded.php"
	if extensions := l.settings.Classic.Extensions; len(extensions) > 0 {
		name = "loaded" + extensions[0]
	}
	mark := filepath.Base(p.socket) + filepath.Base(filepath.Dir(p.socket)) // which no file of the application has
	dir, err := l.handOut(file{name, strings.ReplaceAll(loadedScript, "MARK", mark)})
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	said, err := l.run(ctx, p, filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	_, answer, _ := strings.Cut(said, mark)
	answer, _, whole := strings.Cut(answer, mark)
	ours := func(name string) bool { return strings.HasPrefix(name, filepath.Dir(dir)+string(filepath.Separator)) }
	status, list, _ := strings.Cut(answer, "\x00")
	by, list, _ := strings.Cut(list, "\x00")
	switch {
	case !whole:
		return nil, fmt.Errorf("a script of ours was not run, as where open_basedir keeps PHP from it; PHP said %q", beginning(said, keptLineLen))
	case status != "yes":
		return nil, errors.New("OPcache is off, or opcache.restrict_api keeps it from telling")
	case by != "" && !ours(by):
		return nil, fmt.Errorf("PHP's own settings have it preload by %s", by)
	}
	return slices.DeleteFunc(strings.Split(list, "\x00"), func(name string) bool { return !filepath.IsAbs(name) || ours(name) }), nil
}

// run runs a script in a process of the parent, on a connection of its own, and returns what it says, the headers included.
func (l *classicLauncher) run(ctx context.Context, p *classicParent, script string) (string, error) {
	request, err := requestFor(script)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, proveTimeout, fmt.Errorf("PHP did not answer in time (%s)", proveTimeout))
	defer cancel()
	w := newClassicWorker(p, &l.settings)
	defer w.Close()
	c, err := w.connect(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.Break)()
	if _, err := c.Send(request, nil, 0); err != nil {
		return "", err
	}
	var said bytes.Buffer
	var f goridge.Frame
	defer f.Release()
	for first := true; first || f.More(); first = false {
		f.Release()
		if err := c.Answer(&f); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return "", err
		}
		said.Write(f.Body())
		if _, err := f.WriteTo(&said); err != nil {
			return "", err
		}
	}
	return said.String(), nil
}
