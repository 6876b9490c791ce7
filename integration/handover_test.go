package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reloadsLoseNothing reloads several times, every other time with another pool, and
// ends the traffic.
func (s *server) reloadsLoseNothing(sites func(release int) string, traffic *traffic) {
	s.t.Helper()
	for release := range 8 {
		if status, text := s.load(sites(release)); status != http.StatusOK {
			s.t.Fatalf("reload %d: status %d, %s", release, status, text)
		}
		traffic.more(10)
	}
	traffic.end().wantNoFailure(s.t)
}

// Over TLS a connection is longer about to begin: the handshake counts.
func TestReloadsLoseNoConnectionOverTLS(t *testing.T) {
	t.Parallel()
	for name, browser := range map[string]browser{"HTTP/1.1": secretive, "HTTP/2": modern} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePorts(t, 1)[0]
			sites := func(release int) string {
				return fmt.Sprintf("https://127.0.0.1:%d {\ntls internal\n%s\n}\n", port,
					chaosWorker(t, "workers 2", env("RELEASE", strconv.Itoa(release/2))))
			}
			s := start(t, sites(0))
			url := fmt.Sprintf("https://127.0.0.1:%d/", port)
			first, done := browser()
			defer done()
			eventually(t, "Caddy has a certificate", func() bool {
				res, err := first.Get(url)
				return err == nil && res.Body.Close() == nil
			})
			traffic := startTrafficBy(browser, t, 3, always(url), func(r received) {
				if r.err == nil && !strings.HasPrefix(r.proto, name) {
					t.Errorf("%s was spoken", r.proto)
				}
			})
			s.reloadsLoseNothing(sites, traffic)
		})
	}
}

// Until Caddy says that a new configuration runs, the old one answers: one that is
// given up may lose what it has begun.
func TestAConfigurationThatIsRejectedGetsNoConnection(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	sites := func(name, worker string) string {
		return fmt.Sprintf("http://:%d {\nbind 127.0.0.1\nrespond %q\n}\n", ports[0], name) + on(ports[1], worker)
	}
	s := start(t, sites("old", lifeWorker(t, "workers 1")))
	traffic := startLoad(t, base(ports[0]), 4)
	for range 8 { // Caddy starts its apps in any order, and those behind the broken one not at all
		if out, err := s.reload(sites("rejected", lifeWorker(t, "workers 1", env("DIE", "1")))); err == nil {
			t.Fatalf("the reload succeeded: %s", out)
		}
		traffic.more(20)
	}
	if bodies := traffic.end(); len(bodies) != 1 || bodies["old"] == 0 {
		t.Errorf("the answers were %v", bodies)
	}
	s.mustReload(sites("new", lifeWorker(t, "workers 1")))
	if a := askFresh(t.Context(), http.MethodGet, base(ports[0])); a.body != "new" {
		t.Errorf("after a reload the answer is %q, error %v", a.body, a.err)
	}
}

// A Unix socket is shared by all configurations: there is nothing to steer, but what
// has not begun is handed over all the same.
func TestReloadsLoseNoConnectionAtAUnixSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	sites := func(release int) string {
		return fmt.Sprintf("http://app {\nbind unix/%s\n%s\n}\n", socket, chaosWorker(t, "workers 2", env("RELEASE", strconv.Itoa(release/2))))
	}
	s := start(t, sites(0))
	browser := func() (*http.Client, func()) {
		transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}
		return browse(transport)
	}
	traffic := startTrafficBy(browser, t, 4, always("http://app/"), nil)
	s.reloadsLoseNothing(sites, traffic)
}

// Without tls in the list, Caddy puts that first.
func TestHandoverBehindTLSSaysSo(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	s := start(t, fmt.Sprintf("https://127.0.0.1:%d {\ntls internal\nrespond {http.request.proto}\n}\n", port),
		withGlobal("servers {\nlistener_wrappers {\nhandover\n}\n}"))
	s.waitLog("handover does nothing: in listener_wrappers it must stand before tls")
	own, done := modern()
	defer done()
	eventually(t, "the site is served all the same", func() bool {
		return roundTrip(t.Context(), own, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/", port), nil).body == "HTTP/2.0"
	})
}

func TestHandoverHasNoOptions(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"handover all":              "wrong argument count",
		"handover {\ntimeout 1s\n}": "handover has no options",
	} {
		said := startFails(t, "http://127.0.0.1:1 {\n}\n", withGlobal("servers {\nlistener_wrappers {\n"+words+"\ntls\n}\n}"))
		if !strings.Contains(said, want) {
			t.Errorf("%q: Caddy does not say %q:\n%s", words, want, said)
		}
	}
}

// What other listener wrappers have read goes along: here the line of a load balancer
// that names the client.
func TestAHandoverKeepsWhatOtherListenerWrappersHaveRead(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	sites := func(name string) string {
		return fmt.Sprintf("http://:%d {\nbind 127.0.0.1\nrespond \"%s {http.request.remote.host}\"\n}\n", port, name)
	}
	s := start(t, sites("old"), withGlobal("servers {\nlistener_wrappers {\nhandover\nproxy_protocol {\nallow 127.0.0.0/8\n}\ntls\n}\n}"))
	var clients []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "PROXY TCP4 192.0.2.7 127.0.0.1 4711 %d\r\nGET / HTTP/1.1\r\n", port)
		clients = append(clients, c)
	}
	s.mustReload(sites("new"))
	for _, c := range clients {
		fmt.Fprint(c, "Host: a\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasSuffix(string(answer), "\r\n\r\nnew 192.0.2.7") {
			t.Errorf("%q, error %v", answer, err)
		}
	}
}
