package module

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The price of "is it a file?" for a request that is none.
func BenchmarkStaticMiss(b *testing.B) {
	for _, path := range []string{"/", "/users/42/orders"} {
		b.Run(path, func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{"root": b.TempDir()}))
			b.ReportAllocs()
			for b.Loop() {
				if ok, _ := (StaticMatcher{}).MatchWithError(r); ok {
					b.Fatal("it matches")
				}
			}
		})
	}
}
