package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// overWire sends a request as it is written here, ends its sending half where it is told to, and returns the answer, or nil where
// none has come.
func overWire(t *testing.T, at, text string, half bool) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if half {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, ""
	}
	return res, readAll(t, res)
}

// A client's headers become HTTP_* and nothing else, whatever they are called.
func TestNoHeaderBecomesAVariableOrASetting(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	for sapi, binary := range programs(t) {
		t.Run(sapi, func(t *testing.T) {
			t.Parallel()
			_, at := site(t, classicSite(root, "workers 1", "php "+binary, "ini precision 9", env("PHP_VALUE", "precision=3"), env("PHP_ADMIN_VALUE", "precision=4")), withGlobal("servers {\nmax_header_size 1MB\n}"))
			host := strings.TrimPrefix(at, "http://")
			ask := func(lines ...string) told {
				t.Helper()
				res, body := overWire(t, at, fmt.Sprintf("GET /see.php?q=1 HTTP/1.1\r\nHost: %s\r\n%s\r\nConnection: close\r\n\r\n", host, strings.Join(lines, "\r\n")), false)
				if res == nil || res.StatusCode != http.StatusOK {
					t.Fatalf("%d headers, the first %.100q: %v, %.300s", len(lines), lines[0], res, body)
				}
				var got told
				decode(t, []byte(body), &got)
				return got
			}
			plain := ask("X-Plain: 1")
			variables := []string{
				"Script-Filename", "Script-Name", "Path-Info", "Path-Translated", "Document-Root", "Document-Uri", "Request-Uri", "Request-Method", "Query-String", "Server-Name", "Server-Port", "Server-Addr",
				"Remote-Addr", "Remote-User", "Redirect-Status", "Redirect-Url", "Gateway-Interface", "Https", "Php-Value", "Php-Admin-Value", "Php-Self", "Orig-Script-Name", "Auth-Type", "Fcgi-Role", "Status",
			}
			var lines []string
			for _, name := range variables {
				value := "precision=5"
				// As a header, with underscores, with what a server might take for one of those, and behind HTTP_ already.
				if lines = append(lines, name+": "+value, "HTTP_"+name+": "+value); !strings.Contains(name, "-") {
					continue
				}
				lines = append(lines, strings.ReplaceAll(name, "-", "_")+": "+value, strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+": "+value,
					strings.ReplaceAll(name, "-", ".")+": "+value, strings.ReplaceAll(name, "-", "!")+": "+value)
			}
			lines = append(lines, "Proxy: evil", "PROXY: evil", "Content_Length: 7", "HTTP_HOST: evil", "X_Plain: evil")
			got := ask(lines...)
			for name, value := range got.Server {
				switch was, ok := plain.Server[name]; {
				case ok && (fmt.Sprint(was) == fmt.Sprint(value) || name == "REMOTE_PORT" || strings.HasPrefix(name, "REQUEST_TIME")):
				case !ok && strings.HasPrefix(name, "HTTP_") && value == "precision=5":
				default:
					t.Errorf("%s is %v, and without those headers %v", name, value, was)
				}
			}
			for _, name := range variables {
				if want := "HTTP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")); got.param(want) != "precision=5" {
					t.Errorf("%s is %s", want, got.param(want))
				}
			}
			if got.Precision != "9" || len(got.Server) != len(plain.Server)+len(variables)-1 { // HTTP_X_PLAIN is missing
				t.Errorf("precision is %s, and there are %d variables, before %d", got.Precision, len(got.Server), len(plain.Server))
			}
			many := make([]string, 5000)
			for i := range many {
				many[i] = fmt.Sprintf("X-Many-%d: %s", i, strings.Repeat("v", 100))
			}
			got = ask(append(many, "X-Long: "+strings.Repeat("l", 60_000), "X-Twice: 1", "X-Twice: 2", "Cookie: a=1", "Cookie: b=2")...)
			wantParams(t, sapi, got, map[string]string{"HTTP_X_MANY_0": strings.Repeat("v", 100), "HTTP_X_MANY_4999": strings.Repeat("v", 100), "HTTP_X_LONG": strings.Repeat("l", 60_000), "HTTP_X_TWICE": "1, 2", "HTTP_COOKIE": "a=1; b=2"})
			if n := len(got.Server) - len(plain.Server); n != 5000+2 {
				t.Errorf("%d variables more", n)
			}
		})
	}
}

