package listener

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// broken says that an assumption does not hold for the versions that this test was built with.
func broken(t *testing.T, assumption string, args ...any) {
	t.Helper()
	version, _ := caddy.Version()
	t.Errorf("with %s and Caddy %s an assumption of assumptions.go does not hold: %s", runtime.Version(), version, fmt.Sprintf(assumption, args...))
}

func TestCaddysListenerIsAStructAroundItsSocket(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:0": "tcp", "tcp4/127.0.0.1:0": "tcp4", "tcp6/[::1]:0": "tcp6"} {
		ln := listen(t, address)
		defer ln.Close()
		if socket, network := caddySocket(ln); socket == nil || network != want {
			broken(t, "the listener of %s is a %T, and has the socket %v and the network %q", address, ln, socket, network)
		}
	}
}

func TestOnlyCaddysOwnListenerIsLookedInto(t *testing.T) {
	ln := listen(t, "127.0.0.1:0")
	defer ln.Close()
	type lookalike struct {
		net.Listener
		lnKey string
	}
	socket, _ := caddySocket(ln)
	for _, other := range []net.Listener{lookalike{socket, "tcp/127.0.0.1:0"}, &lookalike{socket, "tcp/127.0.0.1:0"}, socket} {
		if found, network := caddySocket(other); found != nil || network != "" {
			t.Errorf("a %T was taken for Caddy's listener", other)
		}
	}
}

// opaque is a listener that nobody can look into, as Caddy's would be were it another one.
type opaque struct{ net.Listener }

func TestWithoutCaddysSocketWhatIsAcceptedIsStillHandedOver(t *testing.T) {
	wrap := func(address string) *listener {
		return new(Handover).WrapListener(opaque{listen(t, address)}).(*listener)
	}
	before := wrap("127.0.0.1:0")
	if before.socket != nil {
		t.Fatal("this listener can be looked into")
	}
	after := wrap(before.Addr().String())
	defer after.Close()
	dial(t, before.Addr().String())
	old, err := before.Accept()
	if err != nil {
		t.Fatal(err)
	}
	before.port.release(before)
	if err := before.Close(); err != nil {
		t.Error(err)
	}
	go old.Close() // as a server does that is shut down
	if _, err := after.Accept(); err != nil {
		t.Errorf("the connection that had not begun: %v", err)
	}
}

func TestCaddysSocketsShareTheirAddress(t *testing.T) {
	ln := listen(t, "127.0.0.1:0")
	defer ln.Close()
	socket, _ := caddySocket(ln)
	again, err := reopen(socket)
	if err != nil {
		broken(t, "no second socket can be opened: %v", err)
		return
	}
	again.Close()
}

func TestTheListenerOfTLSIsKnown(t *testing.T) {
	ln := listen(t, "127.0.0.1:0")
	defer ln.Close()
	if !isTLS(tls.NewListener(ln, &tls.Config{})) || isTLS(ln) || isTLS(&opaque{ln}) {
		broken(t, "a listener of TLS is a %T", tls.NewListener(ln, &tls.Config{}))
	}
	h := &Handover{logger: zap.NewNop()}
	if wrapped := h.WrapListener(tls.NewListener(ln, &tls.Config{})); !isTLS(wrapped) {
		t.Error("the listener of TLS was wrapped")
	}
}

// spy is a connection that calls a function at one of the read deadlines that its server sets
// after it has got so many bytes.
type spy struct {
	net.Conn
	after int // bytes
	at    int // number of the deadline, from 1 on
	call  func()

	mu  sync.Mutex
	got int
}

func (s *spy) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.mu.Lock()
	s.got += n
	s.mu.Unlock()
	return n, err
}

func (s *spy) SetReadDeadline(at time.Time) error {
	s.mu.Lock()
	if s.got >= s.after {
		s.at--
	}
	now := s.got >= s.after && s.at == 0
	s.mu.Unlock()
	if now {
		s.call()
	}
	return s.Conn.SetReadDeadline(at)
}

// spies is a listener whose connections are the spy.
type spies struct {
	net.Listener
	spy *spy
}

func (l spies) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.spy.Conn = c
	return l.spy, nil
}

