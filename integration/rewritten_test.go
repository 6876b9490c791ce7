package integration

import (
	"fmt"
	"strings"
	"testing"
)

// Directives before ours may change the URI. PHP sees what the client has sent, as with
// PHP-FPM, whose REQUEST_URI frameworks route by; the query parameters are those of the
// rewritten URI, as its QUERY_STRING is.
func TestPHPSeesTheURIAsItWasSentWhateverRewritesIt(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		site, target                string // of the site, %s is our directive
		uri, query, path, rewritten string // rewritten: the URI with "uri rewritten"
	}{
		"nothing": {"%s", "/users/7?a=1", "/users/7?a=1", `{"a":"1"}`, "/users/7", "/users/7?a=1"},
		"try_files, as for PHP-FPM": {"root .\ntry_files {path} /index.php\n%s", "/users/7?a=1",
			"/users/7?a=1", `{"a":"1"}`, "/users/7", "/index.php?a=1"},
		"try_files with a query": {"root .\ntry_files {path} /index.php?{query}&p={path}\n%s", "/users/7?a=1",
			"/users/7?a=1", `{"a":"1","p":"/users/7"}`, "/users/7", "/index.php?a=1&p=%2Fusers%2F7"},
		"rewrite": {"rewrite /old/* /new?b=2\n%s", "/old/x?a=1",
			"/old/x?a=1", `{"b":"2"}`, "/old/x", "/new?b=2"},
		"rewrite of the path": {"rewrite * /app{uri}\n%s", "/x%20y?a=1",
			"/x%20y?a=1", `{"a":"1"}`, "/x%20y", "/app/x%20y?a=1"},
		"handle_path": {"handle_path /api/* {\n%s\n}", "/api/users?a=1",
			"/api/users?a=1", `{"a":"1"}`, "/api/users", "/users?a=1"},
		"uri strip_prefix": {"uri strip_prefix /api\n%s", "/api/users?a=1",
			"/api/users?a=1", `{"a":"1"}`, "/api/users", "/users?a=1"},
		"uri replace": {"uri replace /old/ /new/\n%s", "/old/users",
			"/old/users", `[]`, "/old/users", "/new/users"},
		"uri query": {"uri query +b 2\n%s", "/x?a=1",
			"/x?a=1", `{"a":"1","b":"2"}`, "/x", "/x?a=1&b=2"},
		"a question mark without a query": {"%s", "/x?", "/x?", `[]`, "/x", "/x?"},
	}
	modes := []string{"", "uri original", "uri rewritten"}
	ports := freePorts(t, len(modes)*len(cases))
	type key struct{ name, mode string }
	urls := make(map[key]string)
	var sites strings.Builder // one pool serves them all
	for name, c := range cases {
		for _, mode := range modes {
			port := ports[len(urls)]
			urls[key{name, mode}] = fmt.Sprintf("http://127.0.0.1:%d", port)
			fmt.Fprintf(&sites, "http://127.0.0.1:%d {\n%s\n}\n", port, fmt.Sprintf(c.site, loop.directive("workers 1", mode)))
		}
	}
	start(t, sites.String(), withFile("index.php", "<?php"))
	for at, url := range urls {
		c := cases[at.name]
		want, path := c.uri, c.path
		if at.mode == "uri rewritten" {
			want = c.rewritten
			path, _, _ = strings.Cut(want, "?")
		}
		got := tell(t, request(t, "GET", url+c.target, nil))
		if got.URI != url+want || got.Path != path || string(got.Query) != c.query {
			t.Errorf("%s, %q: %s (%s) with the parameters %s, want %s with %s", at.name, at.mode, got.URI, got.Path, got.Query, url+want, c.query)
		}
	}
}
