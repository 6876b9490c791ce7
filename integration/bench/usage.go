package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go supports

// process is one of a server's.
type process struct {
	pid int
	php bool    // a PHP worker; a manager of them counts as server
	cpu float64 // seconds so far
}

// processes are the server's commands and everything below them.
func (s *server) processes() []process {
	type node struct {
		parent int
		process
	}
	nodes := make(map[int]node)
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		name := string(stat[bytes.IndexByte(stat, '(')+1 : bytes.LastIndexByte(stat, ')')])
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		nodes[pid] = node{parent, process{pid: pid, php: strings.HasPrefix(name, "php"), cpu: (user + system) / ticksPerSecond}}
	}
	roots := make(map[int]bool)
	for _, cmd := range s.commands {
		roots[cmd.Process.Pid] = true
	}
	var list []process
	for pid, n := range nodes {
		for at := pid; at > 1; at = nodes[at].parent {
			if roots[at] {
				n.process.php = n.process.php && at != pid
				list = append(list, n.process)
				break
			}
		}
	}
	return list
}

// cpu is what the server and its PHP processes have used so far, in seconds.
func (s *server) cpu() (server, php float64) {
	for _, p := range s.processes() {
		if p.php {
			php += p.cpu
		} else {
			server += p.cpu
		}
	}
	return server, php
}

// memory is the proportional share of the server and of its average PHP process,
// in MB.
func (s *server) memory() (server, php float64) {
	phps := 0
	for _, p := range s.processes() {
		if p.php {
			php += pss(p.pid)
			phps++
		} else {
			server += pss(p.pid)
		}
	}
	return server, php / float64(max(phps, 1))
}

// memoryOfAll is the proportional share of all programs of PHP, parents of its processes
// included, and of the rest, in MB.
func (s *server) memoryOfAll() (php, rest float64) {
	for _, p := range s.processes() {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.pid))
		if bytes.HasPrefix(name, []byte("php")) {
			php += pss(p.pid)
		} else {
			rest += pss(p.pid)
		}
	}
	return php, rest
}

// pss is a process's proportional share of memory in MB.
func pss(pid int) float64 {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(rollup)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// machine is what /proc/stat says of all CPUs together, in seconds since boot.
type machine struct {
	busy  float64 // in processes, not in interrupts
	steal float64 // taken by the hypervisor for somebody else
	total float64 // including idle time
}

func readMachine() machine {
	var m machine
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	for i, field := range fields[min(1, len(fields)):] {
		ticks, _ := strconv.ParseFloat(field, 64)
		seconds := ticks / ticksPerSecond
		switch i {
		case 0, 1, 2: // user, nice, system
			m.busy += seconds
		case 7:
			m.steal = seconds
		case 8, 9: // guests, counted as user already
			continue
		}
		m.total += seconds
	}
	return m
}
