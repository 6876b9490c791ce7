package module

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// answerObserver books and logs what becomes of a handler's answers.
type answerObserver struct{ h *Handler }

// Status implements exchange.Observer.
func (o answerObserver) Status(code int) { o.h.pool.totals.status(code) }

// Stream implements exchange.Observer.
func (o answerObserver) Stream() (end func()) {
	pool := o.h.pool
	pool.totals.streams.Add(1)
	endOfStream := pool.streams()
	return func() {
		endOfStream()
		pool.totals.streams.Add(-1)
	}
}

// Held implements exchange.Observer.
func (o answerObserver) Held(r *http.Request, held time.Duration) { o.h.addStreamFields(r, held) }

// BrokeOff implements exchange.Observer. It logs what the worker said last, too.
func (o answerObserver) BrokeOff(r *http.Request, pid int, elapsed time.Duration, err error) {
	fields := []zap.Field{zap.Error(err), zap.String("pool", o.h.pool.name), zap.Int("pid", pid),
		zap.String("method", r.Method), zap.String("uri", r.RequestURI), zap.Duration("elapsed", elapsed)}
	if lost, ok := errors.AsType[*workerpool.WorkerError](err); ok {
		fields = append(fields, zap.Strings("output", lost.Output))
	}
	o.h.logger.Error("the answer broke off", fields...)
}

// Interface guard.
var _ exchange.Observer = answerObserver{}
