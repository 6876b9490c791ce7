//go:build !race

package module

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// What the handler itself allocates for an ordinary request, Caddy and net/http
// left out.
func TestAnOrdinaryRequestIsEncodedWithFewAllocations(t *testing.T) {
	h := &Handler{pool: &pool{codec: goridge.CodecJSON}, Uploads: new(Uploads), MaxBody: defaultMaxBody, BodyMemory: defaultBodyMemory}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://example.com/users/42?full=1", nil)
	r.Body, r.ContentLength = untouched{t}, 0 // Caddy wraps http.NoBody
	r.Header["User-Agent"], r.Header["Accept"] = []string{"test"}, []string{"*/*"}
	r.Header["Cookie"] = []string{"session=abc; theme=dark"}
	encode := func() {
		q, err := h.newRequest(w, r)
		if err != nil {
			t.Fatal(err)
		}
		q.close()
	}
	if n := testing.AllocsPerRun(1000, encode); n > 9 {
		t.Errorf("%v allocations per request; want 9 at most", n)
	}
}

// untouched is an empty body that need not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("a body of no length was read")
	return 0, io.EOF
}

func (untouched) Close() error { return nil }
