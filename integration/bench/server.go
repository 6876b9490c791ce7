package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is a running contestant.
type server struct {
	app      application
	address  string
	commands []*exec.Cmd
	ended    sync.WaitGroup // who waits for the commands
	exited   chan error     // receives when a command ends
	output   string         // the file with what the commands printed
}

// start runs a contestant and returns when it answers as it must. The caller
// stops it.
func (e *environment) start(ctx context.Context, c contestant, l launch) (*server, error) {
	var err error
	if l.port, err = freePort(); err != nil {
		return nil, err
	}
	l.dir = filepath.Join(e.dir, strconv.FormatInt(e.launches.Add(1), 10))
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		return nil, err
	}
	commands, err := c.commands(e, l)
	if err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(l.dir, "output"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	s := &server{
		app: l.app, address: fmt.Sprintf("127.0.0.1:%d", l.port),
		exited: make(chan error, len(commands)), output: output.Name(),
	}
	for _, cmd := range commands {
		cmd.Stdout, cmd.Stderr = output, output
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			s.stop()
			return nil, err
		}
		s.commands = append(s.commands, cmd)
		s.ended.Go(func() {
			s.exited <- fmt.Errorf("%s ended: %w", filepath.Base(cmd.Path), cmp.Or(cmd.Wait(), errEnded))
		})
	}
	if err := s.wait(ctx); err != nil {
		err = fmt.Errorf("%w%s", err, s.said())
		s.stop()
		return nil, err
	}
	return s, nil
}

var errEnded = errors.New("exit status 0")

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// wait returns when the server answers with the right body.
func (s *server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.check()
		if err == nil || errors.Is(err, errWrongBody) {
			return err
		}
		select {
		case <-tick.C:
		case ended := <-s.exited:
			return ended
		case <-ctx.Done():
			return fmt.Errorf("no right answer in time: %w", err)
		}
	}
}

// check makes one request of each kind and compares status and body.
func (s *server) check() error {
	paths := []string{"/" + s.app.path}
	if s.app.slowEvery > 0 {
		paths = append(paths, "/slow")
	}
	for _, path := range paths {
		c := connection{address: s.address, app: s.app}
		err := c.exchange(s.app.request(path), time.Now().Add(30*time.Second))
		c.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// said is which command has ended, if any, and the last lines that they printed.
func (s *server) said() string {
	ended := ""
	select {
	case err := <-s.exited:
		ended = "; " + err.Error()
	default:
	}
	text, _ := os.ReadFile(s.output)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := strings.Join(lines[max(0, len(lines)-10):], "\n")
	if last == "" {
		return ended
	}
	return ended + "; it printed:\n" + last
}

// stop ends the server's process groups and waits for them.
func (s *server) stop() {
	signal := func(number syscall.Signal) {
		for _, cmd := range s.commands {
			_ = syscall.Kill(-cmd.Process.Pid, number)
		}
	}
	signal(syscall.SIGTERM)
	kill := time.AfterFunc(2*time.Second, func() { signal(syscall.SIGKILL) })
	s.ended.Wait()
	kill.Stop()
	signal(syscall.SIGKILL) // what a group left behind
}
