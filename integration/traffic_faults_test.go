package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fault is one thing that was done to the pool, and when it may have had an effect.
type fault struct {
	kind       string
	pid        int // of the worker, for signals
	begin, end time.Time
	err        string // what went wrong with doing it
}

// saboteur does to the pool of a run what happens to pools, at random. It has no test
// to fail: what goes wrong is in its faults.
type saboteur struct {
	scene
	cgi     bool // PHP is a php-cgi
	parents int  // processes that are there besides the workers
	s       *server
	rand    [2]*rand.Rand // of the signals, and of the admin API
	sites   func(release int) string

	mu      sync.Mutex
	faults  []fault
	release int
	left    int // workers that there must be when all is over
	watch   sync.WaitGroup
}

// run does faults until the context ends, and returns when all of them have passed.
func (b *saboteur) run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { b.repeat(ctx, b.rand[0], b.signals, b.signal) })
	both.Go(func() { b.repeat(ctx, b.rand[1], b.admin, b.command) })
	both.Wait()
	b.watch.Wait()
}

func (b *saboteur) repeat(ctx context.Context, g *rand.Rand, kinds []string, do func(*rand.Rand, string)) {
	for len(kinds) > 0 {
		pause := time.NewTimer(time.Duration((0.2 + 1.6*g.Float64()) * float64(b.pause)))
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
			do(g, kinds[g.IntN(len(kinds))])
		}
	}
}

func (b *saboteur) book(f fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, f)
}

// signal hits a worker that serves. One that boots would be another fault: the pool
// may then say that its workers cannot start.
func (b *saboteur) signal(g *rand.Rand, kind string) {
	p, err := b.pool()
	if err != nil {
		return // a reload replaces the admin endpoint, too
	}
	pids := p.serving()
	if len(pids) == 0 {
		return
	}
	pid := pids[g.IntN(len(pids))]
	length := time.Duration(50+g.IntN(251)) * time.Millisecond
	if !b.owns(pid) {
		return
	}
	f := fault{kind: kind, pid: pid, begin: time.Now()}
	switch kind {
	case "SIGKILL":
		if syscall.Kill(pid, syscall.SIGKILL) != nil {
			return
		}
		b.watch.Go(func() { b.book(b.watched(f)) })
	case "SIGSTOP":
		if syscall.Kill(pid, syscall.SIGSTOP) != nil {
			return
		}
		b.watch.Go(func() {
			<-time.After(length)
			if b.owns(pid) {
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
			f.end = time.Now()
			b.book(f)
		})
	}
}

// watched waits until the worker is gone, for as long its end may surprise somebody.
func (b *saboteur) watched(f fault) fault {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for now := range tick.C {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", f.pid)); err != nil || now.Sub(f.begin) > noise {
			break
		}
	}
	f.end = time.Now().Add(50 * time.Millisecond) // until Caddy has drawn the consequence
	return f
}

// owns says that the process belongs to the server, and is not a later one with the
// same number.
func (b *saboteur) owns(pid int) bool {
	return belongs(pid, b.s.dir, classicSockets(b.s.dir))
}

// command uses the admin API. It blocks until that has answered.
func (b *saboteur) command(g *rand.Rand, kind string) {
	f := fault{kind: kind, begin: time.Now()}
	var status int
	var text string
	var err error
	switch kind {
	case "restart":
		status, text, err = b.call(http.MethodPost, "/php_worker/pools/app/restart?wait=true", "", "")
	case "scale":
		n := 1 + g.IntN(b.workers+2)
		status, text, err = b.call(http.MethodPost, "/php_worker/pools/app/scale", fmt.Sprintf(`{"min": %d}`, n), "application/json")
		if status == http.StatusOK {
			b.left = n
		}
	case "reload changed", "reload unchanged":
		release := b.release
		if kind == "reload changed" {
			release++
		}
		status, text, err = b.call(http.MethodPost, "/load", b.s.caddyfile(b.sites(release)), "text/caddyfile")
		if status == http.StatusOK && release != b.release {
			b.release, b.left = release, b.workers
		}
	}
	f.end = time.Now()
	if err != nil {
		f.err = err.Error()
	} else if status != http.StatusOK {
		f.err = fmt.Sprintf("status %d, %s", status, strings.TrimSpace(text))
	}
	b.book(f)
}

// pool shows the pool.
func (b *saboteur) pool() (p poolView, err error) {
	status, text, err := b.call(http.MethodGet, "/php_worker/pools/app", "", "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d, %s", status, text)
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &p)
	}
	return p, err
}

func (b *saboteur) call(method, path, body, kind string) (int, string, error) {
	r, err := http.NewRequest(method, "http://"+b.s.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Cache-Control", "must-revalidate")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	res, err := fresh.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
