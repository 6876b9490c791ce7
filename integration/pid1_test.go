package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// asInit starts Caddy as the first process of a namespace of its own, as in a
// container. Who is not root gets a user namespace with it.
func asInit(cmd *exec.Cmd) {
	cmd.Args = append([]string{"sh", "-c", `mount -t proc proc /proc && exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		self := func(id int) []syscall.SysProcIDMap {
			return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
		}
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = self(os.Geteuid()), self(os.Getegid())
	}
}

// zombies are the dead children of a process that nobody has waited for.
func zombies(t *testing.T, parent int) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || parentOf(pid) != parent {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" Z")) {
			n++
		}
	}
	return n
}

func TestCaddyAsInitReapsWhatPHPsChildrenLeaveBehind(t *testing.T) {
	t.Parallel()
	s, url := site(t, chaosWorker(t, "workers 2"), withCommand(asInit))
	s.settled("app", 2)
	caddy := s.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", caddy))
	if err != nil || !strings.Contains(string(status), "\t1\n") {
		t.Fatalf("caddy is not the first process of its namespace: %v\n%s", err, status)
	}
	traffic := startTraffic(t, 2, always(url+"/orphan"), nil)
	traffic.more(100)
	// Its own children still end as they should: their owners wait for them.
	for _, pid := range s.pool("app").serving() {
		s.wantAPI(http.StatusAccepted, http.MethodDelete, fmt.Sprintf("/php_worker/pools/app/workers/%d", pid), "")
		traffic.more(20)
	}
	got := traffic.end()
	got.wantNoFailure(t)
	eventually(t, "nobody dead is left", func() bool { return zombies(t, caddy) == 0 })
	for _, record := range s.logs.records("worker stopped") {
		if record["exit"] != "exit status 0" {
			t.Errorf("the end of a worker was not seen: %v", record)
		}
	}
	if crashed := s.pool("app").Restarts["crash"]; crashed > 0 {
		t.Errorf("%d workers crashed", crashed)
	}
}
