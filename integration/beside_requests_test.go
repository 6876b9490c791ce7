package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// rawRequest is a request as its bytes, with a name for people.
type rawRequest struct {
	name, method, target, version string
	headers                       []string // lines
	body                          string   // as it goes over the wire
}

func (r rawRequest) raw() string {
	return fmt.Sprintf("%s %s %s\r\n%s\r\n\r\n%s", r.method, r.target, r.version, strings.Join(r.headers, "\r\n"), r.body)
}

func (r rawRequest) String() string {
	return fmt.Sprintf("%s: %s %.100s %s %.200q %.60q", r.name, r.method, r.target, r.version, r.headers, r.body)
}

// What requests are made of. Each piece comes in one request that has nothing else of
// interest, and then in random company.
var (
	targetPieces = []string{
		"/", "/index.php", "/app.php", "/app.php/", "/app.php/info", "/app.php/info/more%20x", "/app.php/a%2Fb", "/app.php/%C3%A9", "/app.php//double",
		"/app.php/a+b", "/app.php/a;b=c", "/app.php/a%5Cb", "/app.php/x.php", "/app.php/x.php/y", "/app.php/%E9", "/app.php/a%3Fb", "/app.php/a&b=c", "/app.php/.hidden.txt/x",
		"/sub/", "/sub/index.php", "/sub/index.php/x", "/sub%20dir/sp%20ace.php", "/sub%20dir/sp%20ace.php/in%20fo", "/%61pp.php", "/sub/../app.php", "/./app.php", "//app.php",
		"/missing", "/missing/page", "/missing/a%20b", "/missing.html", "/a+b.php", "/%C3%BC.php", "/app.php/..%2Fx", "/app.php/%25", "/app.php/%2525", "/~user/x", "/a@b:c,d/e",
		"/sub/missing", "/sub/missing.php/x", "/app.php/" + strings.Repeat("long/", 200), "/missing/%3Cscript%3E", "/app%2Ephp", "/app.php%2Finfo",
		"http://{host}/app.php/absolute", "/app.php/./x/../y", "/missing/../app.php/z",
	}
	queryPieces = []string{
		"", "?", "?a=1&b=2", "?a[]=1&a[]=2&b[x][y]=z", "?a.b=1&c%20d=2&e[f.g=3&+h=4", "?a=1?b=2", "?q=%zz&r=%", "?a=%00b", "?=x&y", "?a&b&c", "?a=1;b=2",
		"?a=%C3%A9&b=%E9", "?a=\xc3\xa9&b=\xe9", "?_GET[x]=1&GLOBALS[x]=2", "?a=<script>", "?a='\"&b=`|^{}", "?foo+bar", "?foo=" + strings.Repeat("x", 3000), "?a=1&a=2",
		"?a[b=1&c]=2&[d]=3", "?a=//b/../c", "?a=http://x/%2F", "?&&a=1&&", "?a==b=c", "?a%5B%5D=1&a%5Bk%5D=2", "?" + strings.Repeat("k[]=v&", 1200),
	}
	headerPieces = []string{
		"Accept: text/html,application/xhtml+xml;q=0.9, */*;q=0.1", "User-Agent: " + "Mozilla/5.0 (X11; \xc3\xa9)", "Referer: http://{host}/a?b=c", "Accept-Language: de, en;q=0.5",
		"Cookie: a=1; b=2", "Cookie: a.b=x%20y; c[d]=1; a.b=second", "Cookie: a=1;b=2;  c = 3 ;=4; d; e=\"q; f=5\"", "Cookie: a=1\r\nCookie: b=2", "Cookie: e=a+b%2Bc; f=%C3%A9; g=\xe9",
		"Cookie: __Host-x=1; ..__Host-x=2; a[=1; b[]=1; b[]=2", "Cookie:", "X-Custom: one\r\nX-Custom: two", "X-Custom: one, two\r\nx-cUSTOM: three", "X-Under_score: 1", "X_Under_Score: 2",
		"X-Dash: 1\r\nX_Dash: 2", "Authorization: Basic YW5uYTpzZWNyZXQ6MQ==", "Authorization: Basic YW5uYQ==", "Authorization: basic YW5uYTpzZWNyZXQ=", "Authorization: Basic !!!!", "Authorization: Basic Og==",
		"Authorization: Digest username=\"anna\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\"", "Authorization: Bearer abc.def.ghi", "Authorization: ", "Authorization: Basic",
		"Proxy-Authorization: Basic YTpi", "Proxy: http://evil.example/", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: other.example", "Forwarded: for=192.0.2.7",
		"X-Real-IP: 192.0.2.8", "Range: bytes=0-5", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\nIf-None-Match: \"x\"", "X-Empty:", "X-Space:    padded  value   ", "X-High: \xe9\xff",
		"X-HTTP-Method-Override: DELETE", "X-1: digits", "1X: digit first", "X.Dot: dotted", "X-Long: " + strings.Repeat("v", 3000), "Accept-Encoding: gzip, br", "TE: trailers",
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13", "Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded", "X-Colon: a:b:c", "X-Quote: \"a\\\"b\", 'c'", "X-Tab: a\tb",
		"Origin: null", "X-Requested-With: XMLHttpRequest", "Cache-Control: no-cache\r\nPragma: no-cache", "HTTPS: on", "Remote-Addr: 192.0.2.9", "Script-Name: /evil.php", "Path-Info: /evil",
		"Content-Length-X: 3", "Redirect-Status: 500", "Auth-Type: x", "Remote-User: root", "Document-Root: /etc", "PHP-Value: x=y", "Max-Forwards: 0", "X-Original-URL: /admin", "X-Rewrite-URL: /admin",
	}
	hostPieces   = []string{"Host: {host}", "Host: {host}:{port}", "Host: WWW.Example", "Host: {host}:8443", "Host: other.example", "Host: 127.0.0.1:{port}", "Host: {host}."}
	methodPieces = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PURGE", "MKCOL", "REPORT", "M-SEARCH", "HEAD", "LINK"}
)

