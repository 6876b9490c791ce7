package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// statusClientClosed is nginx's code for a client that went away. No client sees
// it; logs, metrics and handle_errors do.
const statusClientClosed = 499

// statusError makes an HTTP error of what goes wrong between the arrival of a
// request and the beginning of its answer; 500 of what it does not know. With Debug
// it answers itself where PHP has said what is wrong, with that text, and returns nil.
func (h *Handler) statusError(w http.ResponseWriter, r *http.Request, err error) error {
	var (
		bad         exchange.BadRequestError
		clientBody  exchange.BodyError
		file        *exchange.FileError
		soft        *workerpool.SoftError
		lost        *workerpool.WorkerError
		unavailable *workerpool.UnavailableError
	)
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &file):
		if errors.Is(err, fs.ErrNotExist) {
			status = http.StatusNotFound
		}
	case errors.As(err, &bad):
		status = http.StatusBadRequest
	case errors.Is(err, exchange.ErrNoMemory):
		status = http.StatusServiceUnavailable
		retryAfter(w, time.Second)
		h.pool.totals.reject(workerpool.RejectedMemory)
	case errors.Is(err, exchange.ErrBodyTooLarge), errors.Is(err, form.ErrTooManyFiles), errors.Is(err, form.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, context.Canceled), errors.Is(err, goneBecause(r.Context())), errors.As(err, &clientBody) && r.Context().Err() != nil:
		status = statusClientClosed
	case errors.As(err, &clientBody):
		status = http.StatusBadRequest
	case errors.As(err, &soft):
	case errors.Is(err, workerpool.ErrTimeout), errors.Is(err, workerpool.ErrStreamIdle):
		status = http.StatusGatewayTimeout
	case errors.Is(err, workerpool.ErrQueueFull), errors.Is(err, workerpool.ErrQueueTimeout), errors.Is(err, workerpool.ErrClosed),
		errors.Is(err, workerpool.ErrCut):
		status = http.StatusServiceUnavailable
		retryAfter(w, time.Second)
	case errors.As(err, &lost), errors.Is(err, exchange.ErrBadAnswer), errors.Is(err, httpctx.ErrBadContext), errors.Is(err, goridge.ErrBadFrame):
		status = http.StatusBadGateway
	case errors.As(err, &unavailable):
		status = http.StatusServiceUnavailable
		retryAfter(w, unavailable.RetryAfter)
	}
	if status == http.StatusGatewayTimeout && errors.As(err, &lost) {
		h.logger.Error("killed a worker that took too long", zap.String("pool", h.pool.name), zap.Int("pid", lost.PID),
			zap.String("method", r.Method), zap.String("uri", r.RequestURI), zap.Duration("elapsed", lost.After),
			zap.Error(lost.Err), zap.Strings("output", lost.Output))
	}
	if h.Debug {
		if text := debugText(err); text != "" {
			return h.debugError(w, r, status, err, text)
		}
	}
	return h.failWith(status, err)
}

// goneBecause is why the client has gone, in the words of its protocol: that of a connection of
// HTTP/3 is no context.Canceled. nil: it has not.
func goneBecause(ctx context.Context) error {
	if ctx.Err() != context.Canceled {
		return nil
	}
	return context.Cause(ctx)
}

// failWith counts an error and hands it to Caddy, and so to its log and to handle_errors.
func (h *Handler) failWith(status int, err error) error {
	h.pool.totals.status(status)
	return caddyhttp.Error(status, fmt.Errorf("pool %q: %w", h.pool.name, err))
}

// retryAfter tells the client when to come back, in whole seconds.
func retryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}
