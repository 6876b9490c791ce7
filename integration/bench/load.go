package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// loadScript makes wrk post 1 MB where asked, and print what it measured as JSON.
const loadScript = `
if os.getenv("BENCH_BODY") then
	wrk.method = "POST"
	wrk.headers["Content-Type"] = "application/octet-stream"
	wrk.body = string.rep("0123456789abcdef", 65536)
end
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('{"requests":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d,"p999":%d}\n',
		summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
		latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
`

// sample is one measurement.
type sample struct {
	contestant, app  string
	conns            int
	rate             float64 // requests per second
	p50, p99, p999   time.Duration
	errors           int
	serverCPU        float64 // CPU seconds per 10,000 requests
	phpCPU           float64
	serverPSS        float64 // MB
	phpPSS           float64 // MB, each
	requestsMeasured int
}

// load warms the server up and then measures.
func (e *environment) load(ctx context.Context, s *server, app string, conns int) (sample, error) {
	if _, err := e.wrk(ctx, s, app, conns, 1); err != nil {
		return sample{}, err
	}
	before := s.usage()
	m, err := e.wrk(ctx, s, app, conns, e.plan.seconds)
	if err != nil {
		return m, err
	}
	after := s.usage()
	per := float64(m.requestsMeasured) / 10_000
	m.serverCPU = (after.serverCPU - before.serverCPU) / per
	m.phpCPU = (after.phpCPU - before.phpCPU) / per
	m.serverPSS, m.phpPSS = after.serverPSS, after.phpPSS
	return m, nil
}

func (e *environment) wrk(ctx context.Context, s *server, app string, conns, seconds int) (sample, error) {
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(conns), fmt.Sprintf("-d%ds", seconds),
		"--timeout", "30s", "-s", filepath.Join(e.dir, "load.lua"), s.url)
	if app == "in" {
		cmd.Env = append(os.Environ(), "BENCH_BODY=1")
	}
	out, err := cmd.Output()
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w", err)
	}
	var r struct {
		Requests, Microseconds, Errors, P50, P99, P999 int
	}
	line := out[bytes.LastIndexByte(out[:len(out)-1], '\n')+1:]
	if err := json.Unmarshal(line, &r); err != nil {
		return sample{}, fmt.Errorf("wrk printed %q: %w", line, err)
	}
	if r.Requests == 0 {
		return sample{}, errors.New("no request was answered")
	}
	us := func(n int) time.Duration { return time.Duration(n) * time.Microsecond }
	return sample{
		rate: float64(r.Requests) / us(r.Microseconds).Seconds(), requestsMeasured: r.Requests,
		p50: us(r.P50), p99: us(r.P99), p999: us(r.P999), errors: r.Errors,
	}, nil
}

// usage is what the processes of a server have used so far.
type usage struct {
	serverCPU, phpCPU float64 // seconds
	serverPSS, phpPSS float64 // MB; phpPSS each
}

const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go supports

// usage adds up the process groups and everything below them, PHP apart.
func (s *server) usage() usage {
	var u usage
	phps := 0
	for _, p := range s.processes() {
		if p.php {
			u.phpCPU += p.cpu
			u.phpPSS += p.pss
			phps++
		} else {
			u.serverCPU += p.cpu
			u.serverPSS += p.pss
		}
	}
	if phps > 0 {
		u.phpPSS /= float64(phps)
	}
	return u
}

type process struct {
	php      bool
	cpu, pss float64
}

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
		nodes[pid] = node{parent, process{php: strings.HasPrefix(name, "php"), cpu: (user + system) / ticksPerSecond}}
	}
	roots := make(map[int]bool)
	for _, cmd := range s.commands {
		roots[cmd.Process.Pid] = true
	}
	var list []process
	for pid, n := range nodes {
		for at := pid; at > 1; at = nodes[at].parent {
			if roots[at] {
				p := n.process
				p.pss = pss(pid)
				list = append(list, p)
				break
			}
		}
	}
	return list
}

// pss is the proportional share of memory in MB.
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
