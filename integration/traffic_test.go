package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/integration/peers"
)

// TestTraffic asks for everything that a worker can do, at random and in parallel,
// while everything happens to the pool that may happen to one; and judges every answer
// and every execution afterwards. See traffic_judge_test.go for what is promised.
//
// TRAFFIC_SECONDS is how long the traffic lasts, all runs together; beginnings and ends
// add two seconds to each run. TRAFFIC_SEED makes the first run of each kind the one with
// that seed, and the next ones follow. TRAFFIC_KEEP names a folder that gets the log and
// the journal of each run in which something was wrong.
func TestTraffic(t *testing.T) {
	kinds := trafficKinds(t)
	total := time.Duration(number(t, "TRAFFIC_SECONDS", uint64(size(18, 540)))) * time.Second
	seed := number(t, "TRAFFIC_SEED", rand.Uint64N(1_000_000_000))
	t.Logf("TRAFFIC_SEED=%d", seed)
	var lines []string
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			share, begin := total/time.Duration(len(kinds)), time.Now()
			for i, length := range lengths(share) {
				if time.Since(begin) > share+patience {
					t.Error("answers are so long in coming that the other runs are left out")
					break
				}
				seed := seed + uint64(i)
				t.Run(fmt.Sprintf("seed %d", seed), func(run *testing.T) {
					lines = append(lines, kind.run(run, t, seed, length))
				})
			}
		})
	}
	t.Log(trafficTable(lines))
}

// lengths divides the time of one kind into runs. Many short ones see more than a long
// one, because each has another mix; but a pool remembers a stream for a minute.
func lengths(share time.Duration) (all []time.Duration) {
	if share >= 3*time.Minute {
		all = append(all, 75*time.Second)
		share -= all[0]
	}
	n := max(1, int(share/min(10*time.Second, max(2*time.Second, share/4))))
	for range n {
		all = append(all, share/time.Duration(n))
	}
	slices.Sort(all)
	return all
}

// number reads one from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// trafficKind is what stands at PHP's end of the relay.
type trafficKind struct {
	name, script string
	options      []string
	wholeWrites  bool // it takes for granted that a socket takes whole frames
	classic      bool // the script starts and ends with each request
	page         bool // it stays, and has superglobals
	cgi          bool // by a php-cgi, which has all its processes from the start
}

func trafficKinds(t *testing.T) []trafficKind {
	t.Helper()
	kinds := []trafficKind{{name: "our loop", script: "loop.php"}, {name: "superglobals", script: "superglobals.php", page: true}, {name: "frames alone", script: "frames.php"}}
	if peers.FPMBinary() != "" {
		kinds = append(kinds, trafficKind{name: "classic", script: "classic", classic: true})
	}
	if cgi := peers.CGIBinary(); full && cgi != "" {
		kinds = append(kinds, trafficKind{name: "classic of php-cgi", script: "classic", classic: true, cgi: true, options: []string{fmt.Sprintf("php %q", cgi)}})
	}
	for _, app := range unmodified(t) {
		kinds = append(kinds, trafficKind{name: "packages " + app.name, script: "packages.php", options: []string{env("PHP_VENDOR_DIR", app.folder)}, wholeWrites: true})
	}
	return kinds
}

// run plays the scene of the seed, and reports what is wrong with it. Violations are errors
// of the test report: it outlives the one that owns Caddy, so that they are not buried in
// Caddy's log.
func (k trafficKind) run(t, report *testing.T, seed uint64, length time.Duration) string {
	scene, random := newScene(seed)
	if k.wholeWrites && scene.relay != "stdio" {
		// A stop cuts a call of socket_send() short, and Spiral\Goridge\SocketRelay does not
		// look: the rest of the frame is lost, whoever reads.
		scene.signals = slices.DeleteFunc(scene.signals, func(kind string) bool { return kind == "SIGSTOP" })
	}
	if k.cgi { // it never grows beyond the processes that it begins with, and knows no fastcgi_finish_request
		scene.admin = slices.DeleteFunc(scene.admin, func(kind string) bool { return kind == "scale" })
		delete(scene.mix.weights, "exit-after")
	}
	report.Logf("%s, seed %d, %v: %v", k.name, seed, length.Round(time.Millisecond), scene)
	folder := os.Getenv("TRAFFIC_KEEP")
	if folder != "" {
		folder = filepath.Join(folder, fmt.Sprintf("%s-%d", strings.ReplaceAll(k.name, " ", "-"), seed))
	}
	got, found := k.play(t, scene, random, seed, length, folder)
	k.report(report, seed, found)
	return fmt.Sprintf("%s\t%d\t%d\t%s\t%s\t%s", k.name, seed, len(got.replies), statusesOf(got.replies), faultsOf(got.faults), promisesOf(found))
}

