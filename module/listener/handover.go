package listener

import (
	"context"
	"net"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"go.uber.org/zap"
)

func init() { caddy.RegisterModule(Handover{}) }

// Handover is a listener wrapper with which a reload loses no connection. While a new
// configuration starts, the old one gets all that comes to an address at which both
// listen; a new one that is given up never gets any. When the old one is about to stop,
// the new one gets what comes, and the connections of which the old one has not read a
// whole request head yet (under TLS: not answered the ClientHello), with what has been
// read.
//
// It belongs before the tls wrapper, and has no options. Between the two there may be
// wrappers that read no more than a beginning, as proxy_protocol does. One that serves
// connections itself belongs before it, for it may begin with less than a request head.
// On Linux only what comes to Caddy's first socket can use Multipath TCP: the kernel steers to no such socket.
type Handover struct {
	keepAlive net.KeepAliveConfig
	logger    *zap.Logger
	listeners []*listener
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

// Provision takes the server's settings for TCP keep-alive over, and asks to be told
// when the configuration ends.
func (h *Handover) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	events, err := ctx.App("events")
	if err != nil {
		return err
	}
	if err := events.(*caddyevents.App).On("stopping", ending{h}); err != nil {
		return err
	}
	if srv := serverOf(ctx); srv != nil {
		h.keepAlive = net.KeepAliveConfig{
			Enable:   srv.KeepAliveInterval >= 0,
			Interval: time.Duration(srv.KeepAliveInterval),
			Idle:     time.Duration(srv.KeepAliveIdle),
			Count:    srv.KeepAliveCount,
		}
	}
	return nil
}

// WrapListener makes ln the one that gets what comes to its address once no older
// configuration serves there. Behind the tls wrapper it does nothing, but log that:
// net/http would not know the TLS connections any more.
func (h *Handover) WrapListener(ln net.Listener) net.Listener {
	if isTLS(ln) {
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
	if canSteer {
		l.socket, network = caddySocket(ln)
	}
	if l.socket == nil {
		network = ln.Addr().Network()
	}
	l.address = network + "/" + ln.Addr().String()
	h.listeners = append(h.listeners, l)
	if err := join(l); err != nil {
		h.logger.Warn("a reload may lose connections that wait to be accepted",
			zap.String("address", l.address), zap.Error(err))
	}
	return l
}

// ending is what Caddy tells, before it stops any app, that a configuration ends:
// because a new one runs, or because Caddy ends.
type ending struct{ handover *Handover }

// Handle lets the new configuration take over, and waits, for 250 ms at most, until
// the server of the old one may be shut down. Each server has a wrapper of its own, and
// Caddy tells one after the other.
func (e ending) Handle(context.Context, caddy.Event) error {
	ctx, cancel := context.WithTimeout(context.Background(), decideFor)
	defer cancel()
	for _, l := range e.handover.listeners {
		l.port.release(l)
	}
	for _, l := range e.handover.listeners {
		l.letDecide(ctx)
	}
	return nil
}

var (
	_ caddy.Provisioner     = (*Handover)(nil)
	_ caddy.ListenerWrapper = (*Handover)(nil)
	_ caddyfile.Unmarshaler = (*Handover)(nil)
)
