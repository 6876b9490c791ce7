package launch

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/fastcgi"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// Classic are the settings of workers that start and end each request as PHP itself does: processes of one php-fpm
// or php-cgi for each generation, its parent, so that they share OPcache. One worker is one
// process and one connection, which end together.
type Classic struct {
	// Extensions are those of the files that may be executed, each with its dot. Default: ".php".
	Extensions []string
	// Most is how many workers there are at a time at most. A php-cgi has so many processes from the start.
	Most int
	// Preload has parents compile, before their first request, what requests to the one before have loaded.
	Preload bool
}

// classicLauncher has one parent at a time, which is started with the first worker and, where it has ended, with the
// next one.
type classicLauncher struct {
	given    Settings
	settings Settings // with a command
	kind     sapi
	dir      *tempdir.Dir
	ini      *iniFolder
	made     time.Time
	known    []string // files that requests to generations before have loaded, and that had not changed then

	mu       sync.Mutex // held while a parent is started
	closed   bool
	current  *classicParent
	preloads []string // arguments of the first parent; one that has to take its place preloads nothing
}

// NewClassic returns a launcher for the settings, whose Classic is not nil. The command is that of a php-fpm or
// php-cgi; without one the system's is looked for. SuitIni, Prepend and all about relays do not count. It starts
// nothing but the program, to ask it what it is.
func NewClassic(s Settings) (Launcher, error) {
	l, err := newClassic(context.Background(), s)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func newClassic(ctx context.Context, s Settings) (*classicLauncher, error) {
	if err := fastcgi.Supported(); err != nil {
		return nil, fmt.Errorf("classic mode needs Linux: %w", err)
	}
	if s.User != nil {
		if err := process.MayBecome(s.User); err != nil {
			return nil, err
		}
	}
	given, made := s, time.Now()
	if len(s.Command) == 0 {
		var err error
		if s.Command, err = findClassic(); err != nil {
			return nil, err
		}
	}
	kind, err := s.askSAPI(ctx)
	if err != nil {
		return nil, err
	}
	dir, ini, err := openIni(&s, nil)
	if err != nil {
		return nil, err
	}
	return &classicLauncher{given: given, settings: s, kind: kind, dir: dir, ini: ini, made: made}, nil
}

// Traits are those of any number of processes up to that which the parent has room for.
func (l *classicLauncher) Traits() Traits {
	t := Traits{Command: l.settings.Command, AtOnce: max(2, runtime.GOMAXPROCS(0)), Most: l.settings.Classic.Most}
	if l.kind == sapiFPM {
		t.Most = l.settings.Classic.fpmMost() / 2
	}
	return t
}

// fpmMost is how many processes a php-fpm may have, the free ones and those that are ending included. It has
// none that nobody needs; each takes less than 1 KB as long as it is not there.
func (c *Classic) fpmMost() int { return max(4*c.Most, 512) }

// cgiChildren is how many processes a php-cgi has: one for each worker, and one that tells what is worth preloading.
func (c *Classic) cgiChildren() int {
	if c.Preload {
		return c.Most + 1
	}
	return c.Most
}

// Launch starts the parent where that is missing.
func (l *classicLauncher) Launch(o Order) (Worker, error) {
	p, err := l.parent(o.Log)
	if err != nil {
		return nil, err
	}
	return newClassicWorker(p, &l.settings), nil
}

// parent is the one that lives, or a new one.
func (l *classicLauncher) parent(log func() *zap.Logger) (*classicParent, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("the pool is closed")
	}
	if p := l.current; p != nil {
		if !p.hasEnded() {
			return p, nil
		}
		p.end()
		l.current = nil
	}
	p, err := l.start(log)
	if err == nil {
		l.current = p
	}
	return p, err
}

// start starts a parent. It needs the lock.
func (l *classicLauncher) start(log func() *zap.Logger) (*classicParent, error) {
	iniDir, err := l.ini.path()
	if err != nil {
		return nil, err
	}
	cmd, err := l.settings.command()
	if err != nil {
		return nil, err
	}
	cmd.Env = l.settings.environment("", iniDir, cmd.Dir)
	cmd.Args, l.preloads = append(cmd.Args, l.preloads...), nil
	return startParent(parentOrder{
		cmd: cmd, kind: l.kind, settings: &l.settings, dir: l.dir, log: log,
	})
}

// Renew starts another parent, with an OPcache of its own, and waits until it answers. Where it does not with what it is to preload,
// one that preloads nothing takes its place.
func (l *classicLauncher) Renew(ctx context.Context, log func() *zap.Logger, alike bool) (Launcher, error) {
	l.mu.Lock()
	old := l.current
	l.mu.Unlock()
	if files := l.worthPreloading(ctx, old, alike); len(files) > 0 {
		next, err := l.next(ctx, log, files)
		if err == nil || ctx.Err() != nil {
			return next, err
		}
		log().Warn("PHP does not start with what is to be preloaded, so nothing is", zap.Error(err))
	}
	return l.next(ctx, log, nil)
}

// next is the launcher of another parent, which answers, and has compiled what is fit for it of these files.
func (l *classicLauncher) next(ctx context.Context, log func() *zap.Logger, files []string) (Launcher, error) {
	next, err := newClassic(ctx, l.given)
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		err = next.preload(files)
	}
	if err == nil {
		err = next.prove(ctx, log)
	}
	if err != nil {
		next.Close()
		return nil, err
	}
	return next, nil
}

// prove starts the parent and waits until it answers, for as long as a first start may take.
func (l *classicLauncher) prove(ctx context.Context, log func() *zap.Logger) error {
	p, err := l.parent(log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, proveTimeout, fmt.Errorf("it did not answer in time (%s)", proveTimeout))
	defer cancel()
	w := newClassicWorker(p, &l.settings)
	defer w.Close()
	conversation, err := w.connect(ctx)
	if err != nil {
		return p.explain(err)
	}
	conversation.Close() // its process waits for the next connection
	return nil
}

// proveTimeout is how long the parent of the next generation may take until it answers.
const proveTimeout = time.Minute

// Close ends the parent, with all that has its mark.
func (l *classicLauncher) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	if l.current != nil {
		l.current.end()
	}
	l.ini.remove()
	_ = l.dir.Close()
}

// parentOrder is what a parent is started with.
type parentOrder struct {
	cmd      *exec.Cmd
	kind     sapi
	settings *Settings
	dir      *tempdir.Dir
	log      func() *zap.Logger
}
