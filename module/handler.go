package module

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler lets a pool of resident PHP processes answer. It never calls the next
// handler: whatever should not reach PHP is routed away before it.
//
// For each request it sets these placeholders, which other handlers may use once
// the answer has begun:
//
// Placeholder | Description
// ------------|-------------
// `{http.php_worker.pool}` | The name of the pool
// `{http.php_worker.pid}` | The process that answered
// `{http.php_worker.queue_ms}` | How long the request waited for a worker, in milliseconds
// `{http.php_worker.exec_ms}` | How long the worker took to begin its answer, in milliseconds
//
// Errors become [HTTP errors](/docs/caddyfile/directives/handle_errors): 400 for
// a request that PHP could not read, 413 for a body or a number of files beyond
// the limits, 500 where PHP reported an error, 502 where the worker ended or
// answered nonsense, 503 with Retry-After where no worker is to be had, 504 where
// the worker took too long, 499 where the client has gone.
type Handler struct {
	// Pool names a pool of the app. It excludes every field of an inline pool.
	Pool string `json:"pool,omitempty"`

	// An inline pool. Handlers whose pools are equal share one.
	PoolConfig

	// MaxBody is the largest request body in bytes; a longer one is answered
	// 413. A urlencoded form may have 16 MiB whatever this says. Limit: 4 GiB less
	// 16 MiB. Default: 128 MB (128_000_000).
	MaxBody int64 `json:"max_body,omitempty"`

	// BodyMemory is the largest request body in bytes that is kept in memory;
	// a longer one is spooled to a temporary file. The fields of a form are
	// always kept in memory. Default: 1 MiB (1_048_576).
	BodyMemory int64 `json:"body_memory,omitempty"`

	// RawBody hands every body to PHP as it came: no form is parsed, no
	// upload stored.
	RawBody bool `json:"raw_body,omitempty"`

	// Uploads says where and which uploaded files are stored.
	Uploads *Uploads `json:"uploads,omitempty"`

	// Attributes become PSR-7 request attributes, in this order.
	Attributes []Attribute `json:"attributes,omitempty"`

	// Sendfile lists folders: an answer with the header X-Sendfile or
	// X-Accel-Redirect is replaced by the file it names below one of them.
	// Default: none, and the headers mean nothing.
	Sendfile []string `json:"sendfile,omitempty"`

	// Debug shows the text of worker errors in the response. For development
	// only: such texts hold file names and stack traces.
	Debug bool `json:"debug,omitempty"`

	pool   *pool
	forms  formLimits
	logger *zap.Logger
}

// Defaults of Handler, also stated at its fields.
const (
	defaultMaxBody    = 128_000_000
	defaultBodyMemory = 1 << 20
	// largestBody leaves room for the context: context and body of a frame are
	// less than 4 GiB together.
	largestBody = 1<<32 - 1<<24
)

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.php_worker",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision finds the pool. It starts no process: that is the app's work.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	if h.MaxBody == 0 {
		h.MaxBody = defaultMaxBody
	}
	if h.BodyMemory == 0 {
		h.BodyMemory = defaultBodyMemory
	}
	if h.Uploads == nil {
		h.Uploads = new(Uploads)
	}
	repl := caddy.NewReplacer()
	h.Uploads.Dir = repl.ReplaceAll(h.Uploads.Dir, "")
	for i, root := range h.Sendfile {
		if root = repl.ReplaceAll(root, ""); root != "" {
			// Applications name files by their absolute paths.
			if abs, err := filepath.Abs(root); err == nil {
				root = abs
			}
		}
		h.Sendfile[i] = root
	}
	app, err := ctx.App("php_worker")
	if err != nil {
		return err
	}
	app.(*App).uploadDirs[h.Uploads.Dir] = struct{}{}
	inline := !reflect.ValueOf(h.PoolConfig).IsZero()
	switch {
	case h.Pool != "" && inline:
		return fmt.Errorf("pool %q is named, so its settings belong to the php_worker app, not to the handler", h.Pool)
	case h.Pool != "":
		h.pool, err = app.(*App).named(h.Pool)
	default:
		h.pool, err = app.(*App).inline(h.PoolConfig, h.logger)
	}
	if err != nil {
		return err
	}
	h.forms, err = formLimitsOf(h.pool.Config().Ini)
	return err
}

// Validate checks what Provision has completed.
func (h *Handler) Validate() error {
	switch {
	case h.MaxBody < 0:
		return errors.New("max_body must not be negative")
	case h.MaxBody > largestBody:
		return fmt.Errorf("max_body must be at most %d bytes, which is what a frame of the protocol can carry", int64(largestBody))
	case h.BodyMemory < 0:
		return errors.New("body_memory must not be negative")
	case h.Uploads.MaxFiles < 0:
		return errors.New("uploads: max_files must not be negative")
	}
	for _, root := range h.Sendfile {
		if root == "" {
			return errors.New("sendfile needs folders")
		}
	}
	for _, a := range h.Attributes {
		if a.Name == "" {
			return errors.New("an attribute needs a name")
		}
	}
	return nil
}

// ServeHTTP sends the request to a worker and its answer to the client.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if !h.pool.Ready() && handOver(w, r) {
		return nil
	}
	req, turn, err := h.exec(w, r)
	if req != nil {
		defer req.close()
	}
	if err != nil {
		return h.statusError(w, r, err)
	}
	defer turn.Close()
	h.pool.ledger.answered(turn)
	return h.respond(w, r, turn)
}

// exec reads the request and has a worker take it up. A reload may give the pool up
// while a body still comes: then the pool stays open for it, since it is this one
// that the request is encoded for.
func (h *Handler) exec(w http.ResponseWriter, r *http.Request) (*request, *workerpool.Turn, error) {
	if r.ContentLength != 0 {
		defer h.pool.Hold()()
	}
	req, err := h.newRequest(w, r)
	if err != nil {
		h.annotateFailure(r, err, 0)
		leaveBody(w, r, err)
		return nil, nil, err
	}
	begin := time.Now()
	turn, err := h.pool.exec(r.Context(), req.exec)
	if err != nil {
		now := time.Now()
		h.annotateFailure(r, err, now.Sub(begin))
		h.traceFailure(r.Context(), begin, now, err)
		return req, nil, err
	}
	h.annotate(r, turn)
	h.traceTurn(r.Context(), begin, turn)
	return req, turn, nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
