//go:build linux

package workerpool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/fastcgi"
)

// runClassicHost owns a classic pool with one busy process until somebody kills it.
func runClassicHost(command []string, script string) {
	p, err := New(Config{Name: "classic", Classic: &Classic{}, Command: command, Min: 2}, zap.NewNop(), Events{})
	check(err)
	check(p.Start(context.Background()))
	frame := fastcgi.BeginRequest(nil)
	for _, param := range [][2]string{{"SCRIPT_FILENAME", script}, {"SCRIPT_NAME", "/a.php"}, {"REQUEST_METHOD", "GET"}, {"REDIRECT_STATUS", "200"}} {
		frame = fastcgi.AppendParam(frame, param[0], param[1])
	}
	frame, err = fastcgi.FinishRequest(frame, 0)
	check(err)
	_, err = p.Exec(context.Background(), &Request{Frame: frame})
	check(fmt.Errorf("the request came to an end: %w", err))
}

func TestClassicLeavesNothingAfterTheProgramWasKilled(t *testing.T) {
	for kind, path := range phpPrograms(t) {
		t.Run(kind, func(t *testing.T) { leavesNothing(t, path, "") })
		// php-fpm writes its title over its environment: there is no mark to see.
		t.Run(kind+" that leaves its group", func(t *testing.T) { leavesNothing(t, path, "posix_setsid();") })
	}
}

// leavesNothing kills the program while a script is at work, which begins with that code.
func leavesNothing(t *testing.T, path, first string) {
	g := newGate(t)
	script := filepath.Join(t.TempDir(), "a.php")
	// The busy process, what it has started, and what of that has made a session of its own.
	code := fmt.Sprintf(`<?php %s $php = PHP_BINDIR . "/php"; $v = '%s';
		proc_open([$php, "-r", $v], [], $p); proc_open(["setsid", $php, "-r", $v], [], $p); %s while (true) sleep(10);`, first, visits(g), visits(g))
	if err := os.WriteFile(script, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), roleEnv+"=host", hostEnv+"="+path, classicEnv+"="+script)
	host.Stderr = os.Stderr
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	all := []*visitor{g.next(t), g.next(t), g.next(t)}
	parent := 0
	for _, v := range all {
		if p := parentOf(t, v.pid); p != host.Process.Pid && parentOf(t, p) == host.Process.Pid {
			parent = p
		}
	}
	if parent == 0 || len(childrenOf(t, parent)) < 2 {
		t.Fatalf("the parent is process %d, with the children %v", parent, childrenOf(t, parent))
	}
	idle := childrenOf(t, parent)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		v.dies(t, patience)
	}
	_ = host.Wait()
	eventually(t, "the parent and its idle processes are gone", func() bool {
		for _, pid := range append(idle, parent) {
			if state(pid) != "" {
				return false
			}
		}
		return true
	})
}

// state is that of a process which has not ended; "" if there is none.
func state(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	var s string
	for _, line := range strings.Split(string(text), "\n") {
		if _, err := fmt.Sscanf(line, "State:\t%s", &s); err == nil {
			break
		}
	}
	if s == "Z" || s == "X" {
		return ""
	}
	return s
}
