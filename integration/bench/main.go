package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plan is what the command line asks for.
type plan struct {
	rounds  int
	seconds int
	workers int
	conns   []int
	apps    []string
	only    []string
	out     string
	caddy   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() (plan, error) {
	rounds := flag.Int("rounds", 5, "rounds; each measures every server once")
	seconds := flag.Int("seconds", 3, "seconds of load per measurement")
	workers := flag.Int("workers", 2, "PHP processes of each server")
	conns := flag.String("conns", "1,8,64,256", "numbers of connections")
	apps := flag.String("apps", "hello,boot,out,in,wait,mix,static", "applications")
	only := flag.String("only", "", "contestants, if not all")
	out := flag.String("out", "", "folder for results.md and results.csv")
	caddy := flag.String("caddy", os.Getenv("CADDY_BIN"), "Caddy with php_worker, if already built")
	smoke := flag.Bool("smoke", false, "one short round of hello: does the harness work?")
	flag.Parse()
	p := plan{rounds: *rounds, seconds: *seconds, workers: *workers, out: *out, caddy: *caddy}
	p.apps = strings.Split(*apps, ",")
	if *only != "" {
		p.only = strings.Split(*only, ",")
	}
	for text := range strings.SplitSeq(*conns, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, fmt.Errorf("%q is not a number of connections", text)
		}
		p.conns = append(p.conns, n)
	}
	if *smoke {
		p.rounds, p.seconds, p.conns, p.apps = 1, 1, []int{8}, []string{"hello"}
	}
	return p, nil
}

func run(ctx context.Context) error {
	p, err := parse()
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("wrk makes the load; install it (apt install wrk): %w", err)
	}
	dir, err := os.MkdirTemp("", "php_worker-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if p.caddy == "" {
		p.caddy = filepath.Join(dir, "caddy")
		build := exec.CommandContext(ctx, "go", "run", "./cmd/build", "-o", p.caddy)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building Caddy (run this in the root of the repository): %w", err)
		}
	}
	e, err := newEnvironment(dir, p)
	if err != nil {
		return err
	}
	contestants := e.contestants()
	if len(p.only) > 0 {
		contestants = slices.DeleteFunc(contestants, func(c contestant) bool { return !slices.Contains(p.only, c.name) })
	}
	var results []result
	for _, app := range p.apps {
		rs, err := e.measureApp(ctx, app, contestants)
		if err != nil {
			return err
		}
		results = append(results, rs...)
	}
	return report(e, results)
}

// measureApp runs all rounds of one application. Each server is started anew for
// each round, so that none profits from a lucky start.
func (e *environment) measureApp(ctx context.Context, app string, contestants []contestant) ([]result, error) {
	var samples []sample
	for round := range e.plan.rounds {
		order := rand.Perm(len(contestants))
		for _, i := range order {
			c := contestants[i]
			if !c.runs(app) {
				continue
			}
			s, err := e.start(ctx, c, app)
			if err != nil {
				return nil, fmt.Errorf("starting %s: %w", c.name, err)
			}
			for _, n := range e.connections(app) {
				m, err := e.load(ctx, s, app, n)
				if err != nil {
					s.stop()
					return nil, fmt.Errorf("measuring %s: %w", c.name, err)
				}
				m.contestant, m.app, m.conns = c.name, app, n
				samples = append(samples, m)
				fmt.Fprintf(os.Stderr, "%s round %d %-22s %-6s c=%-3d %8.0f req/s  p99 %s  errors %d\n",
					time.Now().Format(time.TimeOnly), round+1, c.name, app, n, m.rate, m.p99.Round(10*time.Microsecond), m.errors)
			}
			s.stop()
		}
	}
	return summarize(samples), nil
}

// connections: bodies of 1 MB and answers of 100 KB say what they have to say
// with eight.
func (e *environment) connections(app string) []int {
	if (app == "in" || app == "out") && len(e.plan.conns) > 1 {
		return []int{8}
	}
	return e.plan.conns
}
