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
	"slices"
	"strconv"
	"time"
)

// loadScript makes wrk post a body or ask for /slow where the application wants
// it, and print what it measured as JSON.
const loadScript = `
local post, slow = tonumber(os.getenv("BENCH_POST")), tonumber(os.getenv("BENCH_SLOW_EVERY"))
if post > 0 then
	wrk.method = "POST"
	wrk.headers["Content-Type"] = "application/octet-stream"
	wrk.body = string.rep("x", post)
end
if slow > 0 then
	local short, long
	local n = 0
	function init()
		short, long = wrk.format(nil, "/"), wrk.format(nil, "/slow")
	end
	function request()
		n = n + 1
		return n % slow == 0 and long or short
	end
end
function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format('{"requests":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d,"p999":%d,"max":%d}\n',
		summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
		latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
`

func (e *environment) loadScript() string { return filepath.Join(e.dir, "load.lua") }

// closed measures with so many connections, each of which asks again as soon as
// it has its answer.
func (e *environment) closed(ctx context.Context, s *server, conns, seconds int) (sample, error) {
	cmd := exec.CommandContext(ctx, "wrk", "-t1", "-c"+strconv.Itoa(conns), fmt.Sprintf("-d%ds", seconds),
		"--timeout", "30s", "-s", e.loadScript(), "http://"+s.address+"/"+s.app.path)
	if s.app.host != "" {
		cmd.Args = slices.Insert(cmd.Args, 1, "-H", "Host: "+s.app.host)
	}
	cmd.Env = append(os.Environ(), "BENCH_POST="+strconv.Itoa(s.app.post), "BENCH_SLOW_EVERY="+strconv.Itoa(s.app.slowEvery))
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		return sample{}, fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	var r struct {
		Requests, Microseconds, Errors, P50, P99, P999, Max int
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
		load: load{conns: conns}, requests: r.Requests, rate: float64(r.Requests) / us(r.Microseconds).Seconds(),
		p50: us(r.P50), p99: us(r.P99), p999: us(r.P999), max: us(r.Max), errors: r.Errors,
		clientCPU: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
	}, nil
}
