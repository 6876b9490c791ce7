//go:build linux

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const initEnv = "PROCESS_TEST_INIT"

func TestMain(m *testing.M) {
	if os.Getenv(initEnv) != "" {
		if err := beInit(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beInit is the first process of a namespace: orphans become its children.
func beInit() error {
	if os.Getpid() != 1 {
		return fmt.Errorf("this is process %d", os.Getpid())
	}
	// Somebody else's child, in a group of its own, which is waited for late.
	other := exec.Command("/bin/sh", "-c", "exit 7")
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", "sleep 1 & setsid sleep 1 & (sleep 1 &) ; exit 0")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	p, err := Start(cmd, nil, nil)
	if err != nil {
		return err
	}
	p.SetPHP(p.PID())
	<-p.Done()
	if text, orderly := p.Exit(); !orderly {
		return fmt.Errorf("the end of the leader was taken from its owner: %s", text)
	}
	sleepers := func() (all []string) {
		for _, pid := range processes() {
			stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
			if strings.Contains(string(stat), "(sleep)") {
				all = append(all, string(stat))
			}
		}
		return all
	}
	for limit := time.Now().Add(patience); len(sleepers()) != 3; <-time.After(time.Millisecond) {
		if time.Now().After(limit) {
			return fmt.Errorf("the orphans are %q, want 3", sleepers())
		}
	}
	<-time.After(strayPatience / 3)
	var exit *exec.ExitError
	if err := other.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		return fmt.Errorf("somebody else's child was taken from its owner: %v", err)
	}
	left := sleepers()
	for limit := time.Now().Add(patience); len(left) > 0 && time.Now().Before(limit); left = sleepers() {
		<-time.After(10 * time.Millisecond)
	}
	if len(left) > 0 {
		return fmt.Errorf("nobody has waited for %q", left)
	}
	reaper.mu.Lock()
	defer reaper.mu.Unlock()
	if len(reaper.groups) > 0 || len(reaper.strays) > 0 {
		return fmt.Errorf("the reaper remembers the groups %v and the strays %v", reaper.groups, reaper.strays)
	}
	return nil
}

func TestTheFirstProcessOfAContainerReapsOrphansAndNobodyElsesChildren(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `mount -t proc proc /proc && exec "$0"`, os.Args[0])
	cmd.Env = append(slices.Clone(os.Environ()), initEnv+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "mount:") {
		t.Skipf("NOT RUN: this system lets us make no namespace: %v %s", err, out)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
