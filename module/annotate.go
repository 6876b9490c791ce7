package module

import (
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// annotate tells access logs and placeholders who answered, and how long it took.
func (h *Handler) annotate(r *http.Request, t *workerpool.Turn) {
	ctx := r.Context()
	if fields, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok && logged(r) {
		fields.Set(zap.String("php_worker.pool", h.pool.name))
		fields.Set(zap.Int("php_worker.pid", t.PID))
		fields.Set(zap.Float64("php_worker.queue_ms", milliseconds(t.Queued)))
		fields.Set(zap.Float64("php_worker.exec_ms", milliseconds(t.Executed)))
		fields.Set(zap.Int("php_worker.retries", t.Retries))
	}
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		pid, queued, executed := t.PID, t.Queued, t.Executed
		repl.Map(func(key string) (any, bool) {
			switch key {
			case "http.php_worker.pool":
				return h.pool.name, true
			case "http.php_worker.pid":
				return pid, true
			case "http.php_worker.queue_ms":
				return milliseconds(queued), true
			case "http.php_worker.exec_ms":
				return milliseconds(executed), true
			}
			return nil, false
		})
	}
}

// logged reports whether the request's server writes access logs.
func logged(r *http.Request) bool {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return ok && server.Logs != nil
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
