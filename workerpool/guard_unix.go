//go:build unix

package workerpool

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// guardScript reads "+ group" and "- group" lines. When its input ends, because
// Caddy has ended in whatever way, it kills the groups that are left. The parent
// death signal alone would not do: it reaches only the process that was started,
// not the PHP behind a wrapper script, and exists on Linux only. dash takes
// "kill -s KILL -- -group", but not "kill -KILL -- -group".
const guardScript = `trap '' HUP INT QUIT TERM PIPE
groups=
while read -r op group; do
	case $op in
	+) groups="$groups $group" ;;
	-)
		left=
		for g in $groups; do [ "$g" = "$group" ] || left="$left $g"; done
		groups=$left
		;;
	esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done
:`

// guard is the one guard process of this program, started with the first worker.
var guard struct {
	mu     sync.Mutex
	groups map[int]struct{}
	pipe   io.WriteCloser // nil: not running
}

func guardAdd(group int) {
	guard.mu.Lock()
	defer guard.mu.Unlock()
	if guard.groups == nil {
		guard.groups = make(map[int]struct{})
	}
	guard.groups[group] = struct{}{}
	guardTell("+", group)
}

func guardRemove(group int) {
	guard.mu.Lock()
	defer guard.mu.Unlock()
	if _, known := guard.groups[group]; !known {
		return
	}
	delete(guard.groups, group)
	guardTell("-", group)
}

// guardTell needs the lock. A guard that has been killed is started anew and
// told everything; without a shell the parent death signal has to do.
func guardTell(op string, group int) {
	if guard.pipe != nil {
		if _, err := fmt.Fprintf(guard.pipe, "%s %d\n", op, group); err == nil {
			return
		}
		guard.pipe.Close()
		guard.pipe = nil
	}
	if len(guard.groups) == 0 {
		return
	}
	pipe, err := startGuard()
	if err != nil {
		return
	}
	guard.pipe = pipe
	for g := range guard.groups {
		fmt.Fprintf(pipe, "+ %d\n", g)
	}
}

func startGuard() (io.WriteCloser, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", guardScript, "php_worker-guard")
	cmd.Stdin = r
	cmd.Dir = "/"
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	r.Close()
	if err != nil {
		w.Close()
		return nil, err
	}
	go cmd.Wait() // reaps it, should somebody kill it
	return w, nil
}
