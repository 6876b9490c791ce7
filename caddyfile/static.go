package caddyfile

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"

	"github.com/phpworker/caddy-php-worker/module"
)

// staticRoute is the route that serves files below root, or below the site's
// root where it is empty. The site's root is known only to a request, so it is
// the matcher that serves nothing when there is none. The scripts of index stand for their folder before
// its index.html does. Where a pool is named, the root is what it leads to for that pool's processes.
func staticRoute(h httpcaddyfile.Helper, root string, index []string, pool string) (caddyhttp.Route, error) {
	matcher := module.StaticMatcher{Root: root, PHPIndex: index, Pool: pool}
	if pool != "" {
		root = "{http.php_worker.root}" // of the matcher
	}
	files := fileserver.FileServer{
		Root: root,
		// What the matcher lets through and the file server still refuses (the
		// Caddyfile, a file gone in between) goes on to the worker.
		PassThru: true,
	}
	if err := files.FinalizeUnmarshalCaddyfile(h); err != nil {
		return caddyhttp.Route{}, h.WrapErr(err)
	}
	return caddyhttp.Route{
		MatcherSetsRaw: []caddy.ModuleMap{{"php_worker_static": h.JSON(matcher)}},
		HandlersRaw:    []json.RawMessage{caddyconfig.JSONModuleObject(files, "handler", "file_server", nil)},
	}, nil
}
