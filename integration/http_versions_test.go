package integration

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// TestEveryVersionOfHTTP talks to one site, with a certificate of Caddy's own
// authority, in HTTP/1.1, HTTP/2 and HTTP/3.
func TestEveryVersionOfHTTP(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	s := start(t, fmt.Sprintf("https://localhost:%d {\nbind 127.0.0.1\ntls internal\nlog\n%s}\n", port, loop.directive("name app", "workers 2")))
	url := fmt.Sprintf("https://localhost:%d", port)
	trust := &tls.Config{RootCAs: s.authority()}
	h3 := &http3.Transport{TLSClientConfig: trust}
	t.Cleanup(func() { h3.Close() })

	for _, c := range []struct {
		version, protocol string
		transport         http.RoundTripper
	}{
		{"HTTP/1.1", "1.1", &http.Transport{TLSClientConfig: trust, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}},
		{"HTTP/2.0", "2", &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}},
		{"HTTP/3.0", "3.0", h3},
	} {
		t.Run(c.version, func(t *testing.T) {
			client := &http.Client{Transport: c.transport, Timeout: patience}
			t.Cleanup(client.CloseIdleConnections)
			eventually(t, "the certificate is there", func() bool {
				res, err := client.Get(url + "/pid")
				if err != nil {
					return false
				}
				res.Body.Close()
				return true
			})

			content := newPattern(3e6)
			res, err := client.Do(request(t, "POST", url+"/path?q=1", content))
			if err != nil {
				t.Fatal(err)
			}
			got := parseSeen(t, readAll(t, res))
			res.Body.Close()
			if res.Proto != c.version || got.Protocol != c.protocol || got.URI != url+"/path?q=1" || got.Headers["host"][0] != fmt.Sprintf("localhost:%d", port) {
				t.Errorf("%s: the application saw %s, HTTP/%s, for %s", res.Proto, got.Method, got.Protocol, got.URI)
			}
			if got.Length != 3e6 || got.SHA1 != content.sum() {
				t.Errorf("of 3 MB %d bytes arrived", got.Length)
			}

			testTrailers(t, client, url+"/trailers")
			testTrailers(t, client, url+"/trailers?stream=1")
			testChunks(t, client, url)
			testLeaving(t, s, client, url)
			testLeavingTheQueue(t, s, client, url, client, nil)
		})
	}
	t.Run("HTTP/3, the whole connection", func(t *testing.T) {
		leaves := &http3.Transport{TLSClientConfig: trust}
		testLeavingTheQueue(t, s, &http.Client{Transport: h3, Timeout: patience}, url, &http.Client{Transport: leaves}, func() { leaves.Close() })
	})
}

// testChunks reads a stream chunk by chunk.
func testChunks(t *testing.T, client *http.Client, url string) {
	g := newGate(t)
	g.open("first")
	res, err := client.Do(request(t, "GET", url+"/gated?gate="+g.path, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	expectLine(t, lines, "chunk 0: first")
	for n := 1; n < 10; n++ {
		g.open("next")
		expectLine(t, lines, fmt.Sprintf("chunk %d: next", n))
	}
	g.open("end")
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("after the last chunk came %q, %v", rest, err)
	}
}

// testLeaving gives a stream up, which ends a request and not the connection.
func testLeaving(t *testing.T, s *server, client *http.Client, url string) {
	before := len(s.logs.records("the stream was stopped"))
	g := newGate(t)
	g.open("first")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	res, err := client.Do(request(t, "GET", url+"/gated?gate="+g.path, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	expectLine(t, bufio.NewReader(res.Body), "chunk 0: first")
	leave()
	eventually(t, "the application is told to stop", func() bool {
		g.open("next")
		return len(s.logs.records("the stream was stopped")) > before
	})
}

// testLeavingTheQueue gives a request up, or the connection of leaver by leave, before a worker has begun
// with it, which is nobody's failure. Meanwhile requests of client hold the workers.
func testLeavingTheQueue(t *testing.T, s *server, client *http.Client, url string, leaver *http.Client, leave func()) {
	gates := []*gate{newGate(t), newGate(t)} // of all workers
	busy := make(chan error, len(gates))
	for _, g := range gates {
		go func() {
			res, err := client.Do(request(t, "GET", url+"/gated?gate="+g.path, nil))
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			busy <- err
		}()
	}
	eventually(t, "all workers are busy", func() bool { return len(s.pool("app").in("busy")) == len(gates) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if leave == nil {
		leave = cancel
	}
	gone := make(chan struct{})
	target := "/pid?left=" + neturl.QueryEscape(t.Name())
	go func() {
		defer close(gone)
		if res, err := leaver.Do(request(t, "GET", url+target, nil).WithContext(ctx)); err == nil {
			res.Body.Close()
			t.Error("it was answered")
		}
	}()
	eventually(t, "it waits", func() bool { return s.pool("app").Queue == 1 })
	leave()
	<-gone
	eventually(t, "it is logged", func() bool {
		for _, r := range s.logs.records("handled request") {
			if r["request"].(map[string]any)["uri"] == target {
				if r["status"] != 499.0 {
					t.Errorf("its status is %v", r["status"])
				}
				return true
			}
		}
		return false
	})
	for _, g := range gates {
		g.open("end")
	}
	for range gates {
		if err := <-busy; err != nil {
			t.Error(err)
		}
	}
}

// authority is Caddy's own certificate authority.
func (s *server) authority() *x509.CertPool {
	s.t.Helper()
	pool := x509.NewCertPool()
	eventually(s.t, "the authority's certificate is there", func() bool {
		pem, err := os.ReadFile(filepath.Join(s.dir, "data", "caddy", "pki", "authorities", "local", "root.crt"))
		return err == nil && strings.Contains(string(pem), "END CERTIFICATE") && pool.AppendCertsFromPEM(pem)
	})
	return pool
}
