package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
	"github.com/phpworker/caddy-php-worker/workerpool/budget"
)

// unpooled is a handler whose pool has no processes.
func unpooled(t testing.TB) *Handler {
	t.Helper()
	engine, err := workerpool.New(workerpool.Config{Name: "none", Command: []string{"php"}}, zap.NewNop(), workerpool.Events{})
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{
		MaxBody: 1 << 20, BodyMemory: 1 << 16, Uploads: &Uploads{Dir: t.TempDir()},
		Attributes: []Attribute{{"copy", "{http.request.header.X-Fuzz}"}, {"uri", "{http.request.uri}"}},
		logger:     zap.NewNop(),
		pool: &pool{
			Pool: engine, name: "none", codec: exchange.JSON, totals: newTotals("none"),
			memory: exchange.NewMemory(budget.New(minMemory, new(atomic.Int64))),
		},
	}
	h.parseAttributes()
	if err := h.prepareExchange(); err != nil {
		t.Fatal(err)
	}
	return h
}

// answered passes an answer of worker 1 on, in one frame.
func answered(t *testing.T, h *Handler, w http.ResponseWriter, method, head, body string) error {
	t.Helper()
	frame := append(goridge.BeginRequest(nil), head+body...)
	goridge.FinishRequest(frame, 0, goridge.CodecJSON, len(head), len(body))
	turn := &workerpool.Turn{PID: 1}
	if err := goridge.NewConn(io.NopCloser(strings.NewReader(string(goridge.PlainRequest(frame)))), nil, goridge.Options{}).ReadFrame(&turn.Frame); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(turn.Frame.Release)
	return h.respond(w, httptest.NewRequest(method, "/", nil), turn)
}

func TestAnAnswerThatHTTPDoesNotHaveIsABadGateway(t *testing.T) {
	w := httptest.NewRecorder()
	err := answered(t, unpooled(t), w, "GET", `{"status":99}`, "body")
	if handled, ok := errors.AsType[caddyhttp.HandlerError](err); !ok || handled.StatusCode != http.StatusBadGateway || w.Body.Len() > 0 {
		t.Errorf("%v, %q", err, w.Body)
	} else if !strings.Contains(err.Error(), "worker 1") {
		t.Errorf("the log says %v", err)
	}
}

func TestWhatCaddyKeepsBackHasNoLength(t *testing.T) {
	w := httptest.NewRecorder()
	recorder := caddyhttp.NewResponseRecorder(w, new(bytes.Buffer), func(int, http.Header) bool { return true })
	if err := answered(t, unpooled(t), &caddyhttp.ResponseWriterWrapper{ResponseWriter: recorder}, "GET", `{"status":404}`, "the body"); err != nil {
		t.Fatal(err)
	}
	if length := w.Header()["Content-Length"]; length != nil || recorder.Status() != 404 {
		t.Errorf("length %q, status %d", length, recorder.Status())
	}
}

func TestAFileThatCannotBeSentIsNotFoundOrAnError(t *testing.T) {
	for err, want := range map[error]int{fs.ErrNotExist: 404, fs.ErrPermission: 500, context.Canceled: 500} {
		h := unpooled(t)
		h.Debug = true // the name of the file is for the log
		err = h.statusError(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), &exchange.FileError{Err: fmt.Errorf("X-Sendfile: %w", err)})
		if handled, ok := errors.AsType[caddyhttp.HandlerError](err); !ok || handled.StatusCode != want {
			t.Errorf("%v, want %d", err, want)
		}
	}
}

func TestARequestForWhichThereIsNoMemoryIsCountedAndComesBack(t *testing.T) {
	h := unpooled(t)
	h.pool.memory.Budget.Book(minMemory)
	before := h.pool.totals.rejections(workerpool.RejectedMemory)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil)
	_, err := exchange.Read(w, r, exchange.Info{}, &h.exchange)
	if status := h.statusError(w, r, err); !strings.Contains(status.Error(), "503") || !strings.Contains(status.Error(), `pool "none"`) || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%v, Retry-After %q", status, w.Header().Get("Retry-After"))
	}
	if h.pool.totals.rejections(workerpool.RejectedMemory) != before+1 {
		t.Error("nobody has counted it")
	}
}

func TestPHPIsToldWhatCaddyKnowsOfARequest(t *testing.T) {
	h := unpooled(t)
	original := httptest.NewRequest("GET", "http://example.com/sent?a=1", nil)
	r := httptest.NewRequest("GET", "http://example.com/rewritten?b=2", nil)
	r.Header.Set("X-Fuzz", "value")
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: true, caddyhttp.ClientIPVarKey: "192.0.2.7"})
	ctx = context.WithValue(ctx, caddyhttp.OriginalRequestCtxKey, *original)
	r = r.WithContext(ctx)
	r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddyhttp.NewTestReplacer(r)))
	info := h.info(r)
	if info.IP != "192.0.2.7" || !info.Trusted || info.Seen.Path != "/sent" || len(info.Attributes) != 2 || info.Attributes[0].Value != "value" {
		t.Errorf("%+v", info)
	}
	h.URI = rewritten
	if seen := h.info(r).Seen; seen != r.URL {
		t.Errorf("with uri rewritten PHP sees %v", seen)
	}
	h.URI = ""
	if seen := h.info(r.WithContext(context.WithValue(r.Context(), caddyhttp.ErrorCtxKey, errors.New("?")))).Seen; seen.Path != "/rewritten" {
		t.Errorf("in handle_errors PHP sees %v", seen)
	}
}
