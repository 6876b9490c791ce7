package module

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// addLogFields tells access logs and placeholders who answered, and how long it took.
func (h *Handler) addLogFields(r *http.Request, t *workerpool.Turn) {
	ctx := r.Context()
	if fields := logFields(r); fields != nil {
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

// addStreamFields tells access logs how long the request has held its worker. Caddy's own
// duration is 0 where the client has gone, since the connection is cut then.
func (h *Handler) addStreamFields(r *http.Request, held time.Duration) {
	if fields := logFields(r); fields != nil {
		fields.Set(zap.Float64("php_worker.held_ms", milliseconds(held)))
	}
}

// addFailureFields tells access logs what is known of a request that got no answer
// within the given time. The placeholders are left to whoever answers instead, which
// may be another pool with an error page.
func (h *Handler) addFailureFields(r *http.Request, err error, within time.Duration) {
	fields := logFields(r)
	if fields == nil {
		return
	}
	fields.Set(zap.String("php_worker.pool", h.pool.name))
	if b, ok := culpritOf(err); ok {
		fields.Set(zap.Int("php_worker.pid", b.pid))
		if b.after > 0 {
			fields.Set(zap.Float64("php_worker.exec_ms", milliseconds(b.after)))
		}
	} else if within > 0 {
		fields.Set(zap.Float64("php_worker.queue_ms", milliseconds(within)))
	}
}

// culprit is a worker that had the request and failed it.
type culprit struct {
	pid   int
	after time.Duration // it had the request for so long; 0: not known
	text  string        // what went wrong, without a word of PHP's
}

// culpritOf finds the worker that err is about. It reports false where no worker had
// the request.
func culpritOf(err error) (culprit, bool) {
	if lost, ok := errors.AsType[*workerpool.WorkerError](err); ok {
		text := "the worker failed"
		if errors.Is(err, workerpool.ErrTimeout) {
			text = "the worker took too long"
		}
		return culprit{lost.PID, lost.After, text}, true
	}
	if soft, ok := errors.AsType[*workerpool.SoftError](err); ok {
		return culprit{pid: soft.PID, text: "the worker reported an error"}, true
	}
	return culprit{}, false
}

// logFields are those of the request's access log, nil where its server writes none.
func logFields(r *http.Request) *caddyhttp.ExtraLogFields {
	if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); !ok || server.Logs == nil {
		return nil
	}
	fields, _ := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	return fields
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
