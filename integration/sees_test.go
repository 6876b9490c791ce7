package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	mathbig "math/big"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestWhatPHPSeesBehindProxies says the same things about the client through a
// neighbour that is trusted, and through one that is not.
func TestWhatPHPSeesBehindProxies(t *testing.T) {
	t.Parallel()
	_, trusting := site(t, loop.directive("workers 1"), withGlobal("servers {\ntrusted_proxies static 127.0.0.0/8\n}"))
	_, wary := loop.site(t, "workers 1")
	for _, c := range []struct {
		name    string
		headers [][2]string
		remote  string // through the trusted neighbour
		origin  string // "": the site's own
	}{
		{"nothing said", nil, "127.0.0.1", ""},
		{"one address", [][2]string{{"X-Forwarded-For", "192.0.2.7"}}, "192.0.2.7", ""},
		{"an IPv6 address", [][2]string{{"X-Forwarded-For", "2001:db8::1"}}, "2001:db8::1", ""},
		{"scheme and host", [][2]string{{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "public.example"}}, "127.0.0.1", "https://public.example"},
		{"a host with a port", [][2]string{{"X-Forwarded-Host", "public.example:8443"}}, "127.0.0.1", "http://public.example:8443"},
		{"a list of hosts: the last is the nearest proxy's", [][2]string{{"X-Forwarded-Host", "evil.example, public.example"}}, "127.0.0.1", "http://public.example"},
		{"two lines: the last is the nearest proxy's", [][2]string{{"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Host", "public.example"}}, "127.0.0.1", "http://public.example"},
		{"two lines for the scheme", [][2]string{{"X-Forwarded-Proto", "http"}, {"X-Forwarded-Proto", "HTTPS"}}, "127.0.0.1", "https://%s"},
		{"an unknown scheme", [][2]string{{"X-Forwarded-Proto", "ftp"}}, "127.0.0.1", ""},
		// As Caddy does; the application finds them among its headers.
		{"a port of its own", [][2]string{{"X-Forwarded-Port", "8443"}}, "127.0.0.1", ""},
		{"the standard's header", [][2]string{{"Forwarded", "for=192.0.2.7;proto=https;host=public.example"}}, "127.0.0.1", ""},
	} {
		for _, url := range []string{trusting, wary} {
			own := strings.TrimPrefix(url, "http://")
			r := request(t, "GET", url+"/p?q=1", nil)
			for _, h := range c.headers {
				r.Header.Add(h[0], h[1])
			}
			remote, origin := "127.0.0.1", "http://"+own
			if url == trusting {
				remote = c.remote
				if c.origin != "" {
					origin = strings.ReplaceAll(c.origin, "%s", own)
				}
			}
			got := tell(t, r)
			if got.Remote != remote || got.URI != origin+"/p?q=1" {
				t.Errorf("%s, trusted %t: %s from %s, want %s from %s", c.name, url == trusting, got.URI, got.Remote, origin, remote)
			}
			for _, h := range c.headers {
				if len(got.Headers[strings.ToLower(h[0])]) == 0 {
					t.Errorf("%s: the application does not see %s", c.name, h[0])
				}
			}
		}
	}
}

