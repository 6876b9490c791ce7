package module_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
)

// The handler in Caddy's JSON: a site whose requests all go to a pool of PHP
// processes. "caddy adapt" shows what a Caddyfile becomes.
func ExampleHandler() {
	const config = `{
		"apps": {
			"http": {
				"servers": {
					"site": {
						"listen": ["unix/{env.EXAMPLE}/site.sock"],
						"routes": [{
							"handle": [{
								"handler": "php_worker",
								"script": ["worker.php"],
								"workers": {"min": 1, "max": 4},
								"queue": {"size": 200, "timeout": "5s"},
								"request_timeout": "30s"
							}]
						}],
						"automatic_https": {"disable": true}
					}
				}
			}
		},
		"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"level": "ERROR"}}}
	}`
	client, end := running(config)
	defer end()

	response, err := client.Get("http://example.com/")
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	fmt.Println("X-Worker:", response.Header.Get("X-Worker"))
	// Output:
	// 200 OK
	// X-Worker: test
}

// running starts Caddy with the configuration. The test binary plays the part of
// "php worker.php".
func running(config string) (client *http.Client, end func()) {
	dir, err := os.MkdirTemp("", "php_worker-example-")
	must(err)
	must(os.Setenv("EXAMPLE", dir))
	must(os.Setenv("MODULE_TEST_WORKER", "1"))
	var parsed map[string]any
	must(json.Unmarshal([]byte(config), &parsed))
	at := parsed["apps"].(map[string]any)["http"].(map[string]any)["servers"].(map[string]any)["site"].(map[string]any)
	at["routes"].([]any)[0].(map[string]any)["handle"].([]any)[0].(map[string]any)["php"] = os.Args[0]
	encoded, err := json.Marshal(parsed)
	must(err)
	must(caddy.Load(encoded, true))
	client = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "site.sock"))
		},
	}}
	return client, func() {
		client.CloseIdleConnections()
		must(caddy.Stop())
		must(os.Unsetenv("MODULE_TEST_WORKER"))
		must(os.RemoveAll(dir))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
