package listener

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func TestMain(m *testing.M) {
	caddy.RegisterModule(&theGuest)
	openFor = 20 * time.Millisecond
	dir, err := os.MkdirTemp("", "listener-")
	if err != nil {
		panic(err)
	}
	caddy.DefaultStorage.Path = dir // not that of whoever runs the tests
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// listen opens a socket at an address, as Caddy does.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	parsed, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := parsed.Listen(t.Context(), 0, net.ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return ln.(net.Listener)
}

// config is a server as a configuration of Caddy has it.
type config struct {
	t        *testing.T
	handover *Handover
	ln       net.Listener
	server   *http.Server
	fresh    chan *conn // connections that the server has taken
}

// configured starts a server at address whose answers are its name and the body of
// the request, unless there is a handler.
func configured(t *testing.T, address, name string, handler http.HandlerFunc) *config {
	t.Helper()
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, name, string(body))
		}
	}
	c := &config{t: t, handover: new(Handover), fresh: make(chan *conn, 1000)}
	c.ln = c.handover.WrapListener(listen(t, address))
	c.server = &http.Server{
		Handler: handler, ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols),
		ConnState: func(conn_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				c.fresh <- conn_.(*conn)
			}
		},
	}
	c.server.Protocols.SetHTTP1(true)
	c.server.Protocols.SetUnencryptedHTTP2(true) // as Caddy's
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := c.server.Serve(c.ln); err != http.ErrServerClosed {
			t.Errorf("serving ended with %v", err)
		}
	}()
	t.Cleanup(func() {
		_ = c.server.Close()
		<-served
	})
	return c
}

func (c *config) address() string { return c.ln.Addr().String() }

// stop begins a shutdown, as Caddy does, without waiting for its end.
func (c *config) stop() {
	c.t.Helper()
	if err := (ending{c.handover}).Handle(c.t.Context(), caddy.Event{}); err != nil {
		c.t.Error(err)
	}
	c.giveUp()
}

// giveUp is what Caddy does with a configuration that does not start.
func (c *config) giveUp() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	cancel()
	if err := c.server.Shutdown(ctx); err != nil && err != context.Canceled {
		c.t.Error(err)
	}
}

// client is one connection.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, address string) *client {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// want reads a response and compares its body.
func (c *client) want(body string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Errorf("no answer %q: %v", body, err)
		return
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != body {
		c.t.Errorf("answer %q, error %v; want %q", got, err, body)
	}
}

// waitGiven waits until the server has got so many bytes.
func (c *conn) waitGiven(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("the server has got %d bytes", n), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.head) == n && c.reading
	})
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestWhatHasNotBegunGoesToTheNewServer(t *testing.T) {
	for _, part := range []string{"", "G", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"} {
		t.Run(fmt.Sprint(len(part), " bytes"), func(t *testing.T) {
			before := configured(t, "127.0.0.1:0", "old", nil)
			c := dial(t, before.address())
			c.send(part)
			(<-before.fresh).waitGiven(t, len(part))
			configured(t, before.address(), "new", nil)
			before.stop()
			c.send(get[len(part):])
			c.want("new")
			c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n body")
			c.want("new body")
		})
	}
}

func TestWhatAServerClosesUnbegunGoesToTheNewServer(t *testing.T) {
	before := configured(t, "127.0.0.1:0", "old", nil)
	c := dial(t, before.address())
	c.send("GET / HTTP")
	(<-before.fresh).waitGiven(t, len("GET / HTTP"))
	after := configured(t, before.address(), "new", nil)
	_ = before.server.Close() // as Shutdown does with new connections after five seconds
	<-after.fresh
	c.send(get[len("GET / HTTP"):])
	c.want("new")
}

// alone waits until Caddy's sockets at l's address are closed.
func alone(t *testing.T, l net.Listener) {
	t.Helper()
	eventually(t, "Caddy's sockets are closed", func() bool {
		ports.Lock()
		defer ports.Unlock()
		return len(l.(*listener).port.beside) == 0
	})
}

