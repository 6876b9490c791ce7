package listener

import (
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() { caddy.RegisterModule(Handover{}) }

// Handover is a listener wrapper with which a reload loses no connection. From the
// moment a new configuration listens at the same address, it gets the connections
// of which the old one has not read a whole request head yet (under TLS: not answered
// the ClientHello), with what has been read. The same happens back when the new
// configuration is given up.
//
// It belongs before the tls wrapper, and has no options. On Linux it listens without
// Multipath TCP, whose sockets the kernel does not let be steered.
type Handover struct {
	keepAlive net.KeepAliveConfig
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
// and what older ones have not begun with.
func (h *Handover) WrapListener(ln net.Listener) net.Listener {
	l := &listener{
		Listener:  ln,
		address:   ln.Addr().Network() + "/" + ln.Addr().String(),
		keepAlive: h.keepAlive,
		arrivals:  make(chan arrival),
		done:      make(chan struct{}),
	}
	for _, older := range join(l) {
		older.letDecide()
	}
	return l
}

var (
	_ caddy.Provisioner     = (*Handover)(nil)
	_ caddy.ListenerWrapper = (*Handover)(nil)
	_ caddyfile.Unmarshaler = (*Handover)(nil)
)
