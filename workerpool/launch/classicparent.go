package launch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/fastcgi"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// classicParent is a php-fpm or php-cgi and the socket that it listens on, which we have made: nobody but us can
// connect to it.
type classicParent struct {
	process.Process
	kind   sapi
	socket string   // its name, which somebody may remove: a cleaner of temporary folders, say
	held   *os.File // the socket itself
	at     string   // by which name one connects to it
	ping   []byte   // a request that runs no code of anybody's

	// connecting is held by who connects: php-fpm starts a process when somebody does, unless it finds one
	// that is free, and may take one for free that is about to be ours.
	connecting chan struct{}
	out        *output // of the parent itself
	stderr     *os.File
	read       chan struct{} // closed when it can print nothing more
	leaving    *classicChild // whose end has been told, and whose last words may follow; for who reads what is printed
	folders    []string      // to be removed

	mu       sync.Mutex
	children map[int]*classicChild
}

// classicChild is what is known of one of its processes.
type classicChild struct {
	out *output
	// stderr and stdout are for the goroutine that reads what the parent prints.
	stderr, stdout *stream
	exit           string         // read after ended
	orderly        bool           // the same
	ended          chan struct{}  // closed when the parent has told of the end, and of the last words
	owner          *classicWorker // guarded by classicParent.mu
}

// startParent starts a parent, and does not wait for it. On an error nothing is left.
func startParent(o parentOrder) (_ *classicParent, err error) {
	p := &classicParent{
		kind: o.kind, connecting: make(chan struct{}, 1), out: &output{logger: o.log},
		read: make(chan struct{}), children: make(map[int]*classicChild),
	}
	defer func() {
		if err != nil {
			p.held.Close()
			p.removeFolders()
		}
	}()
	dir, err := o.dir.Mkdir("s") // a short name: the path of a socket has a limit
	if err != nil {
		return nil, err
	}
	p.folders = append(p.folders, dir)
	p.socket = filepath.Join(dir, "php.sock")
	listener, err := listenFor(p.socket)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	if p.held, p.at, err = fastcgi.Hold(p.socket); err != nil {
		return nil, fmt.Errorf("listening for PHP: %w", err)
	}
	script := filepath.Join(dir, "ping-"+rand.Text())
	if o.kind == sapiFPM {
		script = "/" + filepath.Base(script)
		err = p.fpm(&o, script, listener)
	} else {
		o.cmd.Stdin = listener
		o.cmd.Env = append(o.cmd.Env, fmt.Sprint("PHP_FCGI_CHILDREN=", o.settings.Classic.cgiChildren()), "PHP_FCGI_MAX_REQUESTS=0")
	}
	if err != nil {
		return nil, err
	}
	if p.ping, err = requestFor(script); err != nil {
		return nil, err
	}
	stderr, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	defer w.Close()
	o.cmd.Stdout, o.cmd.Stderr = w, w
	if p.Process, err = process.Start(o.cmd, o.settings.User, o.settings.Rlimits); err != nil {
		stderr.Close()
		return nil, err
	}
	p.stderr = stderr
	p.out.pid.Store(int64(p.PID()))
	go p.readOutput()
	return p, nil
}

