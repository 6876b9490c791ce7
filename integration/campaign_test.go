package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// malformed makes requests that nobody should send: it takes a good one and
// spoils it. The same seed makes the same requests.
type malformed struct{ *rand.Rand }

func pick[T any](g malformed, list ...T) T { return list[g.IntN(len(list))] }

// odd are pieces that parsers stumble over.
var odd = []string{
	"", " ", "\t", "\r", "\n", "\r\n", "\r\n\r\n", "\x00", "\x7f", "\xff", "\xc0\xaf", "\u202e", "%", "%00", "%0d%0a", "%zz", "%c0%ae", "..", "/../", "//", "\\", "*", "?", "#",
	"[", "]", "[[", "[]", "a[", "{", "}", "\"", "'", "<", ">", ";", ",", ":", "::", ":0", ":99999", ":-1", "@", "a:b@c", "[::1", "[::1]", "[foo]", "=", "&", "&&&&", "__Host-", "0", "-1", "00",
	"18446744073709551616", "0x10", "1e9", "+5", "NaN", "chunked", "gzip, chunked", "identity", "close", "Upgrade", "HTTP/9.9", "HTTP/1.1", "\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

// piece is an odd one, a repeated one, or random bytes.
func (g malformed) piece() string {
	switch g.IntN(8) {
	case 0:
		return strings.Repeat(pick(g, odd...), 1+g.IntN(300))
	case 1:
		b := make([]byte, g.IntN(40))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		return string(b)
	}
	return pick(g, odd...)
}

func (g malformed) host(good string) string {
	if g.IntN(4) > 0 {
		return "Host: " + good + "\r\n"
	}
	return pick(g, "", "Host:\r\n", "Host: "+g.piece()+"\r\n", "Host: "+good+g.piece()+"\r\n", "Host: a\r\nHost: b\r\n", "host : x\r\n", " Host: x\r\n")
}

func (g malformed) headers() string {
	var b strings.Builder
	for range g.IntN(4) {
		name := pick(g, "X-A", "Cookie", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Content-Type", "Authorization", "Range",
			"Connection", "Expect", "TE", "Trailer", "Upgrade", "Proxy", "0", "Content-Encoding", "Traceparent", "X_Y", g.piece())
		b.WriteString(name + pick(g, ": ", ":", " : ", "") + pick(g, g.piece(), "a="+g.piece()+"; b[c]="+g.piece(), "100-continue", "bytes=0-1,"+g.piece()) + pick(g, "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\n "))
	}
	return b.String()
}

func (g malformed) form() (kind, body string) {
	var b strings.Builder
	if g.IntN(2) == 0 {
		for range 1 + g.IntN(6) {
			b.WriteString(pick(g, "a", "a[b]", "a[]", "a[b][c]", "a.b", g.piece(), strings.Repeat("[x]", g.IntN(200))) + pick(g, "=", "", "==") + g.piece() + pick(g, "&", "&", ";", ""))
		}
		if g.IntN(20) == 0 {
			b.WriteString(strings.Repeat("&v=1", 1100))
		}
		return "application/x-www-form-urlencoded", b.String()
	}
	boundary := pick(g, "b", "b", "b", "", g.piece())
	for range g.IntN(4) {
		b.WriteString("--" + pick(g, "b", "b", "b", g.piece()) + pick(g, "\r\n", "\r\n", "\n", ""))
		b.WriteString("Content-Disposition: " + pick(g, "form-data", "form-data", "attachment", g.piece()) + "; name=" + pick(g, `"f"`, `"f[a]"`, `"f[]"`, `f`, `"`, g.piece()))
		b.WriteString(pick(g, "", `; filename="x.txt"`, `; filename=""`, `; filename=`+g.piece(), `; filename*=utf-8''x`) + pick(g, "\r\n\r\n", "\r\n\r\n", "\r\n", "\n\n", ""))
		b.WriteString(g.piece() + pick(g, "\r\n", "\r\n", ""))
	}
	b.WriteString(pick(g, "--b--\r\n", "--b--", "", "--b-"))
	return "multipart/form-data; boundary=" + boundary, b.String()
}

// request is one, spoiled in at least one place more often than not.
func (g malformed) request(host string) string {
	method := pick(g, "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "get", g.piece())
	target := pick(g, "/", "/id?id=x", "/a/b?c=d", "*", "http://"+host+"/", g.piece(), "/"+g.piece(), "/?"+g.piece(), "http://"+g.piece()+"/", "//"+g.piece())
	line := method + pick(g, " ", " ", " ", "  ", "\t", "") + target + " " + pick(g, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", g.piece()) + pick(g, "\r\n", "\r\n", "\r\n", "\n", "")
	head := line + g.host(host) + g.headers()
	if method == "GET" && g.IntN(2) == 0 {
		return head + "\r\n"
	}
	kind, body := g.form()
	if g.IntN(4) == 0 {
		kind, body = pick(g, "application/json", "text/plain", g.piece()), g.piece()
	}
	head += "Content-Type: " + kind + "\r\n"
	switch g.IntN(5) {
	case 0:
		return head + "Content-Length: " + pick(g, g.piece(), strconv.Itoa(len(body)+1+g.IntN(9)), strconv.Itoa(g.IntN(len(body)+1))) + "\r\n\r\n" + body
	case 1:
		var b strings.Builder
		for rest := body; rest != ""; {
			n := min(len(rest), 1+g.IntN(30))
			b.WriteString(pick(g, fmt.Sprintf("%x", n), fmt.Sprintf("%x", n), fmt.Sprintf("%x", n), g.piece()) + pick(g, "", "", ";x=y", ";"+g.piece()) + pick(g, "\r\n", "\r\n", "\n") + rest[:n] + pick(g, "\r\n", "\r\n", "\r\n", ""))
			rest = rest[n:]
		}
		return head + "Transfer-Encoding: " + pick(g, "chunked", "chunked", "chunked", "Chunked", g.piece()) + "\r\n" + pick(g, "", "", "Content-Length: 3\r\n") + "\r\n" + b.String() + pick(g, "0\r\n\r\n", "0\r\nX: y\r\n\r\n", "0\r\n", "", g.piece())
	}
	return head + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// clean is a piece that may stand in a line.
func (g malformed) clean() string { return printable(g.piece()) }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// near is a request that HTTP allows, odd as it is: most of them reach PHP.
func (g malformed) near(host string) string {
	var b strings.Builder
	target := pick(g, "/", "//x", "/a/../b", "/"+g.clean(), "/?"+g.clean(), "/a?b["+g.clean()+"]="+g.clean(), "/%"+g.clean(), "//"+g.clean()+"/", "http://"+host+"/"+g.clean())
	b.WriteString(pick(g, "GET", "POST", "PUT", "PATCH", "DELETE", "BREW", "OPTIONS") + " " + strings.ReplaceAll(target, " ", "+") + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for range g.IntN(6) {
		b.WriteString(pick(g, "Cookie", "X-Forwarded-For", "X-Forwarded-Proto", "Content-Encoding", "Authorization", "Traceparent", "Proxy", "0", "X-Forwarded-Host", "Accept", "!#$%&'*+-^`|~") +
			": " + pick(g, g.clean(), "a="+g.clean()+"; b["+g.clean()+"]=c; 0=1", "x, "+g.clean()) + "\r\n")
	}
	kind, body := g.form()
	if g.IntN(3) == 0 {
		kind, body = pick(g, "application/json", "", g.clean()), g.piece()
	}
	fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", printable(kind), len(body), body)
	return b.String()
}

// spoil changes bytes anywhere.
func (g malformed) spoil(text string) string {
	b := []byte(text)
	for range 1 + g.IntN(3) {
		at := g.IntN(len(b) + 1)
		switch g.IntN(4) {
		case 0:
			b = b[:at]
		case 1:
			b = slices.Insert(b, at, []byte(g.piece())...)
		case 2:
			if at < len(b) {
				b[at] = byte(g.Uint32())
			}
		case 3:
			b = slices.Delete(b, at, min(len(b), at+g.IntN(10)))
		}
	}
	return string(b)
}

// assault sends the text, ends its side of the connection, and reads whatever
// comes. A connection that stays open without an answer is an error.
func assault(address, text string, pipelined string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	finish := func() { _ = conn.(*net.TCPConn).CloseWrite() }
	go io.WriteString(conn, pipelined+text)
	reader := bufio.NewReader(conn)
	if pipelined != "" {
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			return fmt.Errorf("the good request before it: %w", err)
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "right piped" {
			return fmt.Errorf("the good request before it was answered %d, %q, %v", res.StatusCode, body, err)
		}
	}
	// Where nothing comes the server waits for more: it is told that there is none.
	// Whoever ends at once has gone for the server, and PHP would see less of this.
	defer time.AfterFunc(20*time.Millisecond, finish).Stop()
	_, err = io.Copy(io.Discard, reader)
	if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() {
		return fmt.Errorf("no end came: %w", err)
	}
	return nil // a reset is an end, too
}

// poolsNow asks the admin API.
func poolsNow(t *testing.T, s *server) (pids map[int]int, restarts int) {
	t.Helper()
	status, body := get(t, "http://"+s.admin+"/php_worker/pools")
	if status != http.StatusOK {
		t.Fatalf("status %d, %s", status, body)
	}
	var pools []struct {
		Restarts map[string]int
		Workers  []struct{ PID, Requests int }
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&pools); err != nil || len(pools) != 1 {
		t.Fatalf("%s, %v", body, err)
	}
	pids = make(map[int]int)
	for _, w := range pools[0].Workers {
		pids[w.PID] = w.Requests
	}
	for _, n := range pools[0].Restarts {
		restarts += n
	}
	return pids, restarts
}

// TestTenThousandMalformedRequestsCostNoWorker is a campaign over bare sockets.
// CAMPAIGN sets another number of requests, CAMPAIGN_SEED other ones.
func TestTenThousandMalformedRequestsCostNoWorker(t *testing.T) {
	for _, app := range append(unmodified(t), loop) {
		t.Run(app.name, func(t *testing.T) { campaign(t, app) })
	}
}

func campaign(t *testing.T, app front) {
	total, seed := 10_000, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("CAMPAIGN")); err == nil {
		total = n
	}
	if n, err := strconv.ParseUint(os.Getenv("CAMPAIGN_SEED"), 10, 64); err == nil {
		seed = n
	}
	const workers, lanes = 3, 16
	port := freePorts(t, 1)[0]
	address := fmt.Sprintf("127.0.0.1:%d", port)
	s := start(t, fmt.Sprintf("http://:%d {\nbind 127.0.0.1\n%s}\n", port, app.directive(fmt.Sprintf("workers %d", workers), "max_body 100KB")),
		withGlobal("servers {\ntrusted_proxies static 127.0.0.0/8\nmax_header_size 64KB\n}"))
	eventually(t, "all workers are ready", func() bool {
		pids, _ := poolsNow(t, s)
		return len(pids) == workers && !slices.Contains(slices.Collect(maps.Keys(pids)), 0)
	})
	before, _ := poolsNow(t, s)

	var sent, good atomic.Int64
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			g := malformed{rand.New(rand.NewPCG(seed, uint64(lane)))}
			for n := 0; n < (total+lanes-1)/lanes && !t.Failed(); n++ {
				text := g.near(address)
				if n%2 == 0 {
					text = g.request(address)
				}
				if g.IntN(4) == 0 {
					text = g.spoil(text)
				}
				pipelined := ""
				if g.IntN(10) == 0 {
					pipelined = "GET /id?id=piped HTTP/1.1\r\nHost: " + address + "\r\n\r\n"
				}
				if err := assault(address, text, pipelined); err != nil {
					t.Errorf("seed %d, lane %d, request %d: %v\n%q", seed, lane, n, err, text)
				}
				sent.Add(1)
				if n%10 == 9 { // and one that is as it should be
					id := fmt.Sprintf("%d-%d", lane, n)
					res, err := client.Get("http://" + address + "/id?id=" + id)
					if err != nil {
						t.Errorf("the good request %s: %v", id, err)
						continue
					}
					body, err := io.ReadAll(res.Body)
					res.Body.Close()
					if err != nil || res.StatusCode != 200 || string(body) != "right "+id {
						t.Errorf("the good request %s was answered %d, %q, %v", id, res.StatusCode, body, err)
					}
					good.Add(1)
				}
			}
		})
	}
	wg.Wait()

	after, restarts := poolsNow(t, s)
	served := 0
	for pid := range before {
		if _, alive := after[pid]; !alive {
			t.Errorf("worker %d is gone", pid)
		}
		served += after[pid] - before[pid]
	}
	if len(after) != workers || restarts != 0 {
		t.Errorf("%d workers, %d restarts", len(after), restarts)
	}
	if sent.Load() < int64(total) || served < int(good.Load()) {
		t.Errorf("%d malformed requests sent, %d good ones, %d served", sent.Load(), good.Load(), served)
	}
	t.Logf("%d malformed requests, %d good ones between them; %d requests reached PHP; the same %d workers serve", sent.Load(), good.Load(), served, workers)
}