// answers reports whether a server answers a request that begins to be shut down at a certain read deadline
// after it has got so many bytes.
func answers(t *testing.T, after, deadline int, config *tls.Config) bool {
	t.Helper()
	ln := listen(t, "127.0.0.1:0")
	server := &http.Server{
		ReadHeaderTimeout: time.Minute, // Caddy's default
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
	}
	s := &spy{after: after, at: deadline, call: func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel() // it shall only begin
		_ = server.Shutdown(ended)
	}}
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if secure, ok := c.(*tls.Conn); ok {
			c = secure.NetConn()
		}
		if c != net.Conn(s) {
			broken(t, "http.Server has a %T, not the connection of Accept", c)
		}
	}
	served := make(chan bool)
	var accepts net.Listener = spies{ln, s}
	if config != nil {
		accepts = tls.NewListener(accepts, config)
	}
	go func() {
		defer close(served)
		_ = server.Serve(accepts)
	}()
	c := dial(t, ln.Addr().String()).Conn
	if config != nil {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	_, _ = io.WriteString(c, get)
	n, _ := c.Read(make([]byte, 1))
	server.Close()
	<-served
	return n == 1
}

// deadlinesBeforeTheLook counts the read deadlines that a server sets, after it has got so many bytes, before it
// looks whether it is being shut down.
func deadlinesBeforeTheLook(t *testing.T, after int, config *tls.Config) (n int) {
	for n < 10 && !answers(t, after, n+1, config) {
		n++
	}
	return n
}

func TestAServerSetsAKnownNumberOfDeadlinesAfterAHead(t *testing.T) {
	if n := deadlinesBeforeTheLook(t, len(get), nil); n != deadlinesAfterHead {
		broken(t, "http.Server sets %d read deadlines after a head, not %d", n, deadlinesAfterHead)
	}
}

func TestAServerSetsAKnownNumberOfDeadlinesAfterAClientHello(t *testing.T) {
	example := httptest.NewTLSServer(nil)
	example.Close()
	// A ClientHello is what comes first, so any byte of it will do.
	n := deadlinesBeforeTheLook(t, 1, &tls.Config{Certificates: example.TLS.Certificates})
	if n != deadlinesAfterHello {
		broken(t, "http.Server sets %d read deadlines after a ClientHello, not %d", n, deadlinesAfterHello)
	}
}

func TestCaddyGivesItsWrappersTheServer(t *testing.T) {
	off := false
	server := map[string]any{
		"listen": []string{"127.0.0.1:0"}, "keepalive_interval": "7s", "keepalive_count": 3,
		"listener_wrappers": []any{map[string]any{"wrapper": "handover"}},
	}
	app, err := json.Marshal(map[string]any{"servers": map[string]any{"site": server}})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Run(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: &off}},
		AppsRaw: caddy.ModuleMap{"http": app},
	}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	ports.Lock()
	defer ports.Unlock()
	found := 0
	for _, p := range ports.at {
		for _, l := range p.serving {
			if k := l.keepAlive; !k.Enable || k.Interval != 7*time.Second || k.Count != 3 {
				broken(t, "the keep-alive of %s is %+v", l.address, k)
			}
			if l.socket == nil {
				broken(t, "for a server, Caddy's listener is a %T", l.Listener)
			}
			found++
		}
	}
	if found != 1 {
		broken(t, "%d listeners are wrapped", found)
	}
}

// guest is an app of Caddy that has a listener, as its HTTP app has.
type guest struct {
	handover      Handover
	before, after *listener
	tookOver      [2]bool // while it runs, and when it is stopped
}

var theGuest guest

func (*guest) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "guest", New: func() caddy.Module { return &theGuest }}
}

func (g *guest) Provision(ctx caddy.Context) error { return g.handover.Provision(ctx) }

func (g *guest) Start() error {
	g.tookOver[0] = g.before.successor() == g.after
	return nil
}

func (g *guest) Stop() error {
	g.tookOver[1] = g.before.successor() == g.after
	return nil
}

func TestCaddySaysThatAConfigurationEndsBeforeItStopsAnything(t *testing.T) {
	g := &theGuest
	*g = guest{}
	g.before = g.handover.WrapListener(listen(t, "127.0.0.1:0")).(*listener)
	defer g.before.Close()
	g.after = new(Handover).WrapListener(listen(t, g.before.Addr().String())).(*listener)
	defer g.after.Close()
	off := false
	if err := caddy.Run(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: &off}},
		AppsRaw: caddy.ModuleMap{"guest": []byte("{}")},
	}); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
	if want := [2]bool{false, true}; g.tookOver != want {
		t.Errorf("the new configuration has taken over: %v, want %v", g.tookOver, want)
	}
}
