package module

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// adminEndpoint is an endpoint that answers as it is told. It listens on loopback,
// or on the socket.
func adminEndpoint(t *testing.T, socket string, status int, body string) (address string, asked *http.Request) {
	t.Helper()
	asked = new(http.Request)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	if socket != "" {
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		_ = server.Listener.Close()
		server.Listener = l
	}
	server.Start()
	t.Cleanup(server.Close)
	if socket != "" {
		return "unix/" + socket, asked
	}
	return server.Listener.Addr().String(), asked
}

func TestAnAnswerThatSaysNoIsARefusalWhateverItsWords(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   string
	}{
		{404, `{"error":"there is no pool \"other\""}`, `there is no pool "other"`},
		{500, `{"error":"dial tcp: connection refused"}`, "dial tcp: connection refused"},
		{403, "not for you", "HTTP status 403 not for you"},
		{400, "", "HTTP status 400"},
		{502, `{"error":""}`, `HTTP status 502 {"error":""}`},
	} {
		address, _ := adminEndpoint(t, "", test.status, test.body)
		_, err := askAdmin(address, "GET", "/php_worker/pools", nil)
		no, ok := errors.AsType[*refusal](err)
		if !ok || no.status != test.status || err.Error() != test.want {
			t.Errorf("status %d with %q is %v, want a refusal: %s", test.status, test.body, err, test.want)
		}
	}
}

func TestAnEndpointThatDoesNotAnswerIsNoRefusal(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := silent.Addr().String()
	_ = silent.Close()
	hangsUp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangsUp.Close() })
	go func() {
		for {
			conn, err := hangsUp.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	for _, address := range []string{
		gone, hangsUp.Addr().String(), "unix/" + filepath.Join(t.TempDir(), "HTTP 500.sock"),
		"127.0.0.1:1000-1002", "no/such/network:80", "127.0.0.1:http",
	} {
		_, err := askAdmin(address, "GET", "/", nil)
		if err == nil {
			t.Errorf("%s has answered", address)
		}
		if no, ok := errors.AsType[*refusal](err); ok {
			t.Errorf("%s has not answered, but is said to have refused: %v", address, no)
		}
	}
}

func TestTheRequestToTheAdminEndpointIsWhatCaddyTakes(t *testing.T) {
	address, asked := adminEndpoint(t, "", 200, "{}")
	response, err := askAdmin(address, "POST", "/php_worker/pools/a%2Fb/scale", []byte(`{"min":1}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := []string{asked.Method, asked.URL.EscapedPath(), asked.Host, asked.Header.Get("Origin"), asked.Header.Get("Content-Type")}; strings.Join(got, " ") !=
		"POST /php_worker/pools/a%2Fb/scale "+address+" http://"+address+" application/json" {
		t.Errorf("the endpoint at %s was asked: %q", address, got)
	}

	// Caddy refuses an Origin at a socket, and wants this host.
	socket, asked := adminEndpoint(t, filepath.Join(t.TempDir(), "admin.sock"), 200, "{}")
	response, err = askAdmin(socket+"|0220", "GET", "/php_worker/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if asked.Host != "127.0.0.1" || asked.Header.Get("Origin") != "" || asked.Header.Get("Content-Type") != "" {
		t.Errorf("the endpoint at a socket was asked with host %q, origin %q, content type %q", asked.Host, asked.Header.Get("Origin"), asked.Header.Get("Content-Type"))
	}
}
