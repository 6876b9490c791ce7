package module

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// handOver lets the configuration that serves now answer a request that came to
// one which is still starting. Caddy starts its apps in no particular order, so
// without the listener wrapper handover, and over HTTP/3, the listeners of a new
// configuration may accept connections long before its pools are ready, and before
// it is certain that they ever will be.
//
// It reports false, and does nothing, where r's own configuration is the one that
// serves, or where no other listens at the same address.
func handOver(w http.ResponseWriter, r *http.Request) bool {
	own, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return false
	}
	app, err := caddy.ActiveContext().AppIfConfigured("http")
	if err != nil {
		return false
	}
	var serving *caddyhttp.Server
	for _, s := range app.(*caddyhttp.App).Servers {
		if s == own {
			return false
		}
		if slices.ContainsFunc(s.Listen, func(address string) bool { return slices.Contains(own.Listen, address) }) {
			serving = s
		}
	}
	if serving == nil {
		return false
	}
	// The new routes may have rewritten it on its way here.
	again := r
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		again = r.WithContext(r.Context())
		url := *original.URL
		again.Method, again.RemoteAddr, again.RequestURI, again.URL = original.Method, original.RemoteAddr, original.RequestURI, &url
	}
	serving.ServeHTTP(w, again)
	return true
}
