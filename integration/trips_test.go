package integration

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever stands at the other end reads a request outside the application's try,
// and there a warning may be an exception: one request must not end a worker.
func TestNoRequestTripsTheClient(t *testing.T) {
	t.Parallel()
	fronts := loop.variants()
	for _, app := range unmodified(t) {
		fronts = append(fronts, app.variants()...)
	}
	for _, app := range fronts {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			testTrips(t, app)
		})
	}
}

// strict are options for a worker that ends at a warning.
func strict(t *testing.T) []string {
	t.Helper()
	script, err := filepath.Abs("testdata/trips/strict.php")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"workers 1", "env UNCAUGHT 1", fmt.Sprintf("ini auto_prepend_file %q", script), "ini display_errors 0"}
}

func testTrips(t *testing.T, app front) {
	port := freePorts(t, 1)[0]
	address := fmt.Sprintf("127.0.0.1:%d", port)
	start(t, fmt.Sprintf("http://:%d {\nbind 127.0.0.1\n%s}\n", port, app.directive(strict(t)...)))
	pid, _ := worker(t, "http://"+address)

	ask := func(t *testing.T, request string, want int) string {
		t.Helper()
		status, body := overSocket(t, address, request)
		if status != want && want != 0 || status >= http.StatusInternalServerError {
			t.Errorf("%.200q: status %d, want %d; %.300s", request, status, want, body)
		}
		if now, _ := worker(t, "http://"+address); now != pid {
			t.Errorf("%.500q cost a worker: %d is now %d", request, pid, now)
			pid = now
		}
		if status != http.StatusOK {
			return ""
		}
		return body
	}
	get := func(query string) string { return "GET /?" + query + " HTTP/1.1\r\nHost: example.com\r\n\r\n" }
	post := func(fields ...string) string {
		body := strings.Join(fields, "") + "--b--\r\n"
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: example.com\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	file := func(name string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"\xff.txt\"\r\nContent-Type: text/\xfe\r\n\r\ncontent\r\n"
	}

	for _, c := range []struct {
		name, query, want string
	}{
		{"1000 variables", "a=1&" + strings.Repeat("b=2&", 999), `{"a":"1","b":"2"}`},
		{"1001 variables", "a=1&" + strings.Repeat("b=2&", 999) + "c=3", `{"a":"1","b":"2"}`},
		{"5000 variables", strings.Repeat("b=2&", 5000), `{"b":"2"}`},
		{"64 levels", "a" + strings.Repeat("[]", 64) + "=1", `{"a":` + strings.Repeat("[", 64) + `"1"` + strings.Repeat("]", 64) + `}`},
		{"65 levels", "a=1&b=2&a" + strings.Repeat("[]", 65) + "=1&c=3", `{"b":"2","c":"3"}`},
		{"200 levels, escaped", "a=1&b=2&a" + strings.Repeat("%5Bx%5D", 200) + "=1&c=3", `{"b":"2","c":"3"}`},
		{"brackets left open", "a" + strings.Repeat("[", 200) + "=1", `{"a` + strings.Repeat("_", 200) + `":"1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if body := ask(t, get(c.query), http.StatusOK); body != "" {
				s := parseSeen(t, body)
				if string(s.Query) != c.want {
					t.Errorf("the application has the query %.300s, want %.300s", s.Query, c.want)
				}
			}
		})
	}

	for name, path := range map[string][]string{
		"f[name]": {"f", "name"}, "f[][name]": {"f", "0", "name"}, "a.b[name]": {"a_b", "name"}, "f[name][x]": {"f", "name", "x"},
		"name[name]": {"name", "name"}, "name": nil, "name[x]": nil, "0[name]": {"0", "name"}, "f[error]": nil, "f[tmpName]": nil, "f[size]": nil,
		"f[mime]": nil, "f[name][name]": {"f", "name", "name"}, "f[type]": nil, "f[__Host-a][name]": nil, "f[\xff]": nil, "f[ name]": nil,
		"f" + strings.Repeat("[name]", 60): nil, "f" + strings.Repeat("[]", 63): nil,
	} {
		t.Run("a file called "+name[:min(len(name), 20)], func(t *testing.T) {
			body := ask(t, post(file(name)), http.StatusOK)
			if body == "" || path == nil {
				return
			}
			s := parseSeen(t, body)
			if found := fileAt(t, s.Files, path); found != sum("content") {
				t.Errorf("the application has the files %s", s.Files)
			}
		})
	}

	t.Run("random requests", func(t *testing.T) {
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 6))
			some := func(n int, from ...string) string {
				var b strings.Builder
				for range r.IntN(n + 1) {
					b.WriteString(from[r.IntN(len(from))])
				}
				return b.String()
			}
			query := some(4, "a", "b=1&", "%00", "%ff=", "&&", ";", "=", "[", "]", "+", "[]", "a=2", strings.Repeat("a[]=1&", 400), "a"+strings.Repeat("[x]", 40), strings.Repeat("[x]", 40))
			ask(t, get(query), http.StatusOK)
			ask(t, "GET / HTTP/1.1\r\nHost: [::FFFF:1.2.3.4]\r\n0: a\r\n-1: b\r\nCookie: "+query+"\r\n\r\n", http.StatusOK)
			names := some(3, "f", "name", "0", "g") + some(5, "[name]", "[name]", "[]", "[0]", "[error]", "[x]", "[9223372036854775807]", "[__Host-a]")
			ask(t, post(file(names), file("f"+some(2, "[name]", "[]")), file(some(1, "f")+"[name]")), 0)
		}
	})
}

// fileAt is the SHA-1 of the file at path, or under the name that the field was
// sent with; "" if there is none.
func fileAt(t *testing.T, files json.RawMessage, path []string) string {
	t.Helper()
	// A list has indexes for keys.
	step := func(tree any, key string) any {
		switch tree := tree.(type) {
		case map[string]any:
			return tree[key]
		case []any:
			for i, item := range tree {
				if key == fmt.Sprint(i) {
					return item
				}
			}
		}
		return nil
	}
	var tree any
	decode(t, files, &tree)
	named := path[0]
	whole := tree
	for i, key := range path {
		whole = step(whole, key)
		if i > 0 {
			named += "[" + key + "]"
		}
		// What is behind the last "name" is nested there, too.
		if at, ok := step(tree, named).(map[string]any); ok {
			for _, key := range path[i+1:] {
				at, _ = step(at, key).(map[string]any)
			}
			if sha, _ := at["sha1"].(string); sha != "" {
				return sha
			}
		}
	}
	file, _ := whole.(map[string]any)
	sha, _ := file["sha1"].(string)
	return sha
}
