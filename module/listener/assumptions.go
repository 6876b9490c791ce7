package listener

import (
	"net"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// What this package takes for granted of Caddy and of Go without their word for it stands here,
// and nowhere else. Each assumption has a test in assumptions_linux_test.go that fails with a
// version for which it is not so. Where one is wrong at run time, a reload does what it
// would do without a handover, or takes a quarter of a second longer; requests are answered all the
// same, each once. Only isTLS is no matter of reloads: it finds a wrong order of wrappers.
//
//	Caddy  its TCP listener is a struct around the socket       else connections that wait to be accepted
//	       (caddySocket)                                        when a listener is closed are lost
//	Caddy  its sockets share their address (SO_REUSEPORT)       as above; a warning is logged
//	Caddy  it tells of "stopping" before it stops any app       else the new configuration takes over late:
//	                                                            what the old one is just parsing is lost
//	Caddy  the server is in the context of its wrappers         else the keep-alive of TCP has Go's defaults
//	       (serverOf)
//	Go     the listener of TLS is of package crypto/tls         else there is no log where handover stands
//	       (isTLS)                                              behind tls, and no HTTP/2
//	Go     http.Server sets a known number of read deadlines    else the end of a configuration waits for
//	       before it looks whether it is being shut down        decideFor, or not long enough: then a request
//	       (deadlinesAfterHead, deadlinesAfterHello)            that is just being parsed is lost
//	Go     http.Server uses the connections of Accept as        else nothing is handed over once it is accepted
//	       they are, and closes one that has not begun
const (
	// deadlinesAfterHead is how many read deadlines http.Server sets after a whole head. Then it
	// looks whether it is being shut down, and if not, it reads on, to notice when the client
	// leaves.
	deadlinesAfterHead = 1
	// deadlinesAfterHello is how many it sets after a ClientHello: when the handshake is done,
	// for the head, and behind it.
	deadlinesAfterHello = 3
)

// caddySocket returns the TCP socket that Caddy has opened for a configuration, and its
// network (tcp, tcp4 or tcp6), from the struct that Caddy embeds it in. It returns nil
// for any other listener: what another listener wrapper does must not be passed by, and
// an inherited file descriptor (fd/3) stays open when Caddy's copy is closed.
func caddySocket(ln net.Listener) (socket *net.TCPListener, network string) {
	v := reflect.ValueOf(ln)
	if v.Kind() != reflect.Struct || v.Type().PkgPath() != reflect.TypeFor[caddy.Context]().PkgPath() {
		return nil, ""
	}
	embedded, key := v.FieldByName("Listener"), v.FieldByName("lnKey")
	if !embedded.IsValid() || !embedded.CanInterface() || !key.IsValid() || key.Kind() != reflect.String {
		return nil, ""
	}
	network, _, _ = strings.Cut(key.String(), "/")
	socket, _ = embedded.Interface().(*net.TCPListener)
	if socket == nil || !strings.HasPrefix(network, "tcp") {
		return nil, ""
	}
	return socket, network
}

// isTLS reports whether ln is a listener of TLS.
func isTLS(ln net.Listener) bool {
	t := reflect.TypeOf(ln)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "crypto/tls"
}

// serverOf is the server whose listeners are wrapped, nil if it is not known.
func serverOf(ctx caddy.Context) *caddyhttp.Server {
	srv, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return srv
}
