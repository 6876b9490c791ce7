package module

import (
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// request is an HTTP request made ready for a worker: its frame, and the files
// that must live until the answer is complete.
type request struct {
	exec *workerpool.Request
	buf  *[]byte
	form *form.Form
	body spooled
	// folder holds the files; nil where there is none.
	folder *workerpool.Folder
}

// close gives everything back.
func (q *request) close() {
	if q.form != nil {
		_ = q.form.Remove()
	}
	q.body.close()
	q.leaveFolder()
	if q.buf != nil {
		putBuffer(q.buf)
	}
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// maxKeptBuffer is the largest buffer, in bytes, that waits for another request.
const maxKeptBuffer = 2 << 20

func putBuffer(b *[]byte) {
	if cap(*b) <= maxKeptBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

// badRequest is a request that no worker must see.
type badRequest struct{ err error }

func (e badRequest) Error() string { return e.err.Error() }
func (e badRequest) Unwrap() error { return e.err }

// newRequest reads the request, body included, and encodes it. No worker is
// taken meanwhile, so a slow upload costs none.
func (h *Handler) newRequest(w http.ResponseWriter, r *http.Request) (_ *request, err error) {
	uri, err := absoluteURI(r)
	if err != nil {
		return nil, beforeBody{badRequest{err}}
	}
	q := &request{buf: buffers.Get().(*[]byte)}
	defer func() {
		if err != nil {
			q.close()
		}
	}()
	ctx := httpctx.Request{
		RemoteAddr: clientIP(r),
		Protocol:   r.Proto,
		Method:     r.Method,
		URI:        uri.text,
		RawQuery:   r.URL.RawQuery,
		Host:       uri.host,
		Header:     r.Header,
		Cookies:    cookies(r),
		Attributes: h.attributes(r),
	}
	parsed, raw, err := h.readBody(w, r, q, &ctx)
	if err != nil {
		return nil, err
	}
	buf := goridge.BeginRequest((*q.buf)[:0])
	start := len(buf)
	if h.pool.codec == goridge.CodecProto {
		buf = httpctx.AppendProto(buf, &ctx)
	} else {
		buf = httpctx.AppendJSON(buf, &ctx)
	}
	contextLen := len(buf) - start
	bodyStart := len(buf)
	buf = append(buf, parsed...)
	if raw != nil {
		buf, err = h.appendRaw(buf, raw, r.ContentLength, q)
	}
	*q.buf = buf
	if err != nil {
		return nil, err
	}
	size := q.body.size
	if q.body.file == nil {
		size = int64(len(buf) - bodyStart)
	}
	goridge.FinishRequest(buf, 0, h.pool.codec, contextLen, int(size))
	q.exec = &workerpool.Request{
		Frame:      buf,
		BodySize:   size,
		Repeatable: r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions,
	}
	if q.body.file != nil {
		q.exec.Body = q.body.file
	}
	return q, nil
}

// target is the request's URI as PHP shall see it.
type target struct{ text, host string }

// absoluteURI builds the URI and refuses what PHP's parse_url, and with it the
// PSR-7 libraries, would choke on: their exception ends the worker, so that a
// single request from anywhere could do it.
func absoluteURI(r *http.Request) (target, error) {
	host, scheme := r.Host, "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		switch proto := lastElement(r.Header["X-Forwarded-Proto"]); strings.ToLower(proto) {
		case "http", "https":
			scheme = strings.ToLower(proto)
		}
		if forwarded := lastElement(r.Header["X-Forwarded-Host"]); forwarded != "" {
			host = forwarded
		}
	}
	if host == "" && !r.ProtoAtLeast(1, 1) { // HTTP/1.0 needs none
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = addr.String()
		}
	}
	if err := checkHost(host); err != nil {
		return target{}, err
	}
	path := escapedPath(r.URL)
	switch {
	case strings.IndexByte(r.URL.Path, 0) >= 0:
		return target{}, errors.New("the path has a NUL byte")
	case !strings.HasPrefix(path, "/"): // "*", or a URI without a path
		path = "/" + strings.TrimPrefix(path, "*")
	}
	text := scheme + "://" + host + path
	if r.URL.RawQuery != "" {
		text += "?" + r.URL.RawQuery
	}
	return target{text, host}, nil
}