func TestWhatWaitsForAServerGoesToTheNewOne(t *testing.T) {
	before := new(Handover).WrapListener(listen(t, "127.0.0.1:0")) // and nobody accepts
	alone(t, before)
	var waiting []*client
	for range 5 {
		waiting = append(waiting, dial(t, before.Addr().String()))
	}
	configured(t, before.Addr().String(), "new", nil)
	if err := before.Close(); err != nil {
		t.Error(err)
	}
	if _, err := before.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	for _, c := range waiting {
		c.send(get)
		c.want("new")
	}
}

// Caddy shuts down the servers of a configuration that does not start without a word
// before: what they are just parsing would be lost.
func TestAConfigurationThatIsGivenUpHasNotGotAnything(t *testing.T) {
	before := configured(t, "127.0.0.1:0", "old", nil)
	given := dial(t, before.address())
	given.send("GET / HTTP")
	(<-before.fresh).waitGiven(t, len("GET / HTTP"))
	rejected := configured(t, before.address(), "rejected", nil)
	alone(t, rejected.ln)
	for range 20 {
		c := dial(t, before.address())
		c.send(get)
		c.want("old")
	}
	given.send(get[len("GET / HTTP"):])
	given.want("old")
	rejected.giveUp()
	for range 20 {
		c := dial(t, before.address())
		c.send(get)
		c.want("old")
	}
	if n := len(rejected.fresh); n > 0 {
		t.Errorf("%d connections came to the configuration that was given up", n)
	}
}

// The wait for requests that are just being parsed has one end for all listeners.
func TestTheEndOfAConfigurationIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, newer := new(port), new(listener)
		h := new(Handover)
		for range 3 {
			l := &listener{port: old, decided: make(chan struct{}, 1)}
			l.decides(1)
			old.serving = append(old.serving, l)
			h.listeners = append(h.listeners, l)
		}
		old.serving = append(old.serving, newer)
		begin := time.Now()
		if err := (ending{h}).Handle(t.Context(), caddy.Event{}); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d != decideFor {
			t.Errorf("it took %v, want %v", d, decideFor)
		}
		h.listeners = h.listeners[:1]
		begin = time.Now()
		go func() {
			<-time.After(time.Millisecond)
			h.listeners[0].decides(-1)
		}()
		if err := (ending{h}).Handle(t.Context(), caddy.Event{}); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d != time.Millisecond {
			t.Errorf("it took %v after the decision, want 1ms", d)
		}
	})
}

// A request that a handler may have seen must not be handled again.
func TestWhatHasBegunStays(t *testing.T) {
	for name, request := range map[string]string{
		"GET":        get,
		"body":       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
		"rest later": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabcde",
		"pipelined":  get + get,
		"bare lines": "GET / HTTP/1.1\nHost: a\n\n",
		"large head": "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			began, end := make(chan bool), make(chan bool)
			before := configured(t, "127.0.0.1:0", "", func(http.ResponseWriter, *http.Request) {
				began <- true
				<-end
				panic(http.ErrAbortHandler) // closes the connection without a byte
			})
			c := dial(t, before.address())
			c.send(request)
			<-began
			after := configured(t, before.address(), "new", nil)
			before.stop()
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			end <- true
			if b, err := c.r.ReadByte(); err == nil {
				t.Errorf("an answer begins with %q", b)
			}
			if len(after.fresh) > 0 {
				t.Error("the new server got the connection")
			}
		})
	}
}

func TestARequestUnderWayIsAnsweredByItsServer(t *testing.T) {
	began, end := make(chan bool), make(chan bool)
	before := configured(t, "127.0.0.1:0", "", func(w http.ResponseWriter, _ *http.Request) {
		began <- true
		<-end
		fmt.Fprint(w, "old")
	})
	c := dial(t, before.address())
	c.send(get)
	<-began
	configured(t, before.address(), "new", nil)
	before.stop()
	end <- true
	c.want("old")
}

