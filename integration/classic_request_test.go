package integration

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// wantParams compares variables of $_SERVER; "-" stands for none.
func wantParams(t *testing.T, name string, got told, want map[string]string) {
	t.Helper()
	for param, value := range want {
		if got.param(param) != value {
			t.Errorf("%s: %s is %q, want %q", name, param, got.param(param), value)
		}
	}
}

func TestAScriptSeesWhatNginxTellsPHPFPM(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	_, url := site(t, classicSite(root, "workers 1", env("FROM_POOL", "yes"), "ini user_agent ours"))
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	r := request(t, "POST", url+"/see.php/path%20info?a[]=1&a[]=2&b=%ff", strings.NewReader("x=1&y[z]=2"))
	r.Header = http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {"a=1; b=2"}, "X-Twice": {"1", "2"}, "Authorization": {"Basic dXNlcjpwYXNz"},
		"Proxy": {"http://evil"}, "X_under": {"evil"}, "Content_length": {"5"}, "User-Agent": {"tests"},
	}
	got := see(t, r)
	wantParams(t, "a form", got, map[string]string{
		"SCRIPT_FILENAME": root + "/see.php", "SCRIPT_NAME": "/see.php", "PATH_INFO": "/path info", "PHP_SELF": "/see.php/path info", "DOCUMENT_ROOT": root,
		"REQUEST_URI": "/see.php/path%20info?a[]=1&a[]=2&b=%ff", "QUERY_STRING": "a[]=1&a[]=2&b=%ff", "DOCUMENT_URI": "/see.php", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "10",
		"CONTENT_TYPE": "application/x-www-form-urlencoded", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": port, "SERVER_ADDR": "127.0.0.1",
		"REMOTE_ADDR": "127.0.0.1", "REMOTE_USER": "", "HTTP_HOST": "127.0.0.1:" + port, "HTTP_X_TWICE": "1, 2", "HTTP_COOKIE": "a=1; b=2", "PHP_AUTH_USER": "user", "PHP_AUTH_PW": "pass",
		"REDIRECT_STATUS": "200", "REQUEST_SCHEME": "http", "HTTPS": "-", "HTTP_PROXY": "-", "HTTP_X_UNDER": "-", "HTTP_USER_AGENT": "tests", "GATEWAY_INTERFACE": "CGI/1.1", "FCGI_ROLE": "RESPONDER",
	})
	if remote, err := strconv.Atoi(got.param("REMOTE_PORT")); err != nil || remote == 0 {
		t.Errorf("REMOTE_PORT is %q", got.param("REMOTE_PORT"))
	}
	if !strings.HasPrefix(got.param("SERVER_SOFTWARE"), "Caddy/") {
		t.Errorf("SERVER_SOFTWARE is %q", got.param("SERVER_SOFTWARE"))
	}
	if fmt.Sprint(got.Get, got.Post, got.Cookie) != "map[a:[1 2] b:\ufffd] map[x:1 y:map[z:2]] map[a:1 b:2]" {
		t.Errorf("$_GET %v, $_POST %v, $_COOKIE %v", got.Get, got.Post, got.Cookie)
	}
	if got.SAPI != "fpm-fcgi" && got.SAPI != "cgi-fcgi" || got.Env != "yes" || got.Ini != "ours" || got.Cwd != root || got.All["X-Twice"] != "1, 2" {
		t.Errorf("%+v", got)
	}
}

