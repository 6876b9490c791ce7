package listener

import (
	"net"
	"reflect"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(Handover{}) }

// Handover is a listener wrapper with which a reload loses no connection. From the
// moment a new configuration listens at the same address, it gets the connections
// of which the old one has not read a whole request head yet (under TLS: not answered
// the ClientHello), with what has been read. The same happens back when the new
// configuration is given up.
//
// It belongs before the tls wrapper, and has no options. Between the two there may be
// wrappers that read no more than a beginning, as proxy_protocol does. One that serves
// connections itself belongs before it, for it may begin with less than a request head.
// On Linux it listens without Multipath TCP, whose sockets the kernel does not steer.
type Handover struct {
	keepAlive net.KeepAliveConfig
	logger    *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (Handover) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.listeners.handover",
		New: func() caddy.Module { return new(Handover) },
	}
}

// UnmarshalCaddyfile reads the word handover, which stands alone.
func (*Handover) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.ArgErr()
	}
	if d.NextBlock(d.Nesting()) {
		return d.Err("handover has no options")
	}
	return nil
}

// Provision takes the server's settings for TCP keep-alive over.
func (h *Handover) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	if srv, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		h.keepAlive = net.KeepAliveConfig{
			Enable:   srv.KeepAliveInterval >= 0,
			Interval: time.Duration(srv.KeepAliveInterval),
			Idle:     time.Duration(srv.KeepAliveIdle),
			Count:    srv.KeepAliveCount,
		}
	}
	return nil
}

// WrapListener makes ln the one that gets what comes to its address from now on,
// and what older ones have not begun with. Behind the tls wrapper it does nothing, but
// log that: net/http would not know the TLS connections any more.
func (h *Handover) WrapListener(ln net.Listener) net.Listener {
	if t := reflect.TypeOf(ln); t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "crypto/tls" {
		h.logger.Error("handover does nothing: in listener_wrappers it must stand before tls", zap.Stringer("address", ln.Addr()))
		return ln
	}
	l := &listener{
		Listener:  ln,
		keepAlive: h.keepAlive,
		arrivals:  make(chan arrival),
		done:      make(chan struct{}),
		decided:   make(chan struct{}, 1),
	}
	var network string
	if l.socket, network = inside(ln); l.socket == nil {
		network = ln.Addr().Network()
	}
	l.address = network + "/" + ln.Addr().String()
	older, err := join(l)
	if err != nil {
		h.logger.Warn("a reload may lose connections that wait to be accepted",
			zap.String("address", l.address), zap.Error(err))
	}
	for _, o := range older {
		o.letDecide()
	}
	return l
}

var (
	_ caddy.Provisioner     = (*Handover)(nil)
	_ caddy.ListenerWrapper = (*Handover)(nil)
	_ caddyfile.Unmarshaler = (*Handover)(nil)
)
