package module

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// refusal is what the admin endpoint says where it does not do what it is asked.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// askAdmin sends a request, with body as JSON where it is not nil, to the admin
// endpoint at that address. It does what Caddy's own commands do, whose function
// tells an answer from a broken connection by its wording only: here the error is a
// *refusal if, and only if, the endpoint has answered with a status from 400. The
// caller closes the body of the response.
func askAdmin(address, method, path string, body []byte) (*http.Response, error) {
	network, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil, fmt.Errorf("the address %s of the admin endpoint: %w", address, err)
	}
	if network.PortRangeSize() > 1 {
		return nil, fmt.Errorf("the address %s of the admin endpoint has several ports", address)
	}
	origin := "http://" + network.JoinHostPort(0)
	if network.IsUnixNetwork() {
		origin = "http://127.0.0.1"                         // the host that Caddy wants there
		network.Host, _, _ = strings.Cut(network.Host, "|") // behind it stands the socket's mode
	}
	request, err := http.NewRequest(method, origin+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if !network.IsUnixNetwork() {
		request.Header.Set("Origin", origin)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // one request, and the connection need not wait for another
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network.Network, network.JoinHostPort(0))
		},
	}}
	response, err := client.Do(request)
	if err != nil || response.StatusCode < 400 {
		return response, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		text = nil // its status says enough
	}
	var answer struct{ Error string }
	if json.Unmarshal(text, &answer) != nil || answer.Error == "" {
		answer.Error = strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", response.StatusCode, text))
	}
	return nil, &refusal{response.StatusCode, answer.Error}
}