// bodyPiece is a body with the headers that it needs.
type bodyPiece struct {
	name    string
	headers string
	body    string
}

const partsBoundary = "----boundary7MA4YWxk"

// parts joins the parts of a multipart body.
func parts(all ...string) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString("--" + partsBoundary + "\r\n" + p + "\r\n")
	}
	return b.String() + "--" + partsBoundary + "--\r\n"
}

func filePart(field, name, kind, content string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n%s", field, name, kind, content)
}

func fieldPart(field, value string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=\"%s\"\r\n\r\n%s", field, value)
}

// bodyPieces are bodies of a known length.
func bodyPieces() []bodyPiece {
	const form, multipart = "Content-Type: application/x-www-form-urlencoded", "Content-Type: multipart/form-data; boundary=" + partsBoundary
	binary := strings.Repeat("\x00\xff\r\n--", 4000)
	var many []string
	for i := range 25 {
		many = append(many, filePart("many[]", fmt.Sprintf("file%d.txt", i), "text/plain", fmt.Sprint(i)))
	}
	return []bodyPiece{
		{"empty", form, ""},
		{"form", form, "a=1&b[]=2&b[]=3&c[d][e]=f&g.h=i"},
		{"form of odd bytes", form, "a=%00&b=%E9&c=\xe9&=x&d&e=1;f=2&g=%zz&h+i=j+k&[l]=m"},
		{"form with charset", form + "; charset=ISO-8859-1", "a=%E9"},
		{"form in capitals", "Content-Type: APPLICATION/X-WWW-FORM-URLENCODED", "a=1"},
		{"form without type", "X-None: 1", "a=1&b=2"},
		{"form of many fields", form, strings.Repeat("k[]=v&", 1500)},
		{"large form", form, "a=" + strings.Repeat("x", 1_200_000)},
		{"JSON", "Content-Type: application/json", `{"a":{"b":[1,2,"é"]}}`},
		{"text", "Content-Type: text/plain", "a=1"},
		{"binary", "Content-Type: application/octet-stream", binary},
		{"large binary", "Content-Type: application/octet-stream", strings.Repeat(binary, 80)},
		{"multipart", multipart, parts(fieldPart("a", "1"), fieldPart("b[x]", "2"), filePart("file", "photo.bin", "image/png", binary))},
		{"several files", multipart, parts(filePart("f[]", "a.txt", "text/plain", "A"), filePart("f[]", "b.txt", "text/plain", "B"), filePart("g[x][y]", "c.txt", "text/html", "C"))},
		{"no file chosen", multipart, parts(filePart("file", "", "application/octet-stream", ""))},
		{"empty file", multipart, parts(filePart("file", "empty.txt", "text/plain", ""))},
		{"file names", multipart, parts(filePart("a", "../../etc/passwd", "text/plain", "1"), filePart("b", `C:\dir\x.txt`, "text/plain", "2"), filePart("c", "ü ß.txt", "text/plain", "3"), filePart("d", `q\"uote.txt`, "text/plain", "4"))},
		{"a folder", multipart, parts(filePart("dir[]", "top/sub/a.txt", "text/plain", "1"))},
		{"too many files", multipart, parts(many...)},
		{"file over the form's limit", multipart, parts(fieldPart("MAX_FILE_SIZE", "3"), filePart("file", "a.txt", "text/plain", "12345"))},
		{"file over the limit", multipart, parts(filePart("file", "a.bin", "text/plain", strings.Repeat("x", 2_200_000)))},
		{"cut multipart", multipart, strings.TrimSuffix(parts(fieldPart("a", "1"), filePart("file", "a.txt", "text/plain", "12345")), "--"+partsBoundary+"--\r\n")},
		{"multipart without boundary", "Content-Type: multipart/form-data", parts(fieldPart("a", "1"))},
		{"multipart of another boundary", "Content-Type: multipart/form-data; boundary=other", parts(fieldPart("a", "1"))},
		{"quoted boundary", "Content-Type: multipart/form-data; boundary=\"" + partsBoundary + "\"", parts(fieldPart("a", "1"))},
		{"multipart mixed", "Content-Type: multipart/mixed; boundary=" + partsBoundary, parts(fieldPart("a", "1"))},
		{"part names", multipart, parts(fieldPart("a.b c", "1"), fieldPart("", "2"), fieldPart("x[", "3"), fieldPart("y[]z", "4"), "Content-Disposition: form-data\r\n\r\n5")},
		{"part with a charset", multipart, parts("Content-Disposition: form-data; name=t\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xa9")},
	}
}

