package exchange

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/phpworker/caddy-php-worker/module/classic"
	"github.com/phpworker/caddy-php-worker/workerpool/fastcgi"
)

// ReadClassic is Read for a process that runs the script for this one request, as PHP-FPM does, and is spoken to over
// FastCGI. PHP gets the body as it came, whatever the method: forms and uploads are its own matter. Of o, neither
// the limits of forms nor what uploads may be counts.
//
// Errors are those of Read, but for those of forms.
func ReadClassic(w http.ResponseWriter, r *http.Request, info Info, script classic.Script, o *Options) (_ *Request, err error) {
	if err := checkMethod(r.Method); err != nil {
		return nil, unreadError{BadRequestError{err}}
	}
	told, err := tell(r, info)
	if err != nil {
		return nil, unreadError{BadRequestError{err}}
	}
	told.Script, told.Software = script, o.Software
	q, err := o.newRequest()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			q.Close()
		}
	}()
	if err := o.readRaw(w, r, q); err != nil {
		return nil, err
	}
	body := len(*q.buf) // where it is in memory
	told.BodySize = max(q.body.size, int64(body))
	q.BodySize = told.BodySize
	if told.BodySize == 0 && len(r.Header["Content-Length"]) == 0 && len(r.TransferEncoding) == 0 {
		told.BodySize = -1 // nothing was announced
	}
	buf := told.Append(fastcgi.BeginRequest(*q.buf), fastcgi.AppendParam)
	if buf, err = fastcgi.FinishRequest(buf, body); err != nil {
		return nil, BadRequestError{err}
	}
	if err := q.keep(buf, q.mem.takeHead); err != nil {
		return nil, err
	}
	q.Frame, q.told = buf[body:], told
	switch {
	case q.body.file != nil:
		q.lent = &lentBody{from: q.body.file}
	case body > 0:
		q.lent = &lentBody{from: bytes.NewReader(buf[:body])}
	}
	if q.lent != nil { // a nil one would be no nil interface
		q.Body = q.lent
	}
	q.Repeatable = repeatable(r.Method)
	return q, nil
}

// Anew is the Frame of a request that ReadClassic has read for another script. The Frame stays as it is.
//
// Its error is a [BadRequestError].
func (q *Request) Anew(script classic.Script) ([]byte, error) {
	told := *q.told
	told.Script = script
	frame, err := fastcgi.FinishRequest(told.Append(fastcgi.BeginRequest(nil), fastcgi.AppendParam), 0)
	if err != nil {
		return nil, BadRequestError{err}
	}
	return frame, nil
}

// readRaw reads the body, if there is one, behind the buffer's end or into a file.
func (o *Options) readRaw(w http.ResponseWriter, r *http.Request, q *Request) error {
	if r.Body == nil || r.ContentLength == 0 || r.Body == http.NoBody {
		return nil
	}
	if r.ContentLength > o.MaxBody {
		return unreadError{ErrBodyTooLarge}
	}
	return o.bodyBuffer(q).readFrom(http.MaxBytesReader(w, r.Body, o.MaxBody), r.ContentLength)
}

// tell is what PHP is told of the request, but for script and body. nginx, too, refuses a host that is none.
func tell(r *http.Request, info Info) (*classic.Request, error) {
	t := &classic.Request{
		Method: r.Method, Protocol: r.Proto, Query: r.URL.RawQuery, Scheme: schemeOf(r, info.Trusted),
		Host: r.Host, User: info.User, Header: r.Header, RemoteAddr: clientIP(r, info.IP),
	}
	peer, port, _ := net.SplitHostPort(r.RemoteAddr)
	if peer, _, _ = strings.Cut(peer, "%"); peer == t.RemoteAddr {
		t.RemotePort = port
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if ip, port, err := net.SplitHostPort(addr.String()); err == nil {
			t.ServerAddr, _, _ = strings.Cut(ip, "%")
			t.ServerPort = port
		}
	}
	hostPort := ""
	if r.Host == "" { // HTTP/1.0 needs none
		t.ServerName = t.ServerAddr
	} else {
		if err := checkHost(r.Host); err != nil {
			return nil, err
		}
		t.ServerName, hostPort = splitHost(strings.ToLower(r.Host))
	}
	if told := t.Scheme == "https"; told != (r.TLS != nil) || t.ServerPort == "" { // the port is another server's, or there is none
		switch {
		case hostPort != "":
			t.ServerPort = hostPort
		case told:
			t.ServerPort = "443"
		default:
			t.ServerPort = "80"
		}
	}
	t.URI = requestURI(info.URI, cmp.Or(info.Seen, r.URL))
	return t, nil
}

// splitHost splits a host that checkHost has accepted; an IPv6 address keeps its brackets.
func splitHost(host string) (name, port string) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i], host[i+1:]
	}
	return host, ""
}

// requestURI is the path and the query as the client has sent them: sent, unless that is an absolute URI or an asterisk.
func requestURI(sent string, u *url.URL) string {
	if strings.HasPrefix(sent, "/") {
		return sent
	}
	uri := "/" + strings.TrimLeft(escapedPath(u), "/*")
	if u.RawQuery != "" || u.ForceQuery {
		uri += "?" + u.RawQuery
	}
	return uri
}

// lentBody is a body that the worker's link may read, in a goroutine of its own, while the answer is passed on.
type lentBody struct {
	mu   sync.Mutex
	from io.ReadSeeker
	over bool
}

var errBodyOver = fmt.Errorf("the request is over: %w", net.ErrClosed)

// Read implements io.Reader.
func (b *lentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errBodyOver
	}
	return b.from.Read(p)
}

// Seek implements io.Seeker.
func (b *lentBody) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errBodyOver
	}
	return b.from.Seek(offset, whence)
}

// end takes the body back.
func (b *lentBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}