func TestWhatTheClientEndsIsClosed(t *testing.T) {
	before := configured(t, "127.0.0.1:0", "old", nil)
	c := dial(t, before.address())
	c.send("GET / HTTP")
	served := <-before.fresh
	served.waitGiven(t, len("GET / HTTP"))
	after := configured(t, before.address(), "new", nil)
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.want("400 Bad Request")
	if len(after.fresh) > 0 {
		t.Error("the new server got the connection")
	}
}

// came counts the connections that wait at a socket, and takes them.
func came(t *testing.T, tcp *net.TCPListener) (n int) {
	t.Helper()
	for {
		if err := tcp.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		c, err := tcp.Accept()
		if err != nil {
			return n
		}
		c.Close()
		n++
	}
}

func TestTheSocketsThatCaddyOpensForAWhileGetNothing(t *testing.T) {
	// Nobody accepts, so that what comes can be counted.
	caddys, _ := caddySocket(listen(t, "127.0.0.1:0"))
	address := caddys.Addr().String()
	p := new(port)
	if err := p.open(caddys); err != nil {
		t.Fatal(err)
	}
	defer p.own.Close()
	defer p.first.Close()
	caddys.Close() // whose socket stays open, as p.first
	guest := func() *net.TCPListener {
		guest, _ := caddySocket(listen(t, address))
		return guest
	}
	admit := func(guest *net.TCPListener) {
		p.beside = append(p.beside, guest)
		p.steer()
	}
	check := func(unknown ...*net.TCPListener) {
		t.Helper()
		for range 50 {
			dial(t, address)
		}
		for i, s := range slices.Concat([]*net.TCPListener{p.own, p.first}, p.beside, unknown) {
			if n := came(t, s); i == 0 && n != 50 || i > 0 && n > 0 {
				t.Errorf("%d connections came to socket %d, of which %d are known and 2 our own", n, i, len(p.beside))
			}
		}
	}
	for range 3 {
		admit(guest())
		check()
	}
	for _, i := range []int{1, 0} {
		p.drop(p.beside[i])
		check()
	}
	// Caddy opens the sockets of a configuration before it has them wrapped. Any of the others may be closed meanwhile.
	early, later := guest(), guest()
	check(early, later)
	p.drop(p.beside[0])
	admit(early)
	admit(later)
	for _, s := range []*net.TCPListener{early, later} {
		came(t, s) // while there was nobody to be kept from connections
	}
	check()
	p.drop(early)
	check()
	// A process that is just being started has copies of all descriptors.
	copied, err := later.File()
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	p.drop(later)
	for range 50 {
		dial(t, address)
	}
	if n := came(t, p.own) + came(t, p.first); n != 50 {
		t.Errorf("a socket that was closed has got %d of 50 connections by a copy", 50-n)
	}
	// Whoever else listens there gets a share, once the reload is over.
	other := guest()
	defer other.Close()
	for range 50 {
		dial(t, address)
	}
	if n := came(t, other); n == 0 || n == 50 {
		t.Errorf("another process that listens there would get %d of 50 connections", n)
	}
}

