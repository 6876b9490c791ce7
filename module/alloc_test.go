//go:build !race

package module

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// What Caddy knows of an ordinary request costs nothing; what encoding it costs is guarded in package
// exchange.
func TestWhatCaddyKnowsOfARequestCostsNoAllocation(t *testing.T) {
	h := unpooled(t)
	h.Attributes = nil
	r := httptest.NewRequest(http.MethodGet, "http://example.com/users/42?full=1", nil)
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: true, caddyhttp.ClientIPVarKey: "192.0.2.7"}))
	if n := testing.AllocsPerRun(1000, func() { _ = h.info(r) }); n > 0 {
		t.Errorf("%v allocations per request; want none", n)
	}
}
