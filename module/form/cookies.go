package form

import (
	"strings"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// maxCookies is PHP's max_input_vars, which counts cookies too. PHP ignores
// what comes after, and so do we: a cookie is not something a user submits.
const maxCookies = 1000

// ParseCookies reads the values of the Cookie header fields of a request as PHP
// fills $_COOKIE, in the order sent: names as they are, values with %XX decoded
// (a + stays a plus), the first of several cookies with one name wins. Unlike
// $_COOKIE the result is flat and its names are not mangled: PSR-7 cookie
// parameters keep "a.b" and "a[b]".
func ParseCookies(header []string) []httpctx.Pair {
	var pairs []httpctx.Pair
	var seen map[string]struct{}
	count := 0
	for _, line := range header {
		for line != "" {
			var field string
			field, line, _ = strings.Cut(line, ";")
			for field != "" && isSpace(field[0]) {
				field = field[1:]
			}
			name, text, _ := strings.Cut(field, "=")
			if name == "" {
				continue
			}
			if count++; count > maxCookies {
				return pairs
			}
			if seen == nil {
				seen = make(map[string]struct{}, 8)
			}
			if _, dup := seen[name]; dup {
				continue
			}
			seen[name] = struct{}{}
			pairs = append(pairs, httpctx.Pair{Name: name, Value: unescape(text, false)})
		}
	}
	return pairs
}
