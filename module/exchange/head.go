package exchange

import (
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// hopByHop headers are about one connection (RFC 9110, 7.6.1), and the server
// pushes nothing any more.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "Te", "Http2-Push":
		return true
	}
	return false
}

// allowedHeader says whether a header can be sent. As PHP's own header() does, one that
// would break out of its line is dropped whole.
func allowedHeader(name, value string) bool {
	return !hopByHop(name) && httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

// What a head costs, in bytes. Its frame is counted by itself.
const (
	// headerOverhead is what a header takes in memory beside its name and its value: it stands in our list
	// and in net/http's map.
	headerOverhead = 300
	// headerCopies is how often name and value are there at most: as text, and with HTTP/2 and 3 encoded
	// twice, in buffers that have grown.
	headerCopies = 4
	// smallHead is how much the head of an answer may hold that is always passed on, and how much all
	// trailers: some 5 KB in 40 headers. nginx takes 4 or 8 KB unless it is told otherwise.
	smallHead = 32 << 10
)

// sizeOf is what a decoded head holds in memory at most until its answer has been sent.
func sizeOf(head *httpctx.Response) (n int64) {
	for _, p := range head.Header {
		n += sizeOfHeader(p)
	}
	return n
}

// sizeOfTrailers is how much of that is for trailers. They are sent when nobody counts them any more.
func sizeOfTrailers(head *httpctx.Response) (n int64) {
	names := trailerNames(head)
	for _, p := range head.Header {
		if names[p.Name] {
			n += sizeOfHeader(p)
		}
	}
	return n
}

func sizeOfHeader(p httpctx.Pair) int64 {
	return headerCopies*int64(len(p.Name)+len(p.Value)) + headerOverhead
}

// writeHead sends status and headers.
func (o *Options) writeHead(w http.ResponseWriter, r *http.Request, head *httpctx.Response, a Answer) {
	trailers := o.copyHeaders(w, r, head, a.PID)
	o.setLength(w, r, head, a, trailers)
	if header := w.Header(); len(header["Content-Type"]) == 0 && a.hasBody() {
		header["Content-Type"] = defaultContentType
	}
	o.Observer.Status(head.Status)
	writeStatus(w, head.Status)
}

// writeStatus sends status and headers. Where a handler before us keeps the
// answer back, to replace it perhaps (intercept), the length must not stay: the
// headers do, and it is wrong for any other body.
func writeStatus(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	if isKeptBack(w) {
		w.Header().Del("Content-Length")
	}
}

// sendNow has the server send what it would otherwise send when we have returned: an answer with a short
// body, or none. The head of an empty one is kept until then by encode, too, which sends it when it is closed. Who has had
// a body must not be: whoever has made it closes it again, and may have more for it.
func sendNow(w http.ResponseWriter, empty bool) {
	if isKeptBack(w) {
		return
	}
	for next := w; empty && next != nil; next = wrapped(next) {
		if c, ok := next.(io.Closer); ok {
			_ = c.Close()
		}
	}
	_ = http.NewResponseController(w).Flush()
}

// isKeptBack says that a handler before us keeps the whole answer.
func isKeptBack(w http.ResponseWriter) bool {
	for next := w; next != nil; next = wrapped(next) {
		if b, ok := next.(interface{ Buffered() bool }); ok && b.Buffered() {
			return true
		}
	}
	return false
}

// wrapped is the writer that w wraps, nil where w is the server's.
func wrapped(w http.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	return nil
}

// copyHeaders takes over the worker's headers, but for Content-Length, and reports whether
// there are trailers; of head it takes out those that cannot be sent. What PHP says replaces what stood there before, as its header()
// would; lists grow.
func (o *Options) copyHeaders(w http.ResponseWriter, r *http.Request, head *httpctx.Response, pid int) (hasTrailers bool) {
	header := w.Header()
	trailers := trailerNames(head)
	var bad httpctx.Pair
	dropped := 0
	for i := range head.Header {
		p := &head.Header[i]
		switch {
		case p.Name == "Trailer":
			*p = httpctx.Pair{}
		case !allowedHeader(p.Name, p.Value):
			if !hopByHop(p.Name) {
				if dropped++; dropped == 1 {
					bad = *p
				}
			}
			*p = httpctx.Pair{}
		case !listHeader(p.Name) && !trailers[p.Name]:
			delete(header, p.Name)
		}
	}
	if dropped > 0 {
		o.Logger.Warn("dropped a header that HTTP does not allow", zap.Int("pid", pid), zap.Int("dropped", dropped),
			zap.String("name", shortened(bad.Name)), zap.String("value", shortened(bad.Value)), zap.String("uri", r.RequestURI))
	}
	for _, p := range head.Header {
		switch {
		case p.Name == "", p.Name == "Content-Length":
		case trailers[p.Name]:
			header.Add(http.TrailerPrefix+p.Name, p.Value)
		default:
			header[p.Name] = append(header[p.Name], p.Value)
		}
	}
	return len(trailers) > 0
}

// shortened is as much of s as belongs in a log line, as a Go string in quotes: with nothing that a
// terminal would obey.
func shortened(s string) string { return strconv.Quote(s[:min(len(s), 200)]) }

// defaultContentType is PHP's, whose applications rely on it; net/http would
// guess from the body.
var defaultContentType = []string{"text/html; charset=UTF-8"}

func listHeader(name string) bool {
	switch name {
	case "Set-Cookie", "Vary", "Link":
		return true
	}
	return false
}

// setLength announces the length where it is known. The worker's word counts
// only where we cannot know better: in a stream, for HEAD, and where the answer falls short of it.
func (o *Options) setLength(w http.ResponseWriter, r *http.Request, head *httpctx.Response, a Answer, trailers bool) {
	header := w.Header()
	header.Del("Content-Length")
	if emptyStatus(head.Status) {
		return
	}
	size := a.bodySize()
	switch {
	case a.Frame.More() || r.Method == http.MethodHead && size == 0 || o.fallsShort(head, a):
		if n, ok := announcedLength(head); ok {
			header["Content-Length"] = []string{strconv.FormatInt(n, 10)}
		}
	case trailers: // they need a chunked body in HTTP/1.1
	default:
		header["Content-Length"] = []string{strconv.FormatInt(size, 10)}
	}
}

// trailerNames are the headers that the worker wants sent after the body.
func trailerNames(head *httpctx.Response) map[string]bool {
	var names map[string]bool
	for _, p := range head.Header {
		if p.Name != "Trailer" {
			continue
		}
		for name := range strings.SplitSeq(p.Value, ",") {
			if name = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)); httpguts.ValidTrailerHeader(name) {
				if names == nil {
					names = make(map[string]bool)
				}
				names[name] = true
			}
		}
	}
	return names
}
