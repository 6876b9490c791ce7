package module

import (
	"context"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// errExit is why a boot is given up.
var errExit = errors.New("Caddy ends before the workers are ready")

// exitPoll is how often untilExit looks.
const exitPoll = 20 * time.Millisecond

// untilExit returns a context that ends when Caddy begins to end. It asks again and
// again: Caddy tells only the configuration that runs, and that only when none is
// being started any more. leave must be called.
func untilExit() (ctx context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		tick := time.NewTicker(exitPoll)
		defer tick.Stop()
		for !caddy.Exiting() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		cancel(errExit)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// ending is what Caddy tells, before it stops any app, that the configuration ends.
type ending struct{ app *App }

// Handle bounds what requests may still take when Caddy itself ends. Its servers
// take new ones until shutdown_delay is over.
func (e ending) Handle(context.Context, caddy.Event) error {
	if !caddy.Exiting() {
		return nil
	}
	var delay time.Duration
	if app, err := e.app.ctx.AppIfConfigured("http"); err == nil {
		delay = time.Duration(app.(*caddyhttp.App).ShutdownDelay)
	}
	for _, p := range e.app.byName {
		p.endAfter(delay + p.exitDrain)
	}
	return nil
}
