package workerpool

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// child is a process with its relays. Its owner is the worker's goroutine.
type child struct {
	process
	// candidates are the relays on which the worker may answer.
	candidates []*candidate
	// readers ends when nothing can be printed any more.
	readers sync.WaitGroup
	// chosen is the one on which it did; set by handshake.
	chosen *candidate
	// closers are our ends of what the candidates do not own.
	closers []func() error
}

// candidate is one relay that is offered to a worker.
type candidate struct {
	name string
	// conn is ready from the start, or comes from accept.
	conn   *goridge.Conn
	accept func() (*goridge.Conn, error)
	// writer is our end of the pipe that the worker reads; nil for a socket.
	writer *os.File
	// theirs is the worker's end of that pipe, until the worker has started.
	theirs *os.File
	// tap reads that pipe, too; nil where it cannot be had.
	tap *tap
	// reader is our end of what it writes.
	reader syscall.Conn
	// abandon ends a pending accept or read.
	abandon func()
	// stdout is the stream that logs what is not a frame; nil for a relay of
	// its own.
	stdout *stream
	// verdict says whether this candidate was chosen.
	verdict chan bool
}

// unread reports whether the last sent bytes written to the worker certainly
// never reached it: they still lie in the pipe.
func (c *child) unread(sent int) bool {
	return sent > 0 && c.chosen.writer != nil && pipeLevel(c.chosen.writer) >= sent
}

// openTaps needs the worker's ends, which spawn closes when it returns.
func (c *child) openTaps() {
	for _, k := range c.candidates {
		if k.theirs != nil {
			k.tap = openTap(k.theirs)
		}
	}
}

// closeTaps closes all taps but one.
func (c *child) closeTaps(but *candidate) {
	for _, k := range c.candidates {
		if k != but {
			k.tap.close()
		}
	}
}

// waiting is how many bytes of what the worker wrote lie in its relay.
func (c *child) waiting() int {
	if c.chosen.reader == nil {
		return 0
	}
	return pipeLevel(c.chosen.reader)
}

// lastWords logs the beginning of a line that will not come to its end. It is
// for whoever reads the relay.
func (c *child) lastWords() {
	if c.chosen != nil && c.chosen.stdout != nil {
		c.chosen.stdout.flush()
	}
}

// close closes what is left of our ends, but for the chosen relay. Idempotent.
func (c *child) close() {
	for _, k := range c.candidates {
		if k != c.chosen {
			k.abandon()
		}
	}
	for _, f := range c.closers {
		_ = f()
	}
}

