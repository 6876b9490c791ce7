package module

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/static"
)

func init() {
	caddy.RegisterModule(StaticMatcher{})
}

// StaticMatcher matches a GET or HEAD request for a file that exists below the
// root and may be served, or for a folder that has such an index.html. It stands
// before a [file server](/docs/modules/http.handlers.file_server) and keeps away
// from it what an application does not want to show:
//
//   - what begins as a source or a script does, whatever its name: "<?php", "<?=" or
//     "<?" and anything but a name, behind white space and a byte order mark, or "#!"; and
//     private keys in PEM, with lines in front of them, too;
//   - PHP sources by their names: *.php and *.php7, *.phtml, *.phar, *.inc and so on in
//     any case, also as a folder (/index.php/users);
//   - every file and folder whose name starts with a dot, except the folder
//     /.well-known at the top;
//   - composer.json, composer.lock, auth.json, symfony.lock, package.json,
//     package-lock.json, npm-shrinkwrap.json, yarn.lock, pnpm-lock.yaml and
//     composer/installed.json in any case;
//   - copies of these: names that have such a name and more behind it (index.php.1,
//     index.php,v, #index.php#, composer.json.bak), unless they end as files for browsers
//     do (index.php.html); and names that end in ~;
//   - names that some file systems take for another one: a trailing dot or
//     space, a colon, a backslash, a short name such as CONFIG~1.PHP, control
//     characters, invalid UTF-8;
//   - whatever a symbolic link leads to by way of such a name, be the link the file
//     or a folder above it. Only what lies between the root, links resolved, and the
//     file counts: the root itself may be in a dot folder. Other links are
//     followed, as the file server follows them, out of the root, too.
//
// It looks at the disk of the machine only: on a site with another
// [file system](/docs/caddyfile/directives/fs) nothing matches. It is safe for
// concurrent use, and an error never comes from it: what cannot be looked up does
// not match.
type StaticMatcher struct {
	// Root is the folder of the files; placeholders are replaced for each
	// request. A root that is empty, or has a placeholder without a value, matches
	// nothing: the current folder is never a default. Default: {http.vars.root},
	// the site's root.
	// One that does not exist is warned of.
	Root string `json:"root,omitempty"`

	// PHPIndex are names of scripts that come before the index.html of their folder, which
	// does not match then. Default: none.
	PHPIndex []string `json:"php_index,omitempty"`

	// Pool names a pool of classic mode whose handlers have "restart" for ResolveRoot. The root is what it leads to for the
	// newest processes of that pool, so that files change with the scripts, and the placeholder {http.php_worker.root} has it for
	// the file server. A pool that is not there matches nothing. Default: the root's links are followed at each request.
	Pool string `json:"pool,omitempty"`

	check *rootCheck
	app   *App // of the Pool
}

// CaddyModule returns the Caddy module information.
func (StaticMatcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.php_worker_static",
		New: func() caddy.Module { return new(StaticMatcher) },
	}
}

// MatchWithError reports whether the request is for a servable file. A path that
// names nothing on disk costs one system call (access), and none where its mere text
// rules a file out.
func (m StaticMatcher) MatchWithError(r *http.Request) (bool, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false, nil
	}
	if !static.AllowedPath(r.URL.Path) || strings.Contains(r.URL.Path, "~") && caddyhttp.HasWindowsShortName(r.URL.Path) {
		return false, nil
	}
	if fs, _ := caddyhttp.GetVar(r.Context(), "fs").(string); fs != "" && fs != "default" {
		return false, nil
	}
	root := rootOf(m.Root, r)
	if root == "" {
		return false, nil
	}
	m.check.look(root)
	if m.app != nil {
		held, err := m.held(root)
		if err != nil {
			return false, nil
		}
		root = held
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Set(heldRoot, root)
		}
	}
	// The file server resolves the path by the same function.
	return static.Servable(root, caddyhttp.SanitizedPathJoin(root, r.URL.Path), r.URL.Path, m.PHPIndex...), nil
}

// heldRoot is the placeholder of what the root leads to.
const heldRoot = "http.php_worker.root"

// held is what the root leads to for the newest processes of the pool.
func (m *StaticMatcher) held(root string) (string, error) {
	p, err := m.app.named(m.Pool)
	if err != nil {
		return "", err
	}
	if root, err = caddy.FastAbs(root); err != nil {
		return "", err
	}
	return commonRoots(p.Common()).leadsTo(root)
}

// rootOf is the folder that root names for this request, the site's where it is empty, or "" if none is named.
func rootOf(root string, r *http.Request) string {
	if root == "" {
		root, _ := caddyhttp.GetVar(r.Context(), "root").(string)
		return root
	}
	if !strings.Contains(root, "{") {
		return root
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	root, err := repl.ReplaceOrErr(root, true, true)
	if err != nil {
		return ""
	}
	return root
}

// rootCheck warns of a root that is not there: once, when the configuration is loaded where
// that tells the root, and else with the first request. It is no error: the next
// deploy may bring it.
type rootCheck struct {
	logger *zap.Logger
	done   atomic.Bool
}

// Provision looks for the root.
func (m *StaticMatcher) Provision(ctx caddy.Context) error {
	m.check = &rootCheck{logger: ctx.Logger()}
	if m.Pool != "" {
		app, err := ctx.App("php_worker")
		if err != nil {
			return err
		}
		m.app = app.(*App)
		if m.Pool, err = fillNow(m.Pool); err != nil {
			return fmt.Errorf("pool: %w", err)
		}
	}
	if m.Root != "" && !strings.Contains(m.Root, "{") {
		m.check.look(m.Root)
	}
	return nil
}

// look warns if root is no folder, the first time that it is called.
func (c *rootCheck) look(root string) {
	if c == nil || c.done.Load() || c.done.Swap(true) {
		return
	}
	if info, err := os.Stat(root); err == nil && info.IsDir() {
		return
	}
	if abs, err := filepath.Abs(root); err == nil {
		root = abs // which shows what it is relative to
	}
	c.logger.Warn("root is no folder that exists: no file in it is served, and no script in it runs", zap.String("root", root))
}

// Interface guards.
var (
	_ caddy.Provisioner                 = (*StaticMatcher)(nil)
	_ caddyhttp.RequestMatcherWithError = StaticMatcher{}
)
