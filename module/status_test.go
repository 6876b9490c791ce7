package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

func TestEachFailureHasItsStatus(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	reset := errors.New("stream was reset") // HTTP/3 says so
	left, leaveWith := context.WithCancelCause(t.Context())
	leaveWith(reset)
	failed := func(err error) error { return &workerpool.WorkerError{PID: 7, Err: err} }
	for _, test := range []struct {
		name       string
		err        error
		ctx        context.Context
		status     int
		retryAfter string
	}{
		{name: "a request that PHP could not read", err: exchange.BadRequestError{Err: errors.New("no host")}, status: 400},
		{name: "a malformed form", err: exchange.BadRequestError{Err: form.ErrMalformed}, status: 400},
		{name: "a body that breaks off", err: exchange.BodyError{Err: io.ErrUnexpectedEOF}, status: 400},
		{name: "a body whose client has gone", err: exchange.BodyError{Err: io.ErrUnexpectedEOF}, ctx: gone, status: 499},
		{name: "a client that has gone", err: fmt.Errorf("waiting: %w", context.Canceled), status: 499},
		{name: "a client that has gone, in the words of its protocol", err: fmt.Errorf("waiting: %w", reset), ctx: left, status: 499},
		{name: "an error although the client has gone", err: errors.New("?"), ctx: left, status: 500},
		{name: "too large a body", err: exchange.ErrBodyTooLarge, status: 413},
		{name: "too large a form", err: fmt.Errorf("form: %w", form.ErrTooLarge), status: 413},
		{name: "a file that PHP names and that is not there", err: &exchange.FileError{Err: fs.ErrNotExist}, status: 404},
		{name: "a file that PHP names and that nobody may read", err: &exchange.FileError{Err: fs.ErrPermission}, status: 500},
		{name: "too many files", err: fmt.Errorf("form: %w", form.ErrTooManyFiles), status: 413},
		{name: "an error of the application", err: &workerpool.SoftError{Text: "secret", PID: 7}, status: 500},
		{name: "a worker that ended", err: failed(io.EOF), status: 502},
		{name: "a worker that answered nonsense", err: &exchange.AnswerError{PID: 7, Err: exchange.ErrBadAnswer}, status: 502},
		{name: "a context that cannot be read", err: fmt.Errorf("reading: %w", httpctx.ErrBadContext), status: 502},
		{name: "a frame that is none", err: fmt.Errorf("reading: %w", goridge.ErrBadFrame), status: 502},
		{name: "a full queue", err: workerpool.ErrQueueFull, status: 503, retryAfter: "1"},
		{name: "too long a wait", err: workerpool.ErrQueueTimeout, status: 503, retryAfter: "1"},
		{name: "a pool that is closed", err: workerpool.ErrClosed, status: 503, retryAfter: "1"},
		{name: "a worker that had to go", err: failed(workerpool.ErrCut), status: 503, retryAfter: "1"},
		{name: "workers that cannot start", err: &workerpool.UnavailableError{RetryAfter: 3200 * time.Millisecond, Err: io.EOF}, status: 503, retryAfter: "4"},
		{name: "workers that cannot start, for a moment", err: &workerpool.UnavailableError{RetryAfter: time.Millisecond, Err: io.EOF}, status: 503, retryAfter: "1"},
		{name: "a worker that took too long", err: failed(workerpool.ErrTimeout), status: 504},
		{name: "a silent stream", err: failed(workerpool.ErrStreamIdle), status: 504},
		{name: "what nobody has thought of", err: errors.New("?"), status: 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, w, r := unpooled(t), httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil)
			h.pool.totals = newTotals(t.Name())
			if test.ctx != nil {
				r = r.WithContext(test.ctx)
			}
			var status caddyhttp.HandlerError
			if err := h.statusError(w, r, test.err); !errors.As(err, &status) || status.StatusCode != test.status || !errors.Is(err, test.err) {
				t.Errorf("%v, want status %d, and the cause in it", err, test.status)
			}
			if got := w.Header().Get("Retry-After"); got != test.retryAfter {
				t.Errorf("Retry-After is %q, want %q", got, test.retryAfter)
			}
			if w.Body.Len() > 0 {
				t.Errorf("the client has got %q already", w.Body)
			}
			if n := h.pool.totals.byClass[test.status/100].Load(); n != 1 {
				t.Errorf("%d requests of that class were counted", n)
			}
		})
	}
}

func TestOnlyDebugShowsTheTextOfAnErrorToTheClient(t *testing.T) {
	soft := &workerpool.SoftError{Text: "secret in /srv/app.php:12", PID: 7}
	h, w := unpooled(t), httptest.NewRecorder()
	h.pool.totals = newTotals(t.Name())
	h.Debug = true
	err := h.statusError(w, httptest.NewRequest("GET", "/", nil), soft)
	if err != nil || w.Code != 500 || w.Body.String() != "secret in /srv/app.php:12\n" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v, %d, %v: %s", err, w.Code, w.Header(), w.Body)
	}
	if n := h.pool.totals.byClass[5].Load(); n != 1 {
		t.Errorf("counted %d times", n)
	}
}

func TestAWorkerThatTookTooLongIsLoggedWithItsRequest(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	h := unpooled(t)
	h.logger = zap.New(core)
	r := httptest.NewRequest("POST", "/slow?x=1", strings.NewReader(""))
	_ = h.statusError(httptest.NewRecorder(), r, &workerpool.WorkerError{PID: 7, After: 30 * time.Second, Err: workerpool.ErrTimeout, Output: []string{"still at it"}})
	entries := logs.FilterMessage("killed a worker that took too long").All()
	if len(entries) != 1 {
		t.Fatalf("%d lines: %v", len(entries), logs.All())
	}
	fields := entries[0].ContextMap()
	if fmt.Sprintln(fields["pid"], fields["method"], fields["uri"], fields["elapsed"], fields["output"]) != "7 POST /slow?x=1 30s [still at it]\n" {
		t.Errorf("the line has %v", fields)
	}
}