// chunked is the body in pieces of that size.
func chunked(body string, size int) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// get is a request with nothing of interest.
func plainGet(name, target string, headers ...string) rawRequest {
	return rawRequest{name, "GET", target, "HTTP/1.1", append([]string{"Host: {host}", "Connection: close"}, headers...), ""}
}

// generated are all pieces by themselves, and so many requests of random ones.
func generated(g *rand.Rand, mixed int) (all []rawRequest) {
	for _, target := range targetPieces {
		all = append(all, plainGet("target", target))
	}
	for _, query := range queryPieces {
		all = append(all, plainGet("query", "/app.php"+query), plainGet("query of the front controller", "/missing"+query))
	}
	for _, header := range headerPieces {
		all = append(all, plainGet("header", "/app.php", header))
	}
	for _, host := range hostPieces {
		all = append(all, rawRequest{"host", "GET", "/app.php", "HTTP/1.1", []string{host, "Connection: close"}, ""})
	}
	all = append(all,
		rawRequest{"HTTP/1.0", "GET", "/app.php/x?y", "HTTP/1.0", []string{"X-A: b"}, ""},
		rawRequest{"HTTP/1.0 with host", "GET", "/app.php", "HTTP/1.0", []string{"Host: {host}"}, ""},
		rawRequest{"HTTP/1.0 form", "POST", "/app.php", "HTTP/1.0", []string{"Host: {host}", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3"}, "a=1"},
		rawRequest{"awaited body", "POST", "/app.php", "HTTP/1.1", []string{"Host: {host}", "Connection: close", "Expect: 100-continue", "Content-Length: 3"}, "abc"},
	)
	all = append(all, rawRequest{"method of a folder", "PUT", "/sub/", "HTTP/1.1", []string{"Host: {host}", "Connection: close"}, ""})
	for _, method := range methodPieces {
		all = append(all, rawRequest{"method", method, "/app.php/x?a=1", "HTTP/1.1", []string{"Host: {host}", "Connection: close"}, ""},
			withBody(rawRequest{"method with a body", method, "/missing/x?a=1", "HTTP/1.1", []string{"Host: {host}", "Connection: close"}, ""}, bodyPieces()[1], 0))
	}
	for _, body := range bodyPieces() {
		post := rawRequest{"body", "POST", "/app.php?a=q", "HTTP/1.1", []string{"Host: {host}", "Connection: close"}, ""}
		all = append(all, withBody(post, body, 0), withBody(post, body, 1+len(body.body)/3))
	}
	pick := func(of []string) string { return of[g.IntN(len(of))] }
	bodies := bodyPieces()
	for range mixed {
		r := rawRequest{"mixed", pick(methodPieces), pick(targetPieces) + pick(queryPieces), "HTTP/1.1", []string{pick(hostPieces), "Connection: close"}, ""}
		for range g.IntN(6) {
			r.headers = append(r.headers, pick(headerPieces))
		}
		if g.IntN(2) == 0 {
			body := bodies[g.IntN(len(bodies))]
			r = withBody(r, body, g.IntN(2)*(1+g.IntN(1+len(body.body))))
		}
		all = append(all, r)
	}
	return all
}

// withBody adds the body, in chunks of that size, or whole if it is 0.
func withBody(r rawRequest, body bodyPiece, chunk int) rawRequest {
	r.name += ", " + body.name
	r.headers = append(append([]string{}, r.headers...), body.headers)
	if chunk > 0 {
		r.name += " in chunks"
		r.headers, r.body = append(r.headers, "Transfer-Encoding: chunked"), chunked(body.body, chunk)
	} else {
		r.headers, r.body = append(r.headers, fmt.Sprintf("Content-Length: %d", len(body.body))), body.body
	}
	return r
}