// spawn is the launcher of real processes.
func spawn(spec spawnSpec) (_ *child, err error) {
	cfg := spec.config
	cmd, err := cfg.command()
	if err != nil {
		return nil, err
	}
	var theirs, ours []*os.File
	abandon := func() {}
	defer func() {
		closeFiles(theirs)
		if err != nil {
			closeFiles(ours)
			abandon()
		}
	}()
	// pipe returns their end and ours.
	pipe := func(toChild bool) (*os.File, *os.File, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, nil, fmt.Errorf("making a pipe: %w", err)
		}
		if toChild {
			theirs, ours = append(theirs, r), append(ours, w)
			growPipe(w)
			return r, w, nil
		}
		theirs, ours = append(theirs, w), append(ours, r)
		growPipe(r)
		return w, r, nil
	}
	stdin, stdinW, err := pipe(true)
	if err != nil {
		return nil, err
	}
	stdout, stdoutR, err := pipe(false)
	if err != nil {
		return nil, err
	}
	stderr, stderrR, err := pipe(false)
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr

	c := &child{}
	out, errs := spec.output.stream("stdout"), spec.output.stream("stderr")
	options := goridge.Options{MaxInMemory: cfg.MaxInMemory}
	var address string
	switch {
	case spec.relay == RelayUnix:
		s, err := listenUnix(spec.folder, cfg.User, options)
		if err != nil {
			return nil, err
		}
		abandon = s.abandon
		address = s.address
		c.candidates = append(c.candidates, s.candidate)
		c.closers = append(c.closers, stdinW.Close, stdoutR.Close)
	default:
		address = goridge.RelayStdio
		stray := options
		stray.Stray = func(p []byte) { _, _ = out.Write(p) }
		onStdio := &candidate{name: "stdin and stdout", conn: goridge.NewConn(stdoutR, stdinW, stray), writer: stdinW, reader: stdoutR, stdout: out, theirs: stdin}
		if spec.relay == RelayAuto && extraFiles {
			in, inW, err := pipe(true)
			if err != nil {
				return nil, err
			}
			answers, answersR, err := pipe(false)
			if err != nil {
				return nil, err
			}
			cmd.ExtraFiles = []*os.File{in, answers}
			address = goridge.RelayFDs(3, 4)
			c.candidates = append(c.candidates, &candidate{
				name: "file descriptors 3 and 4",
				conn: goridge.NewConn(answersR, inW, options), writer: inW, reader: answersR, theirs: in,
			})
		}
		c.candidates = append(c.candidates, onStdio)
	}
	for _, k := range c.candidates {
		k.verdict = make(chan bool, 1)
		if k.abandon == nil {
			k.abandon = func() { k.conn.Close() }
		}
	}
	cmd.Env = cfg.environment(address, spec.iniDir, cmd.Dir)
	c.closers = append(c.closers, stderrR.Close)

	c.openTaps()
	p, err := startProcess(cmd)
	if err != nil {
		c.closeTaps(nil)
		return nil, err
	}
	c.process = p
	spec.output.pid.Store(int64(p.PID()))
	if err := setRlimits(p.PID(), cfg.Rlimits); err != nil {
		p.Kill()
		c.closeTaps(nil)
		return nil, err
	}
	c.readers.Go(func() { errs.copyFrom(stderrR) })
	if spec.relay == RelayUnix {
		c.readers.Go(func() { out.copyFrom(stdoutR) })
	}
	return c, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// environment is what the worker sees. The user's own entries win.
func (c *Config) environment(relay, iniDir, dir string) []string {
	env := make(map[string]string)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if !c.ClearEnv || name == "PATH" {
			env[name] = value
		}
	}
	env["PWD"] = dir
	for _, name := range append([]string{"RR_RELAY"}, c.RelayEnvName...) {
		env[name] = relay
	}
	scan, set := env["PHP_INI_SCAN_DIR"]
	for name, value := range c.Env {
		env[name] = value
		if name == "PHP_INI_SCAN_DIR" {
			scan, set = value, true
		}
	}
	if iniDir != "" {
		// An empty element stands for the folder that PHP was built with.
		if !set {
			scan = ""
		}
		env["PHP_INI_SCAN_DIR"] = scan + string(filepath.ListSeparator) + iniDir
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// unixListener is a candidate whose worker comes to a socket of its own.
type unixListener struct {
	*candidate
	address string
}

// listenUnix makes a socket in a folder that nobody else can enter, for one
// connection.
func listenUnix(folder *Folder, user *User, o goridge.Options) (*unixListener, error) {
	dir, err := folder.mkdir("s") // a short name: the path of a socket has a limit
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "relay.sock")
	fail := func(err error) (*unixListener, error) {
		os.RemoveAll(dir)
		return nil, err
	}
	address, err := goridge.RelayUnix(path)
	if err != nil {
		return fail(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fail(fmt.Errorf("listening on the relay socket: %w", err))
	}
	if user != nil {
		if err := errors.Join(os.Chown(path, int(user.UID), int(user.GID)), os.Chown(dir, int(user.UID), int(user.GID))); err != nil {
			l.Close()
			return fail(fmt.Errorf("giving the relay socket to the worker's user: %w", err))
		}
	}
	abandon := sync.OnceFunc(func() {
		l.Close()
		os.RemoveAll(dir)
	})
	k := &candidate{name: "unix socket", abandon: abandon}
	k.accept = func() (*goridge.Conn, error) {
		defer abandon()
		conn, err := l.Accept()
		if err != nil {
			return nil, err
		}
		k.reader = conn.(*net.UnixConn)
		return goridge.NewConn(conn, conn, o), nil
	}
	return &unixListener{address: address, candidate: k}, nil
}
