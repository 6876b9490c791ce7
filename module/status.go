package module

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// statusClientClosed is nginx's code for a client that went away; it appears in
// logs only.
const statusClientClosed = 499

// errBadAnswer is an answer that HTTP cannot carry.
var errBadAnswer = errors.New("the worker's answer is no HTTP response")

// statusError maps everything that goes wrong before the answer begins to an
// HTTP error. It is the only place that does.
func (h *Handler) statusError(w http.ResponseWriter, r *http.Request, err error) error {
	var (
		bad         badRequest
		clientBody  errClientBody
		soft        *workerpool.SoftError
		lost        *workerpool.WorkerError
		unavailable *workerpool.UnavailableError
	)
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &bad):
		status = http.StatusBadRequest
	case errors.Is(err, errBodyTooLarge), errors.Is(err, form.ErrTooManyFiles), errors.Is(err, form.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, context.Canceled), errors.As(err, &clientBody) && r.Context().Err() != nil:
		status = statusClientClosed
	case errors.As(err, &clientBody):
		status = http.StatusBadRequest
	case errors.As(err, &soft):
		if h.Debug {
			h.pool.ledger.status(status)
			return showError(w, soft.Text)
		}
	case errors.Is(err, workerpool.ErrTimeout), errors.Is(err, workerpool.ErrStreamIdle):
		status = http.StatusGatewayTimeout
	case errors.As(err, &lost), errors.Is(err, errBadAnswer), errors.Is(err, httpctx.ErrBadContext), errors.Is(err, goridge.ErrBadFrame):
		status = http.StatusBadGateway
	case errors.As(err, &unavailable):
		status = http.StatusServiceUnavailable
		retryAfter(w, unavailable.RetryAfter)
	case errors.Is(err, workerpool.ErrQueueFull), errors.Is(err, workerpool.ErrQueueTimeout), errors.Is(err, workerpool.ErrClosed):
		status = http.StatusServiceUnavailable
		retryAfter(w, time.Second)
	}
	if status == http.StatusGatewayTimeout && errors.As(err, &lost) {
		h.logger.Error("killed a worker that took too long", zap.String("pool", h.pool.name), zap.Int("pid", lost.PID),
			zap.String("method", r.Method), zap.String("uri", r.RequestURI), zap.Duration("elapsed", lost.After),
			zap.Strings("output", lost.Output))
	}
	return h.failWith(status, err)
}

// failWith counts an error and hands it to Caddy, and so to handle_errors.
func (h *Handler) failWith(status int, err error) error {
	h.pool.ledger.status(status)
	return caddyhttp.Error(status, err)
}

// retryAfter tells the client when to come back, in whole seconds.
func retryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

// showError answers with the text of an error, for a developer.
func showError(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte(text + "\n"))
	return nil
}