func TestNobodyListensAfterTheEndWhoeverHasCopiesOfTheSockets(t *testing.T) {
	c := configured(t, "127.0.0.1:0", "old", nil)
	ports.Lock()
	p := c.ln.(*listener).port
	own, first := p.own, p.first
	ports.Unlock()
	for _, s := range []*net.TCPListener{own, first} {
		copied, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		defer copied.Close()
	}
	c.stop()
	eventually(t, "connections are refused", func() bool {
		conn, err := net.Dial("tcp", c.address())
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

func TestANeighbourAtTheSameAddressGetsItsShareAfterTheEnd(t *testing.T) {
	before := configured(t, "127.0.0.1:0", "old", nil)
	alone(t, before.ln)
	after := configured(t, before.address(), "new", nil) // steers
	one, _ := caddySocket(listen(t, before.address()))
	other, _ := caddySocket(listen(t, before.address()))
	defer one.Close()
	defer other.Close()
	ports.Lock()
	p := after.ln.(*listener).port
	p.beside = append(p.beside, one, other) // it steers for as long as they are open
	p.steer()
	ports.Unlock()
	for range 50 {
		c := dial(t, before.address())
		c.send(get)
		c.want("old")
	}
	if n, m := came(t, one), came(t, other); n+m > 0 {
		t.Errorf("during a reload %d and %d connections come to neighbours", n, m)
	}
	before.stop()
	after.stop()
	for range 50 {
		dial(t, one.Addr().String())
	}
	if n, m := came(t, one), came(t, other); n+m != 50 || n == 0 || m == 0 {
		t.Errorf("of 50 connections %d came to one and %d to the other", n, m)
	}
}

// A file descriptor that Caddy has inherited is never closed: it must not be left
// with connections that nobody accepts.
func TestAnInheritedSocketIsAccepted(t *testing.T) {
	first, _ := caddySocket(listen(t, "127.0.0.1:0")) // shares its address
	file, err := first.File()
	if err != nil {
		t.Fatal(err)
	}
	address := first.Addr().String()
	first.Close()
	t.Cleanup(func() { file.Close() })
	name := fmt.Sprintf("fd/%d", file.Fd())
	var c *config
	for _, body := range []string{"old", "new"} {
		before := c
		if c = configured(t, name, body, nil); before != nil {
			before.stop()
		}
		alone(t, c.ln)
		for range 20 {
			client := dial(t, address)
			client.send(get)
			client.want(body)
		}
	}
}

// accept is a connection that a server has, and its client. There is no server: the
// test does what one would.
func accept(t *testing.T, l net.Listener) (*conn, *client) {
	t.Helper()
	alone(t, l)
	client := dial(t, l.Addr().String())
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*conn), client
}

func TestStepsOfAServer(t *testing.T) {
	read := func(c *conn, want int) {
		t.Helper()
		if n, err := io.ReadFull(c, make([]byte, want)); err != nil {
			t.Errorf("read %d bytes: %v", n, err)
		}
	}
	before := new(Handover).WrapListener(listen(t, "127.0.0.1:0"))
	defer before.Close()
	deciding := func(c *conn, want int64) {
		t.Helper()
		if n := c.listener.deciding.Load(); n != want {
			t.Errorf("%d connections are about to begin, want %d", n, want)
		}
	}
	parsed, client := accept(t, before)
	client.send(get)
	read(parsed, len(get))
	deciding(parsed, 1)
	if err := parsed.SetReadDeadline(time.Time{}); err != nil || !parsed.begun.Load() {
		t.Errorf("a deadline behind a head is no beginning: %v", err)
	}
	deciding(parsed, 1)
	go func() { _, _ = parsed.Read(make([]byte, 1)) }() // which net/http does when it goes on
	eventually(t, "the request has begun", func() bool { return parsed.listener.deciding.Load() == 0 })

	dropped, client := accept(t, before)
	client.send(get)
	read(dropped, len(get))

	large, client := accept(t, before)
	client.send(strings.Repeat("x", maxHead+1))
	for n := 0; n <= maxHead; {
		m, err := large.Read(make([]byte, 4096))
		if n += m; err != nil {
			t.Fatal(err)
		}
	}
	if !large.begun.Load() || large.head != nil {
		t.Errorf("%d bytes of a head are kept", len(large.head))
	}

	answered, client := accept(t, before)
	got := make(chan error)
	go func() {
		_, err := io.ReadFull(answered, make([]byte, 5))
		got <- err
	}()
	answered.waitGiven(t, 0)
	if _, err := io.WriteString(answered, "early"); err != nil {
		t.Error(err)
	}

	after := configured(t, before.Addr().String(), "new", nil)
	before.(*listener).port.release(before.(*listener))
	client.send("later")
	if err := <-got; err != nil {
		t.Errorf("a server that has written reads no more: %v", err)
	}
	_ = dropped.Close()
	deciding(dropped, 0)
	if !dropped.begun.Load() || len(after.fresh) > 0 {
		t.Error("what has begun was handed over")
	}
	for _, c := range []*conn{parsed, large, answered} {
		c.Close()
	}
}

// closing is a listener whose Accept fails in its own way once it is closed, as
// Caddy's do on Windows, and those of other listener wrappers may.
type closing struct {
	net.Listener
	closed chan struct{}
}

func (c closing) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	select {
	case <-c.closed:
		return nil, os.ErrInvalid
	default:
		return conn, err
	}
}

func (c closing) Close() error {
	close(c.closed)
	return c.Listener.Close()
}

func TestTheEndOfAListenerDoesNotEndTheNextOne(t *testing.T) {
	wrap := func(address string) net.Listener {
		return new(Handover).WrapListener(closing{listen(t, address), make(chan struct{})})
	}
	before := wrap("127.0.0.1:0")
	after := wrap(before.Addr().String())
	defer after.Close()
	accepted := make(chan error)
	go func() {
		_, err := after.Accept()
		accepted <- err
	}()
	if err := before.Close(); err != nil {
		t.Error(err)
	}
	dial(t, after.Addr().String())
	if err := <-accepted; err != nil {
		t.Errorf("Accept of the new listener: %v", err)
	}
}

// The end of a configuration waits while its server is about to decide what to do with
// the first request of a connection.
func TestWhatIsAboutToBegin(t *testing.T) {
	began, end := make(chan bool), make(chan bool)
	blocked := func(w http.ResponseWriter, _ *http.Request) {
		began <- true
		<-end
	}
	deciding := func(l net.Listener, want int64, when string) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d connections are being decided about: %s", want, when), func() bool { return l.(*listener).deciding.Load() == want })
	}
	plain := configured(t, "127.0.0.1:0", "", blocked)
	c := dial(t, plain.address())
	c.send(get[:10])
	(<-plain.fresh).waitGiven(t, 10)
	deciding(plain.ln, 0, "part of a head")
	c.send(get[10:])
	<-began
	deciding(plain.ln, 0, "a request that has begun")
	end <- true
	c.want("")

	for name, protocols := range map[string][]string{"h1": {"http/1.1"}, "h2": {"h2", "http/1.1"}} {
		ln := new(Handover).WrapListener(listen(t, "127.0.0.1:0"))
		example := httptest.NewTLSServer(nil)
		example.Close()
		server := &http.Server{Handler: http.HandlerFunc(blocked), ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{
			Certificates: example.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"},
		}}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(tls.NewListener(ln, server.TLSConfig))
		}()
		secure := tls.Client(dial(t, ln.Addr().String()), &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		if name == "h2" {
			deciding(ln, 0, "HTTP/2")
		} else {
			deciding(ln, 1, "a handshake")
			if _, err := io.WriteString(secure, get); err != nil {
				t.Fatal(err)
			}
			<-began
			deciding(ln, 0, "a request over TLS that has begun")
			end <- true
		}
		secure.Close()
		server.Close()
		<-served
	}
}