// What is wrong about the length of a body is no script's problem: it is not begun.
func TestABodyOfAnotherLengthThanAnnouncedReachesNoScript(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	for sapi, binary := range programs(t) {
		t.Run(sapi, func(t *testing.T) {
			t.Parallel()
			s, at := site(t, classicSite(root, "workers 1", "name app", "php "+binary, "body_memory 1KB"))
			host := strings.TrimPrefix(at, "http://")
			post := func(lines, body string) (*http.Response, string) {
				return overWire(t, at, fmt.Sprintf("POST /see.php HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n\r\n%s", host, lines, body), true)
			}
			served := 0
			for lines, body := range map[string]string{
				"Content-Length: 10":                            "short",
				"Content-Length: 200000":                        strings.Repeat("x", 100_000),
				"Content-Length: 5\r\nContent-Length: 6":        "sixsix",
				"Content-Length: -1":                            "",
				"Content-Length: 0x5":                           "five!",
				"Content-Length: +5":                            "five!",
				"Content-Length: 99999999999999999999":          "much",
				"Transfer-Encoding: chunked":                    "5\r\nfive!\r\n", // no end
				"transfer-encoding: chunked\r\nX: 1":            "zz\r\nfive!\r\n0\r\n\r\n",
				"Transfer-Encoding: chunked, identity":          "5\r\nfive!\r\n0\r\n\r\n",
				"Transfer-Encoding: xchunked":                   "five!",
				"Transfer-Encoding: chunked\r\nX: too long":     "FFFFFFFFFFFFFFFFF\r\nfive!\r\n0\r\n\r\n",
				"Content-Length : 5":                            "five!",
				"Content-Type: multipart/form-data; boundary=x": "--x\r\n", // no length: no body
			} {
				res, text := post(lines, body)
				if strings.HasPrefix(lines, "Content-Type") {
					if res == nil || res.StatusCode != http.StatusOK || !strings.Contains(text, `"length":0`) {
						t.Errorf("%q: %v, %.100s", lines, res, text)
					}
					served++
				} else if res != nil && res.StatusCode < 400 {
					t.Errorf("%q: %d, %.300s", lines, res.StatusCode, text)
				}
			}
			// Both: what is chunked counts, and the script hears of no other length.
			res, text := post("Content-Length: 3\r\nTransfer-Encoding: chunked", "5\r\nfive!\r\n0\r\n\r\n")
			if res != nil && res.StatusCode == http.StatusOK {
				served++
				var got told
				decode(t, []byte(text), &got)
				if got.Length != 5 || got.param("CONTENT_LENGTH") != "5" || got.param("HTTP_CONTENT_LENGTH") != "5" && got.param("HTTP_CONTENT_LENGTH") != "-" {
					t.Errorf("two lengths: %d, %s, %s", got.Length, got.param("CONTENT_LENGTH"), got.param("HTTP_CONTENT_LENGTH"))
				}
			}
			s.wantIdle(1)
			if n := s.pool("app").requests(); n != served {
				t.Errorf("scripts have run %d times, want %d", n, served)
			}
		})
	}
}

// Whatever a script says in its head, the client gets one answer of one request, or an error; and the next client its own.
func TestNoHeadOfAScriptBreaksAnAnswer(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	for sapi, binary := range programs(t) {
		t.Run(sapi, func(t *testing.T) {
			t.Parallel()
			_, at := site(t, classicSite(root, "workers 1", "php "+binary, "ini display_errors 0"))
			for _, c := range []struct {
				header []string
				status int
				length int // of the body; -1: whatever
			}{
				{[]string{"Status: nonsense"}, 0, -1}, {[]string{"Status: 99"}, 502, -1}, {[]string{"Status: 1000"}, 0, -1}, {[]string{"Status: -200"}, 0, -1}, {[]string{"Status: 200 OK\x00"}, 0, 5},
				{[]string{"HTTP/1.1 404 Not Found"}, 404, 5}, {[]string{"HTTP/1.1 abc"}, 0, -1}, {[]string{"HTTP/9.9"}, 0, -1}, {[]string{"HTTP/1.1 200 OK", "Status: 404 Not"}, 0, 5},
				{[]string{"X-A: 1\r\nX-Injected: 1"}, 200, 5}, {[]string{"X-A: 1\nX-Injected: 1"}, 200, 5}, {[]string{"X-A: 1\rX-Injected: 1"}, 200, 5}, {[]string{"X-A: \x00"}, 200, 5},
				{[]string{"X-A: 1\r\n\r\n<script>"}, 200, 5}, {[]string{"no colon"}, 200, 5}, {[]string{": no name"}, 200, 5}, {[]string{" X-A : 1"}, 200, 5}, {[]string{"X A: 1"}, 200, 5}, {[]string{"X-\xff: \xff"}, 200, 5}, {[]string{"X-A: \x01"}, 200, 5},
				{[]string{"Content-Length: 2"}, 200, 5}, {[]string{"Content-Length: abc"}, 200, 5}, {[]string{"Content-Length: -1"}, 200, 5}, {[]string{"Content-Length: 6", "Content-Length: 5"}, 200, 5},
				{[]string{"Transfer-Encoding: chunked"}, 200, 5}, {[]string{"Connection: close", "Keep-Alive: 1", "Upgrade: x", "TE: trailers"}, 200, 5}, {[]string{"Trailer: X-Later", "X-Later: 1"}, 200, 5},
				{[]string{"X-Accel-Redirect: /etc/passwd"}, 200, 5}, {[]string{"X-Sendfile: /etc/passwd"}, 200, 5}, {[]string{"X-Accel-Buffering: no"}, 200, 5}, {[]string{"X-Accel-Limit-Rate: 1", "X-Accel-Expires: 1"}, 200, 5},
				{[]string{"Location: //evil.example/\r\nSet-Cookie: a=1"}, 200, 5}, {[]string{"Set-Cookie: a=1\nSet-Cookie: b=2"}, 200, 5},
			} {
				values := url.Values{"header[]": c.header, "text": {"hello"}}
				res, body := overWire(t, at, fmt.Sprintf("GET /answer.php?%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", values.Encode(), strings.TrimPrefix(at, "http://")), false)
				switch {
				case res == nil:
					t.Errorf("%q: there is no answer", c.header)
				case c.status != 0 && res.StatusCode != c.status, c.length >= 0 && len(body) != c.length,
					res.StatusCode < 200, res.StatusCode > 599, strings.Contains(body, "root:x"), res.Header.Get("X-Injected") != "", len(res.Header["Set-Cookie"]) > 0, strings.Contains(body, "<script>"):
					t.Errorf("%q: %d, %q, %q", c.header, res.StatusCode, res.Header, body)
				}
				if status, body := get(t, at+"/answer.php?text=next"); status != http.StatusOK || body != "next" {
					t.Errorf("behind %q: %d, %q", c.header, status, body)
				}
			}
		})
	}
}
