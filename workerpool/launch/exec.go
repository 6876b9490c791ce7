package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// execLauncher starts a process for each worker. All its generations are one: the
// command is looked up at every start.
type execLauncher struct {
	settings Settings
	dir      *tempdir.Dir
	ini      *iniFolder
	close    func()
}

// NewExec returns a launcher that starts the command of the settings for each worker. It makes
// a temporary folder, and checks and writes the ini settings; it starts nothing.
func NewExec(s Settings) (Launcher, error) {
	if s.User != nil {
		if err := process.MayBecome(s.User); err != nil {
			return nil, err
		}
	}
	dir, ini, err := openIni(&s, s.Prepend)
	if err != nil {
		return nil, err
	}
	return &execLauncher{settings: s, dir: dir, ini: ini, close: sync.OnceFunc(func() {
		ini.remove()
		_ = dir.Close()
	})}, nil
}

func (l *execLauncher) Close() { l.close() }

// Renew asks PHP anew what settings suit it.
func (l *execLauncher) Renew(ctx context.Context, _ func() *zap.Logger, _ bool) (Launcher, error) {
	if err := l.suit(ctx, true); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *execLauncher) Traits() Traits {
	_, told := l.settings.Env["RR_RELAY"]
	return Traits{
		Command:  l.settings.Command,
		AtOnce:   max(2, runtime.GOMAXPROCS(0)),
		AnyRelay: l.settings.Relay == RelayAuto && inherits && !told,
	}
}

// Launch resolves the command, offers the relays and starts the process.
func (l *execLauncher) Launch(o Order) (_ Worker, err error) {
	if err := l.suit(context.Background(), false); err != nil {
		return nil, err
	}
	iniDir, err := l.ini.path()
	if err != nil {
		return nil, err
	}
	cmd, err := l.settings.command()
	if err != nil {
		return nil, err
	}
	w := &execWorker{out: &output{logger: o.Log}}
	p := &pipes{}
	defer func() {
		closeFiles(p.theirs)
		if err != nil {
			closeFiles(p.ours)
			w.Close()
		}
	}()
	address, err := l.offer(w, p, cmd, o.Relay)
	if err != nil {
		return nil, err
	}
	cmd.Env = l.settings.environment(address, iniDir, cmd.Dir)
	if w.Process, err = process.Start(cmd, l.settings.User, l.settings.Rlimits); err != nil {
		return nil, err
	}
	w.out.pid.Store(int64(w.PID()))
	w.read()
	return w, nil
}

// offer makes the pipes of the standard streams, and the relays on which the worker may answer. It
// returns the address that the worker is told.
func (l *execLauncher) offer(w *execWorker, p *pipes, cmd *exec.Cmd, relay Relay) (address string, err error) {
	stdin, requests, err := p.toWorker()
	if err != nil {
		return "", err
	}
	stdout, answers, err := p.fromWorker()
	if err != nil {
		return "", err
	}
	stderr, errs, err := p.fromWorker()
	if err != nil {
		return "", err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	w.stderr = errs
	w.closers = append(w.closers, errs.Close)

	options := goridge.Options{MaxInMemory: l.settings.MaxInMemory, Budget: l.settings.Budget}
	if relay == RelayUnix {
		offer, address, err := offerSocket(l.dir, l.settings.User, options)
		if err != nil {
			return "", err
		}
		w.offers = append(w.offers, offer)
		w.stdout = answers
		w.closers = append(w.closers, requests.Close, answers.Close)
		return address, nil
	}
	address = goridge.RelayStdio
	if relay == RelayAuto && inherits {
		in, inRequests, err := p.toWorker()
		if err != nil {
			return "", err
		}
		out, outAnswers, err := p.fromWorker()
		if err != nil {
			return "", err
		}
		cmd.ExtraFiles = []*os.File{in, out}
		address = goridge.RelayFDs(3, 4)
		w.offers = append(w.offers, link.OnPipes("file descriptors 3 and 4", outAnswers, inRequests, options, nil))
	}
	w.offers = append(w.offers, link.OnPipes("stdin and stdout", answers, requests, options, w.out.stream("stdout")))
	return address, nil
}

// pipes are those of a worker: its ends and ours.
type pipes struct{ theirs, ours []*os.File }

// toWorker makes a pipe that the worker reads.
func (p *pipes) toWorker() (theirs, ours *os.File, err error) {
	r, w, err := p.pipe()
	if err == nil {
		p.theirs, p.ours = append(p.theirs, r), append(p.ours, w)
	}
	return r, w, err
}

// fromWorker makes a pipe that the worker writes.
func (p *pipes) fromWorker() (theirs, ours *os.File, err error) {
	r, w, err := p.pipe()
	if err == nil {
		p.theirs, p.ours = append(p.theirs, w), append(p.ours, r)
	}
	return w, r, err
}

func (p *pipes) pipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err != nil {
		return nil, nil, fmt.Errorf("making a pipe: %w", err)
	}
	link.GrowPipe(w)
	return r, w, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// execWorker is a process with the relays that it was offered.
type execWorker struct {
	process.Process
	out     *output
	offers  []*link.Offer
	closers []func() error // our ends of what the offers do not own
	// stderr, and stdout where no relay reads it, are logged.
	stderr, stdout *os.File
	// readers end when nothing can be printed any more.
	readers sync.WaitGroup
	done    chan struct{} // closed then; nil: nobody has asked yet
}

// read logs what the worker prints.
func (w *execWorker) read() {
	w.readers.Go(func() { w.out.stream("stderr").copyFrom(w.stderr) })
	if w.stdout != nil {
		w.readers.Go(func() { w.out.stream("stdout").copyFrom(w.stdout) })
	}
}

func (w *execWorker) Link(ctx context.Context) (Link, error) {
	l, err := link.Handshake(ctx, w.offers, w.Done(), w.readers.Go)
	if errors.Is(err, link.ErrEnded) {
		exit, orderly := w.Exit()
		return nil, &EndedError{Exit: exit, Orderly: orderly, Before: "it asked for a request"}
	}
	if err != nil {
		return nil, err
	}
	w.SetPHP(l.PID())
	w.out.pid.Store(int64(l.PID()))
	return l, nil
}

func (w *execWorker) OutputDone() <-chan struct{} {
	if w.done == nil {
		w.done = make(chan struct{})
		go func() {
			w.readers.Wait()
			close(w.done)
		}()
	}
	return w.done
}

func (w *execWorker) Tail() []string { return w.out.tail() }

func (w *execWorker) Transcript() ([]string, string) { return w.out.transcript(), w.out.fatalLine() }

func (w *execWorker) Close() {
	for _, o := range w.offers {
		o.Cancel()
	}
	for _, f := range w.closers {
		_ = f()
	}
}
