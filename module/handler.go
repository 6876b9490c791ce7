package module

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/classic"
	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler lets a pool of PHP processes answer, and a file server, where Static says so. It never calls the next
// handler: whatever else should not reach PHP is routed away before it.
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
// answered nonsense (or with more than 1000 headers, 256 KiB of them, or some 5 KB of trailers), 503 with Retry-After where no worker is to be had, 504 where
// the worker took too long, 499 where the client has gone.
type Handler struct {
	// Pool names a pool of the app, in a Caddyfile of the global option php_worker. It excludes a
	// script, Name, and every option that may stand in such a pool.
	Pool string `json:"pool,omitempty"`

	// An inline pool. Handlers whose pools are equal share one.
	PoolConfig

	// Root is the folder of the files, and in classic mode of the scripts, too; placeholders are replaced for each request. For a root that is empty,
	// or has a placeholder without a value, no file is served, and in classic mode each request is answered 500: the current folder is never a default.
	// One that does not exist is warned of. Symbolic
	// links that it is, or lies behind, are resolved for each request, unless ResolveRoot says otherwise, so that one that is changed to another
	// release counts from the next on; PHP sees the folder that they lead to. Default:
	// {http.vars.root}, the site's root.
	Root string `json:"root,omitempty"`

	// Static serves files that exist below Root before PHP is asked. An empty object, {}, serves them as Caddy's file server does by
	// default. Default: none is served.
	Static *Static `json:"static,omitempty"`

	// ResolveRoot says when symbolic links of Root are resolved in classic mode: at each "request", or at each "restart", also the first start: then what
	// they lead to holds, for scripts and for the files beside them, until the next start or rolling restart of the pool, and a process runs the
	// scripts of one release only. A Root with placeholders of requests, or the site's, counts from the first request with it on, and each by itself.
	// Default: request.
	ResolveRoot string `json:"resolve_root,omitempty"`

	// Preload "auto" has PHP compile, in classic mode, when a restart replaces the processes, the classes of namespaces that requests to the old ones have
	// loaded, before the first request to the new ones (opcache.preload); not where Root leads to another folder than before, or a file has changed. It needs "restart" for
	// ResolveRoot, a Root without placeholders, and a pool that handlers share only if they preload for the same Root.
	// PHP sees changes of files in place only at the next restart then. It begins none. Default: off.
	Preload string `json:"preload,omitempty"`

	// Index lists the scripts that stand for their folder in classic mode; the first that exists counts, and a path without a slash at its end is
	// answered 308 with the one with it. "off": no script stands for a folder, and there is no front controller.
	// Default: index.php.
	Index []string `json:"index,omitempty"`

	// TryFiles lists, for classic mode, what is tried for a request, in this order: a script below root, in which {path} is the
	// path of the request; {path}/, the index of that folder; or =404, an error. {path} may have a PATH_INFO behind the script. A file that exists
	// and is no script is answered 404: it is for the file server. Default: {path}, {path}/ and the scripts of Index at the top, the first of which is so the front controller.
	TryFiles []string `json:"try_files,omitempty"`

	// DenyScripts lists paths below root, in classic mode, below which no script is ever executed: such a request is answered 403. They are
	// for folders of uploads. Letters count in either case, an element may have * and ?. Default: none.
	DenyScripts []string `json:"deny_scripts,omitempty"`

	// MaxBody is the largest request body in bytes; a longer one is answered
	// 413. A urlencoded form may have 16 MiB whatever this says. Limit: 4 GiB less
	// 16 MiB. Default: 128 MB (128_000_000).
	MaxBody int64 `json:"max_body,omitempty"`

	// BodyMemory is the largest request body in bytes that is kept in memory;
	// a longer one is spooled to a temporary file. A urlencoded form is in memory as
	// a whole only while it is parsed. Default: 1 MiB (1_048_576).
	BodyMemory int64 `json:"body_memory,omitempty"`

	// RawBody hands every body to PHP as it came: no form is parsed, no
	// upload stored.
	RawBody bool `json:"raw_body,omitempty"`

	// Uploads says where and which uploaded files are stored.
	Uploads *Uploads `json:"uploads,omitempty"`

	// URI says which URI PHP sees: the "original" one that the client has sent, whatever
	// rewrite, try_files or handle_path have made of it, as with PHP-FPM; or the one
	// that they have "rewritten". The query parameters are always those of the rewritten
	// one, and so is everything in the routes of handle_errors. Default: original.
	URI string `json:"uri,omitempty"`

	// Attributes are PSR-7 request attributes, in this order.
	Attributes []Attribute `json:"attributes,omitempty"`

	// Sendfile lists folders: an answer with the header X-Sendfile or
	// X-Accel-Redirect is replaced by the file it names below one of them. A
	// status other than 200 stays.
	// Default: none, and the headers mean nothing.
	Sendfile []string `json:"sendfile,omitempty"`

	// Debug shows the text of worker errors in the response: what PHP reported, what a
	// worker printed before it ended, and, as long as code that has changed does not
	// start, why, instead of answers of the old one. They are logged as well. For development
	// only: such texts hold file names and stack traces.
	Debug bool `json:"debug,omitempty"`

	pool            *pool
	router          *classic.Router // in classic mode
	indexes         []string        // in classic mode: the scripts that come before the index.html of their folder
	exchange        exchange.Options
	attributeValues []template // of Attributes
	logger          *zap.Logger
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
	var err error
	if h.Uploads.Dir, err = fillNow(h.Uploads.Dir); err != nil {
		return fmt.Errorf("uploads: dir: %w", err)
	}
	for i, root := range h.Sendfile {
		if root, err = fillNow(root); err != nil {
			return fmt.Errorf("sendfile: %w", err)
		}
		if root != "" {
			// Applications name files by their absolute paths.
			if abs, err := filepath.Abs(root); err == nil {
				root = abs
			}
		}
		h.Sendfile[i] = root
	}
	h.parseAttributes()
	app, err := ctx.App("php_worker")
	if err != nil {
		return err
	}
	app.(*App).uploadDirs[h.Uploads.Dir] = struct{}{}
	preload, err := h.preloadRoot()
	if err != nil {
		return err
	}
	inline := !reflect.ValueOf(h.PoolConfig).IsZero()
	switch {
	case h.Pool != "" && inline:
		return fmt.Errorf("pool %q is named, so its settings belong to the php_worker app, not to the handler", h.Pool)
	case h.Pool != "":
		h.pool, err = app.(*App).named(h.Pool)
	default:
		h.pool, err = app.(*App).acquire(h.PoolConfig, preload, h.logger)
	}
	if err != nil {
		return err
	}
	if h.pool.preload != preload {
		return fmt.Errorf("pool %q preloads classes for the root of another handler, and is for no others", h.pool.name)
	}
	if h.pool.classic {
		rules := h.rules(h.pool.split)
		if h.router, err = classic.NewRouter(rules); err != nil {
			return err
		}
		h.indexes = rules.Indexes()
	}
	if h.ResolveRoot == resolveAtRestart {
		app.(*App).resolveAtStart(h.pool, h.Root)
	}
	if err := h.provisionStatic(ctx); err != nil {
		return err
	}
	return h.prepareExchange()
}

