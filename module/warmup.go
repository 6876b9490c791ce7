package module

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// warmup builds the request that new workers must answer. Frameworks that boot
// with the first request, such as Laravel Octane, boot with this one.
func warmup(uri string, codec goridge.Flags) (*workerpool.Warmup, error) {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, fmt.Errorf("warmup: %q is no URI: it looks like /up or https://example.com/up", uri)
	}
	if u.Host == "" {
		u.Scheme, u.Host = "http", "localhost"
	}
	if err := checkHost(u.Host); err != nil {
		return nil, fmt.Errorf("warmup: %w", err)
	}
	ctx := httpctx.Request{
		RemoteAddr: "127.0.0.1",
		Protocol:   "HTTP/1.1",
		Method:     http.MethodGet,
		URI:        u.String(),
		RawQuery:   u.RawQuery,
		Host:       u.Host,
		Header:     http.Header{"User-Agent": {"php_worker-warmup"}},
	}
	buf := goridge.BeginRequest(nil)
	start := len(buf)
	if codec == goridge.CodecProto {
		buf = httpctx.AppendProto(buf, &ctx)
	} else {
		buf = httpctx.AppendJSON(buf, &ctx)
	}
	goridge.FinishRequest(buf, 0, codec, len(buf)-start, 0)
	return &workerpool.Warmup{
		Request: workerpool.Request{Frame: buf[:len(buf):len(buf)]},
		Check: func(f *goridge.Frame) error {
			var head httpctx.Response
			if err := decodeHead(&head, f); err != nil {
				return err
			}
			if head.Status >= 500 {
				return fmt.Errorf("the answer to %s has status %d", uri, head.Status)
			}
			return nil
		},
	}, nil
}
