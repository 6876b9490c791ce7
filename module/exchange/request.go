package exchange

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/classic"
	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// Info is what a server knows of a request besides the request itself.
type Info struct {
	// IP is the client's address, behind trusted proxies the one they tell. "": that
	// of the connection.
	IP string
	// Trusted says that X-Forwarded-Proto and X-Forwarded-Host are from a trusted
	// proxy.
	Trusted bool
	// Seen is the URL whose path and query PHP sees as the request's URI. nil: the
	// request's own. The query parameters are always those of the request's own.
	Seen *url.URL
	// Attributes are the request attributes of PSR-7.
	Attributes []httpctx.Pair
	// URI is the request's target as it was sent, for ReadClassic; one that is no path is made of Seen.
	URI string
	// User is the user that the server has authenticated, for ReadClassic. "": nobody.
	User string
}

// Request is an HTTP request made ready for a worker: its frame, and the files
// that must live until the answer is complete. It is for one goroutine.
type Request struct {
	// Frame is the beginning of the request's frame, as goridge.FinishRequest leaves it; the
	// whole of it unless there is a Body. It may be used until Sent.
	Frame []byte
	// Body follows the frame; nil where the frame has the body. It may be used until Sent.
	Body io.ReadSeeker
	// BodySize is the size of the body in bytes, wherever it is.
	BodySize int64
	// Repeatable says that the method allows a second try, after a worker may have begun with
	// the request.
	Repeatable bool

	ctx  httpctx.Request  // as long as it is being encoded
	told *classic.Request // of ReadClassic
	buf  *[]byte
	lent *lentBody // the Body, where the worker may still read it while it answers
	form *form.Form
	body spooled
	// folder holds the files; nil where there is none.
	folder *tempdir.Dir

	// mem is all that it holds in memory: booked is the buffer, formSize the form.
	mem              holding
	booked, formSize int64
	parsing          chan struct{} // where it has a place among the large forms
}

// Sent gives back what only the worker needs, which has read it by the time that its answer begins. Who
// answers before has it until Close, or until all of its answer is there (whole).
func (q *Request) Sent(whole bool) {
	if q.lent == nil || whole {
		q.forget()
	}
}

func (q *Request) forget() {
	if q.lent != nil {
		q.lent.end()
	}
	q.body.close()
	q.releaseBuffer()
}

// Close gives everything back. It is called once the answer is complete.
func (q *Request) Close() {
	q.releaseForm()
	if q.form != nil {
		_ = q.form.Remove()
	}
	q.forget()
	q.closeFolder()
	q.mem.giveAll()
}

// Read reads the request, body included, and encodes it. No worker is taken
// meanwhile, so a slow upload costs none. The caller closes the request. If there is an error,
// [Drain] comes next.
//
// Errors: [BadRequestError], [BodyError], [ErrBodyTooLarge], [ErrNoMemory], form.ErrTooLarge
// and form.ErrTooManyFiles, the cause of the request's context; any other is a failure of
// this machine.
func Read(w http.ResponseWriter, r *http.Request, info Info, o *Options) (_ *Request, err error) {
	if err := checkMethod(r.Method); err != nil {
		return nil, unreadError{BadRequestError{err}}
	}
	query := form.Query(r.URL.RawQuery, o.Forms.Limits)
	// The URI has no more either: nyholm/psr7 from 1.6 on parses the query of that.
	seen, seenQuery := info.Seen, query
	if seen == nil {
		seen = r.URL
	}
	if seen.RawQuery != r.URL.RawQuery {
		seenQuery = form.Query(seen.RawQuery, o.Forms.Limits)
	}
	uri, err := absoluteURI(r, info.Trusted, seen, seenQuery)
	if err != nil {
		return nil, unreadError{BadRequestError{err}}
	}
	q, err := o.newRequest()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			q.Close()
		}
	}()
	q.ctx = httpctx.Request{
		RemoteAddr: clientIP(r, info.IP),
		Protocol:   r.Proto,
		Method:     r.Method,
		URI:        uri.text,
		RawQuery:   query,
		Host:       uri.host,
		Header:     r.Header,
		Cookies:    form.ParseCookies(r.Header["Cookie"]),
		Attributes: info.Attributes,
	}
	fields, raw, err := o.readBody(w, r, q)
	if err != nil {
		return nil, err
	}
	buf := goridge.BeginRequest(*q.buf)
	start := len(buf)
	buf = o.Codec.Append(buf, &q.ctx)
	q.ctx = httpctx.Request{}
	contextLen := len(buf) - start
	if err := q.keep(buf, q.mem.takeHead); err != nil {
		return nil, err
	}
	head := len(buf)
	switch {
	case fields != nil:
		err = o.appendForm(q, fields)
	case raw != nil:
		err = o.bodyBuffer(q).readFrom(raw, r.ContentLength)
	}
	if err != nil {
		return nil, err
	}
	q.BodySize = int64(len(*q.buf) - head)
	if q.body.file != nil {
		q.Body, q.BodySize = q.body.file, q.body.size
	}
	goridge.FinishRequest(*q.buf, 0, o.Codec.Flags(), contextLen, int(q.BodySize))
	q.Frame = *q.buf
	q.Repeatable = repeatable(r.Method)
	return q, nil
}

// newRequest returns a request with a buffer.
func (o *Options) newRequest() (*Request, error) {
	q := &Request{buf: buffers.Get().(*[]byte), mem: holding{budget: o.Memory.Budget}}
	if err := q.keep(*q.buf, q.mem.takeHead); err != nil {
		q.Close()
		return nil, unreadError{err}
	}
	return q, nil
}

// repeatable reports whether a request of this method may be carried out twice.
func repeatable(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// checkMethod accepts the tokens of RFC 9110 that PSR-7 libraries take for a
// method. Over HTTP/1 net/http has refused all others; over HTTP/2 and 3 nobody
// has. To guzzlehttp/psr7 "0" is empty, so it throws.
func checkMethod(method string) error {
	if method == "0" {
		return errors.New("0 is no method")
	}
	for i := range len(method) {
		switch c := method[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return fmt.Errorf("the method %q has a character that no method has", method)
		}
	}
	return nil
}

// clientIP is the client's address as PHP gets it: told, or that of the connection.
func clientIP(r *http.Request, told string) string {
	if told == "" {
		var err error
		if told, _, err = net.SplitHostPort(r.RemoteAddr); err != nil {
			return ""
		}
	}
	address, _, _ := strings.Cut(told, "%") // a zone means nothing to PHP
	return address
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
func (o *Options) kindOf(r *http.Request) bodyKind {
	switch {
	case r.Method == http.MethodHead, r.Method == http.MethodOptions, r.Body == nil:
		return bodyNone
	case o.RawBody, r.Method == http.MethodGet:
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
