package process

import (
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// When Caddy is the init process of a container, what PHP's own children leave
// behind becomes ours: processes that nobody else will ever wait for. The reaper
// waits for those that belong to the group of a worker, and for those of any group
// but Caddy's own that have been dead for a while: a daemon has left the worker's
// group. So it takes no child away from Caddy or another plugin.
var reaper struct {
	once sync.Once
	mu   sync.Mutex
	// groups are the groups of workers; true while the leader is still to be
	// reaped by its owner.
	groups map[int]bool
	// strays are dead children of other groups, and when they were first seen.
	strays map[int]time.Time
	again  bool // reapOrphans will run again for them
}

// strayPatience is how long somebody else has to wait for a child in a group of its
// own: whoever started it does so at once.
const strayPatience = 3 * time.Second

// reaperAdd makes the group of a new worker known.
func reaperAdd(group int) {
	if os.Getpid() != 1 {
		return
	}
	reaper.once.Do(startReaper)
	reaper.mu.Lock()
	reaper.groups[group] = true
	reaper.mu.Unlock()
}

// reaperLeaderGone says that the owner has reaped the leader; its group may live
// on.
func reaperLeaderGone(group int) {
	if os.Getpid() != 1 {
		return
	}
	reaper.mu.Lock()
	reaper.groups[group] = false
	reaper.mu.Unlock()
	reapOrphans()
}

func startReaper() {
	reaper.groups, reaper.strays = make(map[int]bool), make(map[int]time.Time)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			reapOrphans()
		}
	}()
}

// reapOrphans waits for every dead child that belongs to a worker's group or has
// been a stray for long, and forgets groups without members.
func reapOrphans() {
	reaper.mu.Lock()
	defer reaper.mu.Unlock()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	members, strays := make(map[int]bool), make(map[int]time.Time)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, ok := readStat(pid)
		if !ok {
			continue
		}
		leaderAlive, ours := reaper.groups[stat.group]
		if !ours {
			if stat.state == 'Z' && stat.parent == 1 && stat.group != unix.Getpgrp() {
				reapStray(pid, strays)
			}
			continue
		}
		if stat.state == 'Z' && stat.parent == 1 && !(pid == stat.group && leaderAlive) {
			if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil {
				continue
			}
		}
		members[stat.group] = true
	}
	if reaper.strays = strays; len(strays) > 0 && !reaper.again {
		reaper.again = true
		time.AfterFunc(strayPatience, func() {
			reaper.mu.Lock()
			reaper.again = false
			reaper.mu.Unlock()
			reapOrphans()
		})
	}
	for group, leaderAlive := range reaper.groups {
		if !leaderAlive && !members[group] {
			delete(reaper.groups, group)
		}
	}
}

// reapStray waits for a dead child whose time is over, and notes it in left
// otherwise. It needs the lock.
func reapStray(pid int, left map[int]time.Time) {
	seen, known := reaper.strays[pid]
	if !known {
		seen = time.Now()
	} else if time.Since(seen) >= strayPatience {
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil {
			return
		}
	}
	left[pid] = seen
}