func TestTheLastListenerClosesAllSockets(t *testing.T) {
	before := configured(t, "127.0.0.1:0", "old", nil)
	c := dial(t, before.address())
	c.send(get)
	c.want("old")
	after := configured(t, before.address(), "new", nil)
	before.stop()
	c = dial(t, before.address())
	c.send(get)
	c.want("new")
	after.stop()
	if c, err := net.Dial("tcp", before.address()); err == nil {
		c.Close()
		t.Error("somebody listens still")
	}
	again := configured(t, before.address(), "again", nil)
	c = dial(t, again.address())
	c.send(get)
	c.want("again")
}

func TestWhenTheLastConfigurationHasEndedNobodyListens(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0", "unix/" + t.TempDir() + "/s"} {
		last := configured(t, address, "0", nil)
		at := last.ln.Addr()
		if at.Network() != "unix" {
			address = at.String()
		}
		for i := range 20 { // at once, and after the sockets of the one before have been closed
			next := configured(t, address, fmt.Sprint(i+1), nil)
			if i%5 == 4 {
				alone(t, next.ln)
			}
			last.stop()
			c, err := net.Dial(at.Network(), at.String())
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			last = next
		}
		last.stop()
		eventually(t, "connections to "+at.String()+" are refused", func() bool {
			c, err := net.Dial(at.Network(), at.String())
			if err == nil {
				c.Close()
			}
			return err != nil
		})
	}
}
