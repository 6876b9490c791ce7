package module

import (
	"errors"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// debugText is what a developer shall read in the browser of an error that is PHP's; "" for
// any other.
func debugText(err error) string {
	if soft, ok := errors.AsType[*workerpool.SoftError](err); ok {
		return soft.Text
	}
	if lost, ok := errors.AsType[*workerpool.WorkerError](err); ok {
		return lost.Error() + "\n\n" + strings.Join(lost.Output, "\n")
	}
	if _, ok := errors.AsType[*workerpool.BootError](err); ok { // around it, when it is tried again
		return err.Error()
	}
	for _, bad := range []error{exchange.ErrBadAnswer, httpctx.ErrBadContext, goridge.ErrBadFrame} {
		if errors.Is(err, bad) {
			return err.Error()
		}
	}
	return ""
}

// debugError answers with such a text. Caddy does not learn of the error, and so does not log
// it either.
func (h *Handler) debugError(w http.ResponseWriter, r *http.Request, status int, err error, text string) error {
	h.pool.totals.status(status)
	h.logger.Error("answered with the text of an error, because debug is on", zap.String("pool", h.pool.name), zap.Int("status", status),
		zap.String("method", r.Method), zap.String("uri", r.RequestURI), zap.Error(err))
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
	return nil
}
