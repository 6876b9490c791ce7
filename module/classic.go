package module

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/phpworker/caddy-php-worker/module/classic"
	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// setClassic makes e the configuration of a pool in classic mode.
func (c *PoolConfig) setClassic(e *workerpool.Config) {
	e.Classic = &workerpool.Classic{Extensions: c.Split}
	e.Ini, e.Env, e.SuitIni = c.Ini, c.Env, nil
	if c.PHP != "" {
		e.Command = []string{c.PHP}
	}
}

// rules are those by which a handler in classic mode finds scripts.
func (h *Handler) rules(split []string) classic.Rules {
	return classic.Rules{Index: h.Index, TryFiles: h.TryFiles, Split: split, Deny: h.DenyScripts}
}

// checkMode refuses what has no meaning in the pool's mode.
func (h *Handler) checkMode() error {
	if err := misplaced(h, h.pool.classic); err != nil {
		return err
	}
	if h.Root != "" && h.Static == nil && !h.pool.classic {
		return errors.New("root has no meaning in worker mode without static: it is the folder of the files")
	}
	return misplaced(h.Uploads, h.pool.classic)
}

// software is the server's name and version, as PHP sees it.
func software() string {
	version, _ := caddy.Version()
	return "Caddy/" + version
}

// route decides which script answers the request.
func (h *Handler) route(r *http.Request) classic.Decision {
	root, err := h.rootFor(r)
	switch {
	case err != nil:
		return classic.Decision{Status: http.StatusInternalServerError, Reason: err.Error()}
	case h.ResolveRoot == resolveAtRestart:
		return h.routeIn(commonRoots(h.pool.Common()), root, r.URL.Path)
	}
	return h.router.Resolve(root, r.URL.Path)
}

// rootFor is the root for this request as an absolute path.
func (h *Handler) rootFor(r *http.Request) (string, error) {
	root := rootOf(h.Root, r)
	if root == "" {
		return "", errors.New("no folder is named in which the scripts are: the site needs the directive root, or php_worker the option root")
	}
	root, err := caddy.FastAbs(root)
	if err != nil {
		return "", fmt.Errorf("root: %w", err)
	}
	return root, nil
}

// refuse answers a request for which no script runs.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, d classic.Decision) error {
	exchange.DrainUnread(w, r)
	if d.Status != http.StatusPermanentRedirect {
		return h.failWith(d.Status, errors.New(d.Reason))
	}
	h.pool.totals.status(d.Status)
	seen, _ := h.seen(r)
	w.Header().Set("Location", withSlash(seen))
	w.WriteHeader(d.Status)
	return nil
}

// withSlash is a reference to the URL with a slash at the end of its path. It is relative to the last element, so that it leads to no
// other host, whatever the path is: "//example.com" would.
func withSlash(u *url.URL) string {
	path := u.EscapedPath()
	reference := "./" + path[strings.LastIndexByte(path, '/')+1:] + "/"
	if u.RawQuery != "" {
		reference += "?" + u.RawQuery
	}
	return reference
}

// read reads the request and encodes it for the pool.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, script classic.Script) (*exchange.Request, error) {
	if h.router != nil {
		return exchange.ReadClassic(w, r, h.info(r), script, &h.exchange)
	}
	return exchange.Read(w, r, h.info(r), &h.exchange)
}
