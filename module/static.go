package module

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/static"
)

// Static are the files that a handler serves without PHP: for a GET or HEAD request, a file that exists below the
// handler's Root and may be served, or a folder that has such an index.html. These are the options of Caddy's
// [file server](/docs/modules/http.handlers.file_server), but for root, fs, index_names and browse, which are refused, and pass_thru, which
// is always on. Of a file that is there precompressed, too, the other one is looked at. It does not see what an application does not want to show:
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
// In classic mode a folder's index script comes before its index.html, and with "restart" for ResolveRoot the files
// are those of the release that the newest processes run.
//
// It looks at the disk of the machine only: on a site with another
// [file system](/docs/caddyfile/directives/fs) it serves nothing. It is safe for
// concurrent use. What cannot be looked up goes to PHP.
type Static struct {
	fileserver.FileServer

	check rootCheck
}

// provisionStatic makes the file server ready, if there is one.
func (h *Handler) provisionStatic(ctx caddy.Context) error {
	s := h.Static
	if s == nil {
		return nil
	}
	switch {
	case s.Root != "":
		return errors.New("static: root belongs to the handler, as it is for its scripts, too")
	case s.FileSystem != "" || s.IndexNames != nil || s.Browse != nil:
		return errors.New("static: fs, index_names and browse have no meaning: what is looked at are files of the disk, and an index.html")
	}
	s.IndexNames = []string{"index.html"} // no other name has been looked at
	s.Root = h.Root
	if h.ResolveRoot == resolveAtRestart {
		s.Root = "{" + heldRoot + "}"
	}
	// What may be served and the file server still refuses (the Caddyfile, a file gone in between) is for PHP.
	s.PassThru = true
	s.check.logger = h.logger
	if h.Root != "" && !strings.Contains(h.Root, "{") {
		s.check.look(h.Root)
	}
	return s.Provision(ctx)
}

// servesFile reports whether the request is for a servable file. A path that
// names nothing on disk costs one system call (access), and none where its mere text
// rules a file out.
func (h *Handler) servesFile(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if !static.AllowedPath(r.URL.Path) || strings.Contains(r.URL.Path, "~") && caddyhttp.HasWindowsShortName(r.URL.Path) {
		return false
	}
	if fs, _ := caddyhttp.GetVar(r.Context(), "fs").(string); fs != "" && fs != "default" {
		return false
	}
	root := rootOf(h.Root, r)
	if root == "" {
		return false
	}
	h.Static.check.look(root)
	if h.ResolveRoot == resolveAtRestart {
		var err error
		if root, err = h.heldRoot(root); err != nil {
			return false
		}
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Set(heldRoot, root)
		}
	}
	// The file server resolves the path by the same function.
	return static.Servable(root, caddyhttp.SanitizedPathJoin(root, r.URL.Path), r.URL.Path, h.indexes...)
}

// heldRoot is the placeholder of what the root leads to.
const heldRoot = "http.php_worker.root"

// heldRoot is what the root leads to for the newest processes of the pool.
func (h *Handler) heldRoot(root string) (string, error) {
	root, err := caddy.FastAbs(root)
	if err != nil {
		return "", err
	}
	return commonRoots(h.pool.Common()).leadsTo(root)
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

// look warns if root is no folder, the first time that it is called.
func (c *rootCheck) look(root string) {
	if c.done.Load() || c.done.Swap(true) {
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