// prepareExchange makes ready what is the same for all requests.
func (h *Handler) prepareExchange() (err error) {
	var forms exchange.FormLimits
	if h.router == nil { // else PHP keeps them
		if forms, err = exchange.FormLimitsOf(h.pool.Config().Ini); err != nil {
			return err
		}
	}
	h.exchange = exchange.Options{
		MaxBody:    h.MaxBody,
		BodyMemory: h.BodyMemory,
		RawBody:    h.RawBody,
		Uploads:    exchange.Uploads(*h.Uploads),
		Forms:      forms,
		Owner:      h.pool.owner,
		Codec:      h.pool.codec,
		CGI:        h.router != nil,
		Software:   software(),
		Buffer:     h.pool.Config().MaxInMemory,
		Sendfile:   h.Sendfile,
		Memory:     h.pool.memory,
		Observer:   answerObserver{h},
		Logger:     h.logger,
	}
	return nil
}

// parseAttributes makes the attributes ready for requests.
func (h *Handler) parseAttributes() {
	for _, a := range h.Attributes {
		h.attributeValues = append(h.attributeValues, parseTemplate(a.Value))
	}
}

// Validate checks what Provision has completed.
func (h *Handler) Validate() error {
	switch {
	case h.MaxBody < 0:
		return errors.New("max_body must not be negative")
	case h.BodyMemory < 0:
		return errors.New("body_memory must not be negative")
	case h.URI != "" && h.URI != "original" && h.URI != rewritten:
		return fmt.Errorf("uri %q: want original or rewritten", h.URI)
	case h.ResolveRoot != "" && h.ResolveRoot != resolveAtRequest && h.ResolveRoot != resolveAtRestart:
		return fmt.Errorf("resolve_root %q: want %s or %s", h.ResolveRoot, resolveAtRequest, resolveAtRestart)
	case h.Uploads.MaxFiles < 0:
		return errors.New("uploads: max_files must not be negative")
	}
	if err := cmp.Or(h.checkMode(), h.checkSize()); err != nil {
		return err
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

// ServeHTTP serves a file, or sends the request to a worker and its answer to the client.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if h.Static != nil && h.servesFile(r) {
		return h.Static.ServeHTTP(w, r, caddyhttp.HandlerFunc(h.askPHP))
	}
	return h.askPHP(w, r)
}

