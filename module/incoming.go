package module

import (
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// info is what Caddy knows of a request.
func (h *Handler) info(r *http.Request) exchange.Info {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	seen, target := h.seen(r)
	return exchange.Info{IP: ip, Trusted: trusted, Seen: seen, URI: target, Attributes: h.attributes(r), User: h.user(r)}
}

// rewritten is the value of Handler.URI that lets PHP see what other handlers have made
// of the URI.
const rewritten = "rewritten"

// seen is the URL whose path and query PHP sees, and the request's target that it comes from: as the client has
// sent them, unless PHP shall see the rewritten ones. An error route has one of its own; but with PHP-FPM,
// and so in classic mode, REQUEST_URI stays.
func (h *Handler) seen(r *http.Request) (*url.URL, string) {
	if h.URI == rewritten || isErrorPage(r) && h.router == nil {
		return r.URL, r.RequestURI
	}
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || original.URL == nil {
		return r.URL, r.RequestURI
	}
	return original.URL, original.RequestURI
}

// user is whom the site has authenticated, for classic mode.
func (h *Handler) user(r *http.Request) string {
	if h.router == nil {
		return ""
	}
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	user, _ := repl.GetString("http.auth.user.id")
	return user
}

// isErrorPage reports whether r is on its way through the routes of handle_errors.
func isErrorPage(r *http.Request) bool {
	_, is := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	return is
}

func (h *Handler) attributes(r *http.Request) []httpctx.Pair {
	if len(h.Attributes) == 0 {
		return nil
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	pairs := make([]httpctx.Pair, len(h.Attributes))
	for i, a := range h.Attributes {
		pairs[i] = httpctx.Pair{Name: a.Name, Value: h.attributeValues[i].fill(repl)}
	}
	return pairs
}