// play starts Caddy and PHP, lets clients and faults loose on them, and judges what came of
// it. If that is not as it should be, the folder, unless it is empty, gets Caddy's log and
// PHP's journal.
func (k trafficKind) play(t *testing.T, scene scene, random func() *rand.Rand, seed uint64, length time.Duration, folder string) (trial, []violation) {
	journal := filepath.Join(t.TempDir(), "journal")
	port := freePorts(t, 1)[0]
	sites := func(release int) string {
		options := slices.Concat([]string{"name app"}, scene.options(), k.options, []string{env("JOURNAL", journal), env("RELEASE", strconv.Itoa(release))})
		script := absolute(t, "testdata/traffic/"+k.script)
		if k.classic {
			options = slices.DeleteFunc(options, func(line string) bool { return strings.HasPrefix(line, "relay ") })
			return on(port, fmt.Sprintf("root %q", script), "php_worker {\n"+strings.Join(options, "\n")+"\n}")
		}
		return on(port, directive(script, options...))
	}
	s := start(t, sites(0), quiet)
	s.settled("app", scene.workers)
	b := &saboteur{scene: scene, cgi: k.cgi, parents: k.parents(), s: s, rand: [2]*rand.Rand{random(), random()}, sites: sites, left: scene.workers}

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	got := trial{}
	var all sync.WaitGroup
	all.Go(func() { b.run(ctx) })
	var mu sync.Mutex
	for c := range scene.clients {
		g := random()
		all.Go(func() {
			replies := k.busyClient(ctx, fmt.Sprintf("127.0.0.1:%d", port), scene, g, fmt.Sprintf("s%dc%d", seed, c))
			mu.Lock()
			defer mu.Unlock()
			got.replies = append(got.replies, replies...)
		})
	}
	all.Wait()

	got.faults, got.end = b.faults, b.ended()
	var found []violation
	var err error
	if got.journal, err = readJournal(journal); err != nil {
		found = append(found, violation{knownRequest, "the journal", "lines of PHP's", err.Error()})
	}
	found = append(found, judge(got)...)
	if folder != "" && len(found) > 0 {
		text, _ := os.ReadFile(journal)
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "journal"), text, 0o644),
			os.WriteFile(filepath.Join(folder, "log"), []byte(s.logs.text()), 0o644)); err != nil {
			t.Error(err)
		}
	}
	return got, found
}

// parents is the number of processes of PHP that are no workers.
func (k trafficKind) parents() int {
	if k.classic {
		return 1
	}
	return 0
}

// busyClient asks one thing after the other until the context ends, and lets the last
// one finish.
func (k trafficKind) busyClient(ctx context.Context, address string, s scene, g *rand.Rand, name string) (all []reply) {
	c := caller{address: address}
	defer c.close()
	for n := 0; ctx.Err() == nil && (s.most == 0 || n < s.most); n++ {
		o := s.mix.order(g, fmt.Sprintf("%sn%d", name, n), n)
		o.page = k.classic || k.page
		all = append(all, c.ask(o, o.bound()+time.Second))
	}
	return all
}

// ended looks at the pool when the traffic has been over for a second, until it is as it must
// be or the machine cannot be blamed any more.
func (b *saboteur) ended() (e ending) {
	begin := time.Now()
	<-time.After(time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.Second + noise
	if b.parents > 0 {
		limit += patience / 2 // php-fpm replaces each child that is killed, and ends one spare child a second
	}
	for ; e.took < limit; <-tick.C {
		p, err := b.pool()
		if err != nil {
			p.LastError = err.Error()
		}
		e = ending{workers: b.left, parents: b.parents, pool: p, pids: b.s.workers(), took: time.Since(begin)}
		if b.cgi { // besides its parent it has one for each worker that there may be, and for max_surge
			e.parents += b.scene.workers + 1 - b.left
		}
		if len((trial{end: e}).ended()) == 0 {
			break
		}
	}
	return e
}
