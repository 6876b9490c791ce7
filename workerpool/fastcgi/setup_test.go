//go:build linux

package fastcgi

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// patience is how long a test waits for what has to happen. No test takes so long unless it fails.
const patience = 20 * time.Second

// peer is PHP's end of a connection, played by the test.
type peer struct {
	t    testing.TB
	conn *net.UnixConn
}

// pair returns a Link whose PHP is the test: this process, whose first request has been opened.
func pair(t testing.TB, o Options) (*Link, *peer) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	sock, err := newSocket(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(sock, o)
	l.pid, l.machine = os.Getpid(), Machine{pid: os.Getpid()}
	if _, err := sock.write(opening); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "peer")
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	p := &peer{t, conn.(*net.UnixConn)}
	_ = p.conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { l.Close(); p.conn.Close() })
	return l, p
}

func (p *peer) read(n int) []byte {
	p.t.Helper()
	text := make([]byte, n)
	if _, err := io.ReadFull(p.conn, text); err != nil {
		p.t.Errorf("PHP reads: %v", err)
	}
	return text
}

// readOpening reads that of the next request.
func (p *peer) readOpening() {
	p.t.Helper()
	if got := p.read(headerSize); string(got) != string(opening) {
		p.t.Errorf("the opening is %q", got)
	}
}

// readRequest reads what follows the opening, up to the end of the body, and returns that.
func (p *peer) readRequest() (body string) {
	p.t.Helper()
	p.read(8)
	for params := true; ; {
		h := p.read(headerSize)
		n := int(binary.BigEndian.Uint16(h[4:]))
		content := p.read(n)
		switch {
		case params && h[1] == typeParams:
			params = n > 0
		case !params && h[1] == typeStdin && n == 0:
			return body
		case !params && h[1] == typeStdin:
			body += string(content)
		default:
			p.t.Errorf("a record of type %d", h[1])
			return body
		}
	}
}

func (p *peer) write(text []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(text); err != nil {
		p.t.Errorf("PHP writes: %v", err)
	}
}

func record(typ byte, content string) []byte {
	fill := (8 - len(content)%8) % 8
	r := append(appendHeader(nil, typ, len(content)), content...)
	r[6] = byte(fill)
	return append(r, make([]byte, fill)...)
}

func stdout(text string) []byte { return record(typeStdout, text) }
func end() []byte               { return record(typeEnd, "\x00\x00\x00\x00\x00abc") }

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func request(t testing.TB) []byte { return encode(t, param{"SCRIPT_FILENAME", "/a.php"}) }

func ask(t testing.TB, l *Link) {
	t.Helper()
	if _, err := l.Send(request(t), nil, 0); err != nil {
		t.Fatal(err)
	}
}

func next(t testing.TB, l *Link) (head, body string, more bool) {
	t.Helper()
	var f goridge.Frame
	if err := l.Answer(&f); err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	return string(f.Context()), string(f.Body()), f.More()
}

func answers(t testing.TB, l *Link, wantHead, wantBody string, wantMore bool) {
	t.Helper()
	head, body, more := next(t, l)
	if head != wantHead || body != wantBody || more != wantMore {
		t.Fatalf("head %.200q, body %.200q, more %v; want %.200q, %.200q, %v", head, body, more, wantHead, wantBody, wantMore)
	}
}

// php starts php-fpm or php-cgi, and returns the path of its socket.
func php(t testing.TB, program string) (path string) {
	t.Helper()
	name, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	dir, err := os.MkdirTemp("", "fc") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	cmd := exec.Command(name)
	cmd.Env = append(os.Environ(), "PHP_FCGI_CHILDREN=2", "PHP_FCGI_MAX_REQUESTS=0", "FPM_SOCKETS="+path+"=3")
	cmd.Stdin = f
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	if strings.Contains(program, "fpm") {
		config := filepath.Join(dir, "fpm.conf")
		text := "[global]\nerror_log=/dev/null\n[p]\nlisten=" + path + "\nping.path=/ping\nclear_env=no\npm=static\npm.max_children=2\n"
		cmd.Args = append(cmd.Args, "-F", "-y", config)
		if os.Geteuid() == 0 {
			cmd.Args = append(cmd.Args, "-R")
			text += "user=root\n"
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin, cmd.ExtraFiles = nil, []*os.File{f}
	}
	err = cmd.Start()
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = cmd.Wait()
		os.RemoveAll(dir)
	})
	return path
}

// connect connects to PHP.
func connect(t testing.TB, path string, o Options) *Link {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("PHP was not ready in time"))
	defer cancel()
	ping := encode(t, param{"SCRIPT_FILENAME", "/ping"}, param{"SCRIPT_NAME", "/ping"}, param{"REQUEST_METHOD", "GET"}, param{"REDIRECT_STATUS", "200"})
	l, err := Connect(ctx, path, ping, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// run has PHP run a script.
func run(t testing.TB, script string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.php")
	if err := os.WriteFile(file, []byte("<?php "+script), 0o600); err != nil {
		t.Fatal(err)
	}
	return encode(t, param{"SCRIPT_FILENAME", file}, param{"SCRIPT_NAME", "/a.php"}, param{"REQUEST_METHOD", "GET"}, param{"REDIRECT_STATUS", "200"})
}