// askPHP sends the request to a worker and its answer to the client.
func (h *Handler) askPHP(w http.ResponseWriter, r *http.Request) error {
	if isErrorPage(r) {
		r = exchange.ErrorPage(r)
	}
	var script classic.Script
	if h.router != nil {
		d := h.route(r)
		if d.Status != 0 {
			return h.refuse(w, r, d)
		}
		script = d.Script
	}
	req, turn, err := h.exec(w, r, script)
	if req != nil {
		defer req.Close()
	}
	if otherwise, ok := errors.AsType[decidedOtherwise](err); ok {
		return h.refuse(w, r, classic.Decision(otherwise))
	}
	if err != nil {
		return h.statusError(w, r, err)
	}
	h.pool.totals.answered(turn)
	return h.respond(w, r, turn)
}

// respond passes a worker's answer on, and ends its turn.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, turn *workerpool.Turn) error {
	answer := exchange.Answer{Turn: turn, Frame: &turn.Frame, PID: turn.PID, Executed: turn.Executed}
	if err := exchange.Write(w, r, answer, &h.exchange); err != nil {
		return h.statusError(w, r, err)
	}
	return nil
}

// exec reads the request, which is for the script in classic mode, and has a worker take it up. A reload may give the pool up
// while a body still comes: then the pool stays open for it, since it is this one
// that the request is encoded for.
func (h *Handler) exec(w http.ResponseWriter, r *http.Request, script classic.Script) (*exchange.Request, *workerpool.Turn, error) {
	if r.ContentLength != 0 {
		defer h.pool.Reserve()()
	}
	req, err := h.read(w, r, script)
	if err != nil {
		h.addFailureFields(r, err, 0)
		exchange.Drain(w, r, err)
		return nil, nil, err
	}
	begin := time.Now()
	var turn *workerpool.Turn
	if h.Debug {
		err = h.pool.Aborted()
	}
	if err == nil {
		turn, err = h.pool.exec(r.Context(), &workerpool.Request{
			Frame: req.Frame, Body: req.Body, BodySize: req.BodySize, Repeatable: req.Repeatable, Suit: h.suit(r, req, script),
		})
	}
	if err != nil {
		now := time.Now()
		h.addFailureFields(r, err, now.Sub(begin))
		h.traceFailure(r.Context(), begin, now, err)
		return req, nil, err
	}
	req.Sent(!turn.Open())
	h.addLogFields(r, turn)
	h.traceTurn(r.Context(), begin, turn)
	return req, turn, nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