// escapedPath is the path as it was sent, but for bytes that no URI has: those are
// percent-encoded. [url.URL.EscapedPath] would encode the whole path anew then, and
// lose the difference between a slash and an encoded one.
func escapedPath(u *url.URL) string {
	sent, err := url.PathUnescape(u.RawPath)
	if u.RawPath == "" || err != nil || sent != u.Path { // nobody has rewritten it
		return u.EscapedPath()
	}
	odd := func(c byte) bool { return c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>?\\^`{|}", c) >= 0 }
	var b strings.Builder
	for i := range len(u.RawPath) {
		if c := u.RawPath[i]; odd(c) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// lastElement is what the nearest proxy has added to a list, which may have
// come in several lines.
func lastElement(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	list := lines[len(lines)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// checkHost accepts names, IPv4 addresses and IPv6 addresses in brackets, with
// or without a port from 1 to 65535.
func checkHost(host string) error {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if !validPort(port) {
			return fmt.Errorf("the host %q has a bad port", host)
		}
	}
	if literal, ok := strings.CutPrefix(name, "["); ok {
		literal, ok = strings.CutSuffix(literal, "]")
		if ip := net.ParseIP(literal); !ok || ip == nil || !strings.Contains(literal, ":") {
			return fmt.Errorf("the host %q is no address", host)
		}
		return nil
	}
	if name == "" || len(name) > 255 {
		return errors.New("the host is missing or too long")
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return fmt.Errorf("the host %q has a character that no host has", host)
		}
	}
	return nil
}

func validPort(port string) bool {
	n := 0
	for i := range len(port) {
		c := port[i]
		if c < '0' || c > '9' || i == 5 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return 0 < n && n < 1<<16
}

// clientIP is the client's address, behind trusted proxies the one they tell.
func clientIP(r *http.Request) string {
	ip, ok := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	if !ok || ip == "" {
		var err error
		if ip, _, err = net.SplitHostPort(r.RemoteAddr); err != nil {
			return ""
		}
	}
	address, _, _ := strings.Cut(ip, "%") // a zone means nothing to PHP
	return address
}

func cookies(r *http.Request) []httpctx.Pair {
	header := r.Header["Cookie"]
	if len(header) == 0 {
		return nil
	}
	parsed := form.ParseCookies(header)
	pairs := make([]httpctx.Pair, len(parsed))
	for i, c := range parsed {
		pairs[i] = httpctx.Pair{Name: c.Name, Value: c.Value}
	}
	return pairs
}

func (h *Handler) attributes(r *http.Request) []httpctx.Pair {
	if len(h.Attributes) == 0 {
		return nil
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	pairs := make([]httpctx.Pair, len(h.Attributes))
	for i, a := range h.Attributes {
		pairs[i] = httpctx.Pair{Name: a.Name, Value: repl.ReplaceAll(a.Value, "")}
	}
	return pairs
}

// bodyKind says how a body reaches PHP.
type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodyRaw
	bodyURLEncoded
	bodyMultipart
)

// kindOf decides by method and media type, as RoadRunner does: HEAD and OPTIONS
// have no body. Forms are parsed for every method that can carry one, unlike
// there: with DELETE the fields would be lost.
func (h *Handler) kindOf(r *http.Request) bodyKind {
	switch {
	case r.Method == http.MethodHead, r.Method == http.MethodOptions, r.Body == nil:
		return bodyNone
	case h.RawBody, r.Method == http.MethodGet:
		return bodyRaw
	}
	contentType := r.Header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil { // PHP looks at the part before the first separator only
		kind = strings.ToLower(strings.TrimSpace(contentType[:strings.IndexAny(contentType+";", ";, ")]))
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return bodyURLEncoded
	case "multipart/form-data":
		return bodyMultipart
	}
	return bodyRaw
}
