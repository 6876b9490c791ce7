package exchange

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// Warmup builds the frame of a request that new workers must answer, and the check of the
// answer: an error fails the boot, a remark is a warning. Frameworks that boot with the first
// request, such as Laravel Octane, boot with this one.
func Warmup(uri string, codec Codec) (frame []byte, check func(*goridge.Frame) (remark string, err error), err error) {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, nil, fmt.Errorf("warmup: %q is no URI: it looks like /up or https://example.com/up", uri)
	}
	if u.Host == "" {
		u.Scheme, u.Host = "http", "localhost"
	}
	if err := checkHost(u.Host); err != nil {
		return nil, nil, fmt.Errorf("warmup: %w", err)
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
	buf = codec.Append(buf, &ctx)
	goridge.FinishRequest(buf, 0, codec.Flags(), len(buf)-start, 0)
	check = func(f *goridge.Frame) (remark string, err error) {
		var head httpctx.Response
		if err := decodeHead(&head, f, false); err != nil {
			return "", err
		}
		switch {
		case head.Status == http.StatusServiceUnavailable:
			// Who puts a site into maintenance wants to deploy, and to restart Caddy, all the same.
			return fmt.Sprintf("the answer to %s has status 503; is the application in maintenance?", uri), nil
		case head.Status >= 500:
			return "", fmt.Errorf("the answer to %s has status %d", uri, head.Status)
		}
		return "", nil
	}
	return buf[:len(buf):len(buf)], check, nil
}