func TestAScriptSeesItsEndsOfOddRequests(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	_, url := site(t, "rewrite /old /see.php?new=1\n"+classicSite(root, "workers 1"))
	wantParams(t, "a rewritten path", see(t, request(t, "GET", url+"/old?q=1", nil)), map[string]string{
		"REQUEST_URI": "/old?q=1", "QUERY_STRING": "new=1", "SCRIPT_NAME": "/see.php", "PATH_INFO": "",
	})
	for method, want := range map[string]int{"GET": 3, "PUT": 3, "DELETE": 3, "OPTIONS": 3, "PATCH": 3, "PROPFIND": 3} {
		got := see(t, request(t, method, url+"/see.php", strings.NewReader("abc")))
		if got.Length != want || got.param("REQUEST_METHOD") != method || got.param("CONTENT_LENGTH") != "3" {
			t.Errorf("%s: %d bytes, %s, CONTENT_LENGTH %s", method, got.Length, got.param("REQUEST_METHOD"), got.param("CONTENT_LENGTH"))
		}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	host := strings.TrimPrefix(url, "http://")
	fmt.Fprintf(conn, "GET /see.php?a=<b>|{c} HTTP/1.0\r\nHost: %s\r\nX-A: 1\r\nX-A: 2\r\n\r\n", host)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got told
	decode(t, []byte(readAll(t, res)), &got)
	wantParams(t, "HTTP/1.0", got, map[string]string{"REQUEST_URI": "/see.php?a=<b>|{c}", "SERVER_NAME": "127.0.0.1", "HTTP_HOST": host, "HTTP_X_A": "1, 2", "SERVER_PROTOCOL": "HTTP/1.0"})
}

func TestAScriptSeesTheClientBehindTrustedProxies(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	for trusted, want := range map[string]map[string]string{
		"127.0.0.0/8":  {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "", "HTTPS": "on", "REQUEST_SCHEME": "https"},
		"192.0.2.0/24": {"REMOTE_ADDR": "127.0.0.1", "HTTPS": "-", "REQUEST_SCHEME": "http"},
	} {
		port := freePorts(t, 1)[0]
		start(t, on(port, classicSite(root, "workers 1")), withGlobal("servers {\ntrusted_proxies static "+trusted+"\n}"))
		r := request(t, "GET", base(port)+"/see.php", nil)
		r.Header.Set("X-Forwarded-For", "192.0.2.7")
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Host", "other.example")
		got := see(t, r)
		wantParams(t, "trusting "+trusted, got, want)
		wantParams(t, "trusting "+trusted, got, map[string]string{"HTTP_X_FORWARDED_HOST": "other.example", "HTTP_X_FORWARDED_FOR": "192.0.2.7", "SERVER_NAME": "127.0.0.1"})
	}
}

func TestAScriptSeesWhomCaddyHasAuthenticated(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	s := launch(t, "")
	hash, err := s.caddy("hash-password", "--plaintext", "secret")
	if err != nil {
		t.Fatal(err)
	}
	_, url := site(t, fmt.Sprintf("basic_auth /see.php {\nann %s\n}\n", strings.TrimSpace(hash))+classicSite(root, "workers 1"))
	r := request(t, "GET", url+"/see.php", nil)
	r.SetBasicAuth("ann", "secret")
	wantParams(t, "ann", see(t, r), map[string]string{"REMOTE_USER": "ann", "PHP_AUTH_USER": "ann", "PHP_AUTH_PW": "secret"})
	r = request(t, "GET", url+"/see.php/", nil) // no rule says who that is
	r.SetBasicAuth("eve", "x")
	wantParams(t, "eve", see(t, r), map[string]string{"REMOTE_USER": "", "PHP_AUTH_USER": "eve"})
}

func TestAScriptIsAskedOverEveryVersionOfHTTP(t *testing.T) {
	t.Parallel()
	root := scripts(t)
	port := freePorts(t, 1)[0]
	s := start(t, fmt.Sprintf("https://localhost:%d {\nbind 127.0.0.1\ntls internal\n%s}\n", port, classicSite(root, "workers 1")))
	trust := &tls.Config{RootCAs: s.authority()}
	eventually(t, "the site has its certificate", func() bool {
		conn, err := tls.Dial("tcp", fmt.Sprintf("localhost:%d", port), trust)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	h3 := &http3.Transport{TLSClientConfig: trust}
	t.Cleanup(func() { h3.Close() })
	for protocol, transport := range map[string]http.RoundTripper{"HTTP/2.0": &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}, "HTTP/3.0": h3} {
		r := request(t, "POST", fmt.Sprintf("https://localhost:%d/see.php?q", port), strings.NewReader("a=1"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := (&http.Client{Timeout: patience, Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var got told
		decode(t, []byte(readAll(t, res)), &got)
		res.Body.Close()
		wantParams(t, protocol, got, map[string]string{
			"SERVER_PROTOCOL": protocol, "HTTPS": "on", "REQUEST_SCHEME": "https", "SERVER_PORT": strconv.Itoa(port), "SERVER_ADDR": "127.0.0.1",
			"HTTP_HOST": fmt.Sprintf("localhost:%d", port), "SERVER_NAME": "localhost", "CONTENT_LENGTH": "3", "REQUEST_URI": "/see.php?q",
		})
		if fmt.Sprint(got.Post) != "map[a:1]" {
			t.Errorf("%s: $_POST is %v", protocol, got.Post)
		}
	}
}

func TestSessionsAndUserIniWorkAsUnderPHPFPM(t *testing.T) {
	t.Parallel()
	root := scripts(t, "sessions/", "ini/")
	s := &server{t: t, dir: root}
	s.write(".user.ini", "precision = 5\n")
	_, url := site(t, classicSite(root, "workers 2", "ini precision 9"))
	if got := see(t, request(t, "GET", url+"/see.php", nil)); got.Precision != "5" {
		t.Errorf("precision is %s, not that of .user.ini", got.Precision)
	}
	if status, _, body := raw(t, url, "/.user.ini"); status != 404 || strings.Contains(body, "precision") {
		t.Errorf("/.user.ini: %d, %q", status, body)
	}
	cookie := ""
	for visit := range 3 {
		r := request(t, "GET", url+"/session.php", nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		res := send(t, r)
		if body := readAll(t, res); body != strconv.Itoa(visit+1) {
			t.Errorf("visit %d: %q", visit+1, body)
		}
		if all := res.Header["Set-Cookie"]; visit == 0 && len(all) == 1 {
			cookie, _, _ = strings.Cut(all[0], ";")
		} else if len(all) > 0 {
			t.Errorf("visit %d: %q", visit+1, all)
		}
	}
	if _, body := get(t, url+"/session.php"); body != "1" {
		t.Errorf("another visitor has the count %q", body)
	}
	if found, _ := filepath.Glob(root + "/sessions/sess_*"); len(found) != 2 {
		t.Errorf("the sessions are %v", found)
	}
}
