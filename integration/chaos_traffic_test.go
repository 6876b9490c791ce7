package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// traffic is a steady load: clients that each send one request after the other,
// over a connection of their own, which is kept alive, or over a new one each time.
// Every response counts.
type traffic struct {
	t       *testing.T
	browser browser
	cancel  context.CancelFunc
	quit    chan struct{}
	once    sync.Once
	clients sync.WaitGroup

	mu    sync.Mutex
	count tally
}

// tally is what came of many requests.
type tally struct {
	requests int
	status   map[int]int
	broken   int // no response, or half of one
	slowest  time.Duration
	odd      []string // the first responses that were not 200
}

// received is what came of one request.
type received struct {
	request *http.Request
	status  int
	proto   string
	header  http.Header
	body    string
	err     error
	took    time.Duration
}

// sequence makes the nth request of a client.
type sequence func(client, n int) (method, url string, body io.Reader)

// always sends GET requests for one URL.
func always(url string) sequence {
	return func(int, int) (string, string, io.Reader) { return http.MethodGet, url, nil }
}

// startTraffic begins. see, unless nil, gets every response, one at a time. It
// returns when each client has had a few answers.
func startTraffic(t *testing.T, clients int, next sequence, see func(received)) *traffic {
	t.Helper()
	return startTrafficBy(lone, t, clients, next, see)
}

// startWrites sends POSTs that a worker enters in its journal. What the bodies of the answers with 200
// were is in answered, under the traffic's lock.
func startWrites(t *testing.T, clients int, url string) (writes *traffic, answered map[string]bool) {
	t.Helper()
	answered = make(map[string]bool)
	writes = startTraffic(t, clients, func(c, n int) (string, string, io.Reader) {
		return http.MethodPost, fmt.Sprintf("%s/write?id=%d-%d", url, c, n), strings.NewReader("x")
	}, func(r received) {
		if r.status == http.StatusOK {
			answered[r.body] = true
		}
	})
	return writes, answered
}

func startTrafficBy(b browser, t *testing.T, clients int, next sequence, see func(received)) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tr := &traffic{t: t, browser: b, cancel: cancel, quit: make(chan struct{}), count: tally{status: make(map[int]int)}}
	t.Cleanup(tr.abandon)
	for c := range clients {
		tr.clients.Go(func() { tr.run(ctx, c, next, see) })
	}
	tr.more(3 * clients)
	return tr
}

// browser makes a client, and what closes its connections.
type browser func() (*http.Client, func())

// lone is a client with one connection of its own.
func lone() (*http.Client, func()) {
	return browse(&http.Transport{})
}

// stranger makes a new connection for each request.
func stranger() (*http.Client, func()) {
	return browse(&http.Transport{DisableKeepAlives: true})
}

// secretive makes a new connection for each request, over TLS.
func secretive() (*http.Client, func()) {
	return browse(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}})
}

// modern is secretive by HTTP/2.
func modern() (*http.Client, func()) {
	return browse(&http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true})
}

func browse(transport *http.Transport) (*http.Client, func()) {
	transport.MaxConnsPerHost, transport.MaxIdleConnsPerHost = 1, 1
	return &http.Client{Transport: transport, Timeout: patience}, transport.CloseIdleConnections
}

func (tr *traffic) run(ctx context.Context, c int, next sequence, see func(received)) {
	own, done := tr.browser()
	defer done()
	for n := 0; ; n++ {
		select {
		case <-tr.quit:
			return
		default:
		}
		method, url, body := next(c, n)
		tr.book(roundTrip(ctx, own, method, url, body), see)
	}
}

// roundTrip sends one request and reads its whole answer.
func roundTrip(ctx context.Context, own *http.Client, method, url string, body io.Reader) (r received) {
	begin := time.Now()
	r.request, r.err = http.NewRequestWithContext(ctx, method, url, body)
	if r.err != nil {
		return r
	}
	var res *http.Response
	if res, r.err = own.Do(r.request); r.err != nil {
		return r
	}
	defer res.Body.Close()
	var text []byte
	text, r.err = io.ReadAll(res.Body)
	r.status, r.proto, r.header, r.body, r.took = res.StatusCode, res.Proto, res.Header, string(text), time.Since(begin)
	return r
}

func (tr *traffic) book(r received, see func(received)) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.count.add(r)
	if see != nil {
		see(r)
	}
}

func (c *tally) add(r received) {
	c.requests++
	c.slowest = max(c.slowest, r.took)
	switch {
	case r.err != nil:
		c.broken++
	default:
		c.status[r.status]++
	}
	if (r.err != nil || r.status != http.StatusOK) && len(c.odd) < 5 {
		c.odd = append(c.odd, fmt.Sprintf("%s %s: status %d, error %v, after %v", r.request.Method, r.request.URL, r.status, r.err, r.took))
	}
}

// answered is the number of requests that have come to an end, good or bad.
func (tr *traffic) answered() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.count.requests
}

// more waits for n further answers.
func (tr *traffic) more(n int) {
	tr.t.Helper()
	n += tr.answered()
	eventually(tr.t, "further answers come", func() bool { return tr.answered() >= n })
}

// end lets what is under way finish, and returns what came of everything.
func (tr *traffic) end() tally {
	tr.t.Helper()
	tr.once.Do(func() { close(tr.quit) })
	tr.clients.Wait()
	tr.cancel()
	return tr.count
}

// abandon is for a test that fails in between.
func (tr *traffic) abandon() {
	tr.once.Do(func() { close(tr.quit) })
	tr.cancel()
	tr.clients.Wait()
}

// failed is the number of requests that were not answered with 200.
func (c tally) failed() int { return c.requests - c.status[http.StatusOK] }

func (c tally) wantNoFailure(t *testing.T) {
	t.Helper()
	if c.failed() > 0 {
		t.Errorf("%d of %d requests failed, the first of them:\n%s", c.failed(), c.requests, strings.Join(c.odd, "\n"))
	}
}

// statuses names every status and how often it came, and what came as none.
func (c tally) statuses() string {
	var words []string
	for _, code := range slices.Sorted(maps.Keys(c.status)) {
		words = append(words, fmt.Sprintf("%d x %d", c.status[code], code))
	}
	if c.broken > 0 {
		words = append(words, fmt.Sprintf("%d without answer", c.broken))
	}
	return strings.Join(words, ", ")
}
