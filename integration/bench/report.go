package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// result is one contestant's median over the rounds.
type result struct {
	sample
	min, max float64 // requests per second
	rounds   int
}

func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// summarize groups the samples and keeps the order in which they came first.
func summarize(samples []sample) []result {
	type key struct {
		app, contestant string
		conns           int
	}
	groups := make(map[key][]sample)
	var order []key
	for _, s := range samples {
		k := key{s.app, s.contestant, s.conns}
		if _, known := groups[k]; !known {
			order = append(order, k)
		}
		groups[k] = append(groups[k], s)
	}
	slices.SortStableFunc(order, func(a, b key) int {
		if a.conns != b.conns {
			return a.conns - b.conns
		}
		return strings.Compare(a.contestant, b.contestant)
	})
	var results []result
	for _, k := range order {
		g := groups[k]
		pick := func(f func(sample) float64) float64 {
			var v []float64
			for _, s := range g {
				v = append(v, f(s))
			}
			return median(v)
		}
		late := func(f func(sample) time.Duration) time.Duration {
			var v []time.Duration
			for _, s := range g {
				v = append(v, f(s))
			}
			return median(v)
		}
		r := result{sample: g[0], rounds: len(g), min: g[0].rate, max: g[0].rate}
		r.rate = pick(func(s sample) float64 { return s.rate })
		r.serverCPU = pick(func(s sample) float64 { return s.serverCPU })
		r.phpCPU = pick(func(s sample) float64 { return s.phpCPU })
		r.serverPSS = pick(func(s sample) float64 { return s.serverPSS })
		r.phpPSS = pick(func(s sample) float64 { return s.phpPSS })
		r.p50 = late(func(s sample) time.Duration { return s.p50 })
		r.p99 = late(func(s sample) time.Duration { return s.p99 })
		r.p999 = late(func(s sample) time.Duration { return s.p999 })
		r.errors = 0
		for _, s := range g {
			r.min, r.max = min(r.min, s.rate), max(r.max, s.rate)
			r.errors += s.errors
		}
		results = append(results, r)
	}
	return results
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

// report prints the tables and, where asked, writes them to files.
func report(e *environment, results []result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmark of %s\n\n%s\n", time.Now().Format("2 January 2006"), e.about())
	app := ""
	for _, r := range results {
		if r.app != app {
			app = r.app
			fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| conns | server | req/s | min–max | p50 ms | p99 ms | p99.9 ms | server CPU s/10k | PHP CPU s/10k | server PSS MB | PHP PSS MB each | errors |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
				app, apps[app])
		}
		fmt.Fprintf(&b, "| %d | %s | %.0f | %.0f–%.0f | %s | %s | %s | %.2f | %.2f | %.0f | %.0f | %d |\n", r.conns, r.contestant,
			r.rate, r.min, r.max, ms(r.p50), ms(r.p99), ms(r.p999), r.serverCPU, r.phpCPU, r.serverPSS, r.phpPSS, r.errors)
	}
	fmt.Print(b.String())
	if e.plan.out == "" {
		return nil
	}
	if err := os.MkdirAll(e.plan.out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.plan.out, "results.md"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	return writeCSV(filepath.Join(e.plan.out, "results.csv"), results)
}

var apps = map[string]string{
	"hello":  "13 bytes out.",
	"boot":   "20 ms of CPU at the start, 1 ms in each request.",
	"out":    "An answer of 100 KB.",
	"in":     "A body of 1 MB.",
	"wait":   "50 ms of waiting, as for a database.",
	"mix":    "99 % of 0.2 ms, 1 % of 50 ms of CPU.",
	"static": "A file of 13 bytes, which no PHP sees.",
}

func writeCSV(path string, results []result) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	_ = w.Write([]string{"app", "conns", "server", "rounds", "req_s", "req_s_min", "req_s_max", "p50_ms", "p99_ms", "p999_ms",
		"server_cpu_s_per_10k", "php_cpu_s_per_10k", "server_pss_mb", "php_pss_mb_each", "errors"})
	for _, r := range results {
		number := func(f float64) string { return fmt.Sprintf("%.2f", f) }
		_ = w.Write([]string{r.app, fmt.Sprint(r.conns), r.contestant, fmt.Sprint(r.rounds), number(r.rate), number(r.min), number(r.max),
			ms(r.p50), ms(r.p99), ms(r.p999), number(r.serverCPU), number(r.phpCPU), number(r.serverPSS), number(r.phpPSS), fmt.Sprint(r.errors)})
	}
	w.Flush()
	return w.Error()
}

// about says on what, and with what, this was measured.
func (e *environment) about() string {
	var b strings.Builder
	line := func(name string, command ...string) {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err == nil {
			first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			fmt.Fprintf(&b, "- %s: %s\n", name, first)
		}
	}
	fmt.Fprintf(&b, "- command: `go run ./integration/bench %s`\n- %d CPUs, %s/%s, %s\n", strings.Join(os.Args[1:], " "),
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	line("kernel", "uname", "-r")
	line("caddy", e.plan.caddy, "version")
	line("php", "php", "-v")
	line("nginx", "nginx", "-v")
	if bin := os.Getenv("RR_BIN"); bin != "" {
		line("roadrunner", bin, "--version")
	}
	if bin := os.Getenv("FRANKENPHP_BIN"); bin != "" {
		line("frankenphp", bin, "version")
	}
	fmt.Fprintf(&b, "- %d rounds of %d s, servers in random order, medians; %d PHP processes each; wrk with one thread on the same machine\n- php.ini of all:",
		e.plan.rounds, e.plan.seconds, e.plan.workers)
	for _, setting := range ini {
		fmt.Fprintf(&b, " `%s=%s`", setting[0], setting[1])
	}
	b.WriteString("\n")
	return b.String()
}
