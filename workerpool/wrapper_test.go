package workerpool

import (
	"syscall"
	"testing"
)

// wrapped is a pool of one worker behind a shell, which is what the pool starts.
func wrapped(script string) Config {
	c := self(1)
	c.Command = []string{"/bin/sh", "-c", script, player}
	return c
}

// killWrapper kills the process that the pool has started, and no other of its
// group.
func killWrapper(t *testing.T, php *visitor) {
	t.Helper()
	shell, err := syscall.Getpgid(php.pid)
	if err != nil || shell == php.pid {
		t.Fatalf("worker %d is in group %d (%v); want that of the shell", php.pid, shell, err)
	}
	if err := syscall.Kill(shell, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestPHPDoesNotOutliveItsWrapper(t *testing.T) {
	p, g := start(t, wrapped(`"$0"; exit`)), newGate(t)
	r := send(p, t.Context(), script("ignore term; ignore stop; fork "+g.path+"; visit "+g.path))
	one, other := g.next(t), g.next(t)
	killWrapper(t, one)
	one.dies(t, patience)
	other.dies(t, patience)
	if got := receive(t, r); got.err == nil {
		t.Error("the request was answered")
	}
}

func TestPHPDoesNotOutliveAWrapperThatEndsWhileItBoots(t *testing.T) {
	c, g := wrapped(`"$0"; exit`), newGate(t)
	c.Env[bootEnv] = "ignore term; visit " + g.path
	p := unstarted(t, c)
	started := make(chan error, 1)
	go func() { started <- p.Start(t.Context()) }()
	v := g.next(t)
	killWrapper(t, v)
	as[*BootError](t, receive(t, started))
	v.dies(t, patience)
}

// PHP may leave a process behind on purpose.
func TestAProcessThatPHPLeftBehindLivesOn(t *testing.T) {
	p, g := start(t, self(1)), newGate(t)
	ask(t, p, "answer; fork "+g.path+"; exit 0")
	v := g.next(t)
	eventually(t, "the worker has gone", func() bool { return restarts(p, ReasonMaxRequests) == 1 })
	if err := syscall.Kill(v.pid, 0); err != nil {
		t.Errorf("process %d, which the worker has left behind: %v", v.pid, err)
	}
	v.release()
	v.dies(t, patience)
}
