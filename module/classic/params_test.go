package classic

import (
	"maps"
	"net/http"
	"strings"
	"testing"
)

// told are the parameters of a request, as PHP has them in $_SERVER.
func told(t testing.TB, r *Request) map[string]string {
	t.Helper()
	params := make(map[string]string)
	r.Append(nil, func(dst []byte, name, value string) []byte {
		if _, twice := params[name]; twice {
			t.Errorf("%s comes twice", name)
		}
		params[name] = value
		return dst
	})
	return params
}

func TestPHPIsToldWhatNginxTells(t *testing.T) {
	got := told(t, &Request{
		Script: Script{Root: "/srv/app", File: "/srv/app/a/b.php", Name: "/a/b.php", Info: "/info"},
		Method: "POST", Protocol: "HTTP/1.1", Query: "q=1", URI: "/a/b.php/info?q=1", Scheme: "https", Host: "example.com:8443",
		ServerName: "example.com", ServerAddr: "192.0.2.1", ServerPort: "8443", RemoteAddr: "198.51.100.7", RemotePort: "1234", User: "ann", Software: "Caddy/v2", BodySize: 3,
		Header: http.Header{
			"Content-Type": {"text/plain"}, "Content-Length": {"5"}, "Cookie": {"a=1", "b=2"}, "Accept": {"text/html", "*/*"}, "X-My-Header9": {"x"}, "Authorization": {"Basic YTpi"},
			"Host": {"other.example"}, "Proxy": {"http://evil"}, "X_user": {"root"}, "X.dot": {"x"}, "Content_length": {"9"}, "x-raw": {"x"}, "Empty": {""}, "None": {}, "": {"x"}, "Bad Name": {"x"},
		},
	})
	want := map[string]string{
		"SCRIPT_FILENAME": "/srv/app/a/b.php", "QUERY_STRING": "q=1", "REQUEST_METHOD": "POST", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "3",
		"SCRIPT_NAME": "/a/b.php", "PATH_INFO": "/info", "REQUEST_URI": "/a/b.php/info?q=1", "DOCUMENT_URI": "/a/b.php", "DOCUMENT_ROOT": "/srv/app",
		"SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_SCHEME": "https", "HTTPS": "on", "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "Caddy/v2",
		"REMOTE_ADDR": "198.51.100.7", "REMOTE_PORT": "1234", "REMOTE_USER": "ann", "SERVER_ADDR": "192.0.2.1", "SERVER_PORT": "8443", "SERVER_NAME": "example.com",
		"REDIRECT_STATUS": "200", "HTTP_HOST": "example.com:8443", "HTTP_CONTENT_TYPE": "text/plain", "HTTP_CONTENT_LENGTH": "3", "HTTP_COOKIE": "a=1; b=2",
		"HTTP_ACCEPT": "text/html, */*", "HTTP_X_MY_HEADER9": "x", "HTTP_AUTHORIZATION": "Basic YTpi", "HTTP_EMPTY": "",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWithoutABodyThereIsNoLength(t *testing.T) {
	got := told(t, &Request{Method: "GET", Scheme: "http", BodySize: -1, Header: http.Header{"Content-Length": {"7"}}})
	for name, want := range map[string]string{"CONTENT_LENGTH": "", "CONTENT_TYPE": "", "PATH_INFO": ""} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %q, %v", name, value, ok)
		}
	}
	for _, name := range []string{"HTTPS", "HTTP_CONTENT_LENGTH", "HTTP_HOST"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s is told: %q", name, value)
		}
	}
}

func FuzzHeaderNames(f *testing.F) {
	for _, name := range []string{"X-A", "x_a", "Proxy", "PROXY", "Host", "Content-Length", "A\x00B", "Https", "HTTP-Proxy"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r := &Request{Scheme: "http", BodySize: -1}
		own := told(t, r)
		r.Header = http.Header{name: {"client"}}
		for param, value := range told(t, r) {
			before, known := own[param]
			switch {
			case known && value != before && !(param == "CONTENT_TYPE" && name == "Content-Type"):
				t.Errorf("%q replaced %s", name, param)
			case !known && (!strings.HasPrefix(param, "HTTP_") || param == "HTTP_PROXY" || strings.ToUpper(strings.ReplaceAll(name, "-", "_")) != param[5:]):
				t.Errorf("%q became %s", name, param)
			}
		}
	})
}