// certificate makes one that signs itself, and returns it with its PEM.
func certificate(t *testing.T, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: mathbig.NewInt(4711), Subject: pkix.Name{CommonName: name, Organization: []string{"Ünï"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestPlaceholdersOfTLSAndLoginReachPHPAsAttributes(t *testing.T) {
	t.Parallel()
	cert, text := certificate(t, "client \"x\"")
	trusted := filepath.Join(t.TempDir(), "client.pem")
	writeFile(t, trusted, string(text))
	port := freePorts(t, 1)[0]
	handler := loop.directive("workers 1", "attribute tls {http.request.tls.version}", "attribute cipher {http.request.tls.cipher_suite}",
		"attribute subject {http.request.tls.client.subject}", "attribute serial {http.request.tls.client.serial}",
		"attribute user {http.auth.user.id}", "attribute id {http.request.uuid}", "attribute again {http.request.uuid}",
		"attribute hostport {http.request.hostport}")
	start(t, fmt.Sprintf(`https://localhost:%d {
	tls internal {
		client_auth {
			mode verify_if_given
			trust_pool file %q
		}
	}
	basic_auth {
		ännä $2a$14$fNr68EUd6uojY8ttqKaeIuiSox0CmcLzSfYRwdKVfxMGQOfEQor6i
	}
	%s
}
`, port, trusted, handler))
	waitCertificate(t, port)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{cert}}}}
	r := request(t, "GET", fmt.Sprintf("https://localhost:%d/", port), nil)
	r.SetBasicAuth("ännä", "secret")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := parseSeen(t, readAll(t, res))
	for name, want := range map[string]string{
		"tls": "^tls1\\.3$", "cipher": "^TLS_", "subject": "^CN=client", "serial": "^4711$", "user": "^ännä$",
		"id": "^[0-9a-f-]{36}$", "hostport": fmt.Sprintf("^localhost:%d$", port),
	} {
		if value, _ := got.Attributes[name].(string); !regexp.MustCompile(want).MatchString(value) {
			t.Errorf("attribute %s is %q, want %s", name, value, want)
		}
	}
	if got.Attributes["id"] != got.Attributes["again"] {
		t.Error("one request has two ids")
	}
	if got.URI != fmt.Sprintf("https://localhost:%d/", port) {
		t.Errorf("URI %s", got.URI)
	}
}

// TestBytesThatAreNotUTF8 puts them wherever HTTP lets them through.
func TestBytesThatAreNotUTF8(t *testing.T) {
	t.Parallel()
	_, url := loop.site(t, "workers 1", "attribute copy {http.request.header.X-Raw}")
	host := strings.TrimPrefix(url, "http://")
	pid, _ := worker(t, url)
	text := "POST /caf\xe9/%FF?q=\xff&%80=1 HTTP/1.1\r\nHost: " + host + "\r\nX-Raw: a\xe9b\r\nCookie: c=\xff%FE\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nf=\xff&g=%FE="
	status, body := rawly(t, url, text)
	if status != 200 {
		t.Fatalf("status %d, %s", status, body)
	}
	got := parseSeen(t, body)
	if got.URI != url+"/caf%E9/%FF?q=%FF&%80=1" && got.URI != url+"/caf%e9/%FF?q=%ff&%80=1" {
		t.Errorf("URI %s", got.URI)
	}
	if string(got.Query) != `{"q":"hex:ff","hex:80":"1"}` { // the query keeps every byte
		t.Errorf("query %s", got.Query)
	}
	for what, value := range map[string]string{"the header": got.Headers["x-raw"][0], "the attribute": fmt.Sprint(got.Attributes["copy"])} {
		if value != "aéb" && value != "hex:61e962" {
			t.Errorf("%s is %q", what, value)
		}
	}
	if string(got.Parsed) != "{\"f\":\"ÿ\",\"g\":\"þ=\"}" {
		t.Errorf("form %s", got.Parsed)
	}
	if now, _ := worker(t, url); now != pid {
		t.Error("it cost a worker")
	}
}

func TestUnderscoreAndDotHeadersAreAsCaddyDecides(t *testing.T) {
	t.Parallel()
	_, usual := loop.site(t, "workers 1")
	text := func(url string) string {
		return "GET / HTTP/1.1\r\nHost: " + strings.TrimPrefix(url, "http://") + "\r\nX_Under: 1\r\nX.Dot: 1\r\nX-Dash: 1\r\nProxy: http://evil.example\r\n\r\n"
	}
	_, body := rawly(t, usual, text(usual))
	got := parseSeen(t, body)
	if got.Headers["x_under"] != nil || got.Headers["x.dot"] != nil || got.Headers["proxy"] != nil || got.Headers["x-dash"] == nil || got.Headers["host"] == nil {
		t.Errorf("headers %q", got.Headers)
	}
	_, allowed := site(t, loop.directive("workers 1"), withGlobal("servers {\nexpected_underscore_headers x_under\nexpected_dot_headers x.dot\n}"))
	_, body = rawly(t, allowed, text(allowed))
	if got := parseSeen(t, body); got.Headers["x_under"] == nil || got.Headers["x.dot"] == nil {
		t.Errorf("headers that Caddy was told to expect: %q", got.Headers)
	}
}
