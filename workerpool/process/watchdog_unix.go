//go:build unix

package process

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// watchdogScript reads "+ group" and "- group" lines. When its input ends, because
// Caddy has ended in whatever way, it kills the groups that are left, and then, where
// the system shows the environment of processes, whoever has one of our marks ($1): until a few looks
// have found nobody, for a process that is within exec shows none. The parent
// death signal alone would not do: it reaches only the process that was started,
// not the PHP behind a wrapper script, and exists on Linux only. dash takes
// "kill -s KILL -- -group", but not "kill -KILL -- -group".
const watchdogScript = `trap '' HUP INT QUIT TERM PIPE
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
tries=0 empty=0
while [ $tries -lt 50 ] && [ $empty -lt 5 ]; do
	tries=$((tries + 1)) empty=$((empty + 1))
	for f in $(grep -lF -e "$1" /proc/[0-9]*/environ 2>/dev/null); do
		p=${f#/proc/}
		kill -s KILL "${p%/environ}" 2>/dev/null && empty=0
	done
	[ $empty -eq 0 ] || sleep 0.1 2>/dev/null || sleep 1
done
:`

// watchdog is the one watchdog process of this program, started with the first worker.
var watchdog struct {
	mu     sync.Mutex
	groups map[int]struct{}
	pipe   io.WriteCloser // nil: not running
}

func watchdogAdd(group int) {
	watchdog.mu.Lock()
	defer watchdog.mu.Unlock()
	if watchdog.groups == nil {
		watchdog.groups = make(map[int]struct{})
	}
	watchdog.groups[group] = struct{}{}
	watchdogTell("+", group)
}

func watchdogRemove(group int) {
	watchdog.mu.Lock()
	defer watchdog.mu.Unlock()
	if _, known := watchdog.groups[group]; !known {
		return
	}
	delete(watchdog.groups, group)
	watchdogTell("-", group)
}

// groupPoll is how often a group that has outlived its leader is looked at.
const groupPoll = time.Second

// watchdogRelease is watchdogRemove for a group whose leader has been reaped, once nobody is left in it. Until
// then its number is given to no other.
func watchdogRelease(group int) {
	if syscall.Kill(-group, 0) != nil {
		watchdogRemove(group)
		return
	}
	time.AfterFunc(groupPoll, func() { watchdogRelease(group) })
}

// watchdogTell needs the lock. A watchdog that has been killed is started anew and
// told everything; without a shell the parent death signal has to do.
func watchdogTell(op string, group int) {
	if watchdog.pipe != nil {
		if _, err := fmt.Fprintf(watchdog.pipe, "%s %d\n", op, group); err == nil {
			return
		}
		watchdog.pipe.Close()
		watchdog.pipe = nil
	}
	if len(watchdog.groups) == 0 {
		return
	}
	pipe, err := startWatchdog()
	if err != nil {
		return
	}
	watchdog.pipe = pipe
	for g := range watchdog.groups {
		fmt.Fprintf(pipe, "+ %d\n", g)
	}
}

func startWatchdog() (io.WriteCloser, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "php_worker-watchdog", program)
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
