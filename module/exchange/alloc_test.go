//go:build !race

package exchange

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// What is allocated to encode an ordinary request, net/http left out.
func TestAnOrdinaryRequestIsEncodedWithFewAllocations(t *testing.T) {
	o := testOptions(t)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://example.com/users/42?full=1", nil)
	r.Body, r.ContentLength = untouched{t}, 0 // Caddy wraps http.NoBody
	r.Header["User-Agent"], r.Header["Accept"] = []string{"test"}, []string{"*/*"}
	r.Header["Cookie"] = []string{"session=abc; theme=dark"}
	encode := func() {
		q, err := Read(w, r, Info{}, o)
		if err != nil {
			t.Fatal(err)
		}
		q.Close()
	}
	if n := testing.AllocsPerRun(1000, encode); n > 8 {
		t.Errorf("%v allocations per request; want 8 at most", n)
	}
}

// untouched is an empty body that need not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("a body of no length was read")
	return 0, io.EOF
}

func (untouched) Close() error { return nil }