// listenFor makes the socket.
func listenFor(path string) (*os.File, error) {
	if strings.ContainsAny(path, `,= "`) { // FPM_SOCKETS is a list
		return nil, fmt.Errorf("php-fpm cannot listen on %s: the name of the folder for temporary files has a space, comma, quote or equals sign", path)
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, fmt.Errorf("listening for PHP: %w", err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("listening for PHP: %w", err)
	}
	return f, nil
}

// fpm completes the command of a php-fpm.
func (p *classicParent) fpm(o *parentOrder, ping string, listener *os.File) error {
	dir, err := o.dir.Mkdir("fpm")
	if err != nil {
		return err
	}
	p.folders = append(p.folders, dir)
	classic := o.settings.Classic
	c := fpmConfig{socket: p.socket, ping: ping, most: classic.fpmMost(), extensions: classic.Extensions}
	if len(c.extensions) == 0 {
		c.extensions = []string{".php"}
	}
	o.cmd.Args = append(o.cmd.Args, "--nodaemonize", "--force-stderr", "--fpm-config", filepath.Join(dir, "fpm.conf"))
	if o.settings.runsAsRoot() {
		o.cmd.Args = append(o.cmd.Args, "--allow-to-run-as-root")
		c.user = "root"
	}
	o.cmd.ExtraFiles = []*os.File{listener}
	o.cmd.Env = slices.DeleteFunc(o.cmd.Env, func(entry string) bool { return strings.HasPrefix(entry, "NOTIFY_SOCKET=") }) // that is for us
	o.cmd.Env = append(o.cmd.Env, "FPM_SOCKETS="+p.socket+"=3")
	file := filepath.Join(dir, "fpm.conf")
	err = os.WriteFile(file, []byte(c.text()), 0o600)
	if u := o.settings.User; err == nil && u != nil {
		err = errors.Join(os.Chown(file, -1, int(u.GID)), os.Chmod(file, 0o640), os.Chown(dir, -1, int(u.GID)), os.Chmod(dir, 0o750))
	}
	if err != nil {
		return fmt.Errorf("writing the configuration of php-fpm: %w", err)
	}
	return nil
}

// requestFor is a request for a script. That of a ping php-fpm answers itself, and php-cgi does not find it.
func requestFor(script string) ([]byte, error) {
	r := fastcgi.BeginRequest(nil)
	for _, param := range [][2]string{
		{"SCRIPT_FILENAME", script}, {"SCRIPT_NAME", script}, {"REQUEST_METHOD", "GET"}, {"REQUEST_URI", script},
		{"SERVER_PROTOCOL", "HTTP/1.1"}, {"GATEWAY_INTERFACE", "CGI/1.1"}, {"REDIRECT_STATUS", "200"},
	} {
		r = fastcgi.AppendParam(r, param[0], param[1])
	}
	return fastcgi.FinishRequest(r, 0)
}

func (p *classicParent) hasEnded() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// end ends the parent and all its processes, and removes what it had.
func (p *classicParent) end() {
	p.Kill()
	<-p.Done()
	p.hearOut()
	p.stderr.Close()
	<-p.read
	p.held.Close()
	p.removeFolders()
}

// hearOut waits until all is read that the parent, which has ended, has printed; for a moment only, since somebody may hold the pipe.
func (p *classicParent) hearOut() {
	patience := time.NewTimer(exitPatience)
	defer patience.Stop()
	select {
	case <-p.read:
	case <-patience.C:
	}
}

func (p *classicParent) removeFolders() {
	for _, dir := range p.folders {
		os.RemoveAll(dir)
	}
}

// child returns what is known of one of its processes, and knows it from now on.
func (p *classicParent) child(pid int) *classicChild {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.children[pid]
	if c == nil {
		c = &classicChild{out: &output{logger: p.out.logger}, ended: make(chan struct{})}
		c.out.pid.Store(int64(pid))
		c.stderr, c.stdout = c.out.stream("stderr"), c.out.stream("stdout")
		p.children[pid] = c
	}
	return c
}

// claim makes a process the worker's, unless another one has it that has not ended; it returns whose it is.
func (p *classicParent) claim(pid int, w *classicWorker) *classicWorker {
	c := p.child(pid)
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.owner == nil || c.owner.hasEnded() {
		c.owner = w
	}
	return c.owner
}

// forget is for a process that has ended.
func (p *classicParent) forget(pid int, c *classicChild) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.children[pid] == c {
		delete(p.children, pid)
	}
}

// explain adds what the parent has printed to an error of its first start.
func (p *classicParent) explain(err error) error {
	if p.hasEnded() {
		p.hearOut()
	}
	if lines := p.out.transcript(); len(lines) > 0 {
		err = fmt.Errorf("%w; it printed: %s", err, strings.Join(lines, " | "))
	}
	return err
}

// fpmLevel is the level of our log for one of php-fpm's.
func fpmLevel(level string) (log func(*zap.Logger, string, ...zap.Field)) {
	switch level {
	case "WARNING":
		return (*zap.Logger).Warn
	case "ERROR", "ALERT":
		return (*zap.Logger).Error
	}
	return (*zap.Logger).Debug
}
