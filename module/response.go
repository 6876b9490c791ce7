package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

var responses = sync.Pool{New: func() any { return new(httpctx.Response) }}

// respond passes a worker's answer on.
func (h *Handler) respond(w http.ResponseWriter, r *http.Request, t *workerpool.Turn) error {
	head := responses.Get().(*httpctx.Response)
	defer func() {
		head.Reset()
		responses.Put(head)
	}()
	// Informational answers first: each has its own headers, which do not
	// belong to the final one.
	for {
		if err := decodeHead(head, &t.Frame); err != nil {
			return h.statusError(w, r, &answerError{t.PID, err})
		}
		if head.Status < 100 || head.Status > 599 {
			return h.statusError(w, r, &answerError{t.PID, fmt.Errorf("%w: its status is %d", errBadAnswer, head.Status)})
		}
		if head.Status >= 200 {
			break
		}
		if !t.Open() {
			return h.statusError(w, r, &answerError{t.PID, fmt.Errorf("%w: nothing followed status %d", errBadAnswer, head.Status)})
		}
		h.inform(w, r, head)
		if err := t.NextHead(); err != nil {
			return h.statusError(w, r, err)
		}
	}
	if len(h.Sendfile) > 0 {
		if name := sendfileName(head); name != "" {
			return h.sendfile(w, r, head, t, name)
		}
	}
	h.writeHead(w, r, head, t)
	bodiless := r.Method == http.MethodHead || head.Status == http.StatusNoContent || head.Status == http.StatusNotModified
	if bodiless {
		return nil
	}
	if !t.Open() {
		if _, err := w.Write(t.Frame.Body()); err != nil {
			return cut()
		}
		return nil
	}
	return h.stream(w, r, t)
}

// answerError is an answer that cannot be passed on.
type answerError struct {
	pid int
	err error
}

func (e *answerError) Error() string { return fmt.Sprintf("worker %d: %v", e.pid, e.err) }
func (e *answerError) Unwrap() error { return e.err }

// decodeHead reads the context with the codec that the frame names. Workers
// before roadrunner-worker 3.6 name none and mean JSON.
func decodeHead(head *httpctx.Response, f *goridge.Frame) error {
	head.Reset()
	if f.Flags.Codec() == goridge.CodecProto {
		return head.DecodeProto(f.Context())
	}
	return head.DecodeJSON(f.Context())
}

// inform sends an informational response, such as 103 Early Hints, and takes its
// headers back. 101 would hand the connection over, which PHP cannot take.
// A client of HTTP/1.0 knows none (RFC 9110, 15.2).
func (h *Handler) inform(w http.ResponseWriter, r *http.Request, head *httpctx.Response) {
	if !r.ProtoAtLeast(1, 1) {
		return
	}
	if head.Status == http.StatusSwitchingProtocols {
		h.logger.Warn("ignored status 101: a worker cannot switch protocols")
		return
	}
	header := w.Header()
	own := header.Clone()
	clear(header)
	for _, p := range head.Header {
		if name := textproto.CanonicalMIMEHeaderKey(p.Name); passes(name, p.Value) {
			header.Add(name, p.Value)
		}
	}
	w.WriteHeader(head.Status)
	clear(header)
	for name, values := range own {
		header[name] = values
	}
}

// hopByHop headers are about one connection (RFC 9110, 7.6.1), and the server
// pushes nothing any more.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "Te", "Http2-Push":
		return true
	}
	return false
}

// passes says whether a header can be sent. As PHP's own header() does, one that
// would break out of its line is dropped whole.
func passes(name, value string) bool {
	return !hopByHop(name) && httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value)
}

// writeHead sends status and headers.
func (h *Handler) writeHead(w http.ResponseWriter, r *http.Request, head *httpctx.Response, t *workerpool.Turn) {
	length, trailers := h.copyHeaders(w, r, head, t)
	h.setLength(w, r, head, t, length, trailers)
	if header := w.Header(); len(header["Content-Type"]) == 0 && hasBody(t) {
		header["Content-Type"] = defaultContentType
	}
	h.pool.ledger.status(head.Status)
	writeStatus(w, head.Status)
}

// writeStatus sends status and headers. Where a handler before us keeps the
// answer back, to replace it perhaps (intercept), the length must not stay: the
// headers do, and it is wrong for any other body.
func writeStatus(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	for next := w; ; {
		if b, ok := next.(interface{ Buffered() bool }); ok && b.Buffered() {
			w.Header().Del("Content-Length")
			return
		}
		wrapper, ok := next.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		next = wrapper.Unwrap()
	}
}

// copyHeaders takes over the worker's headers. It returns the length that the
// worker announced, and whether there are trailers.
func (h *Handler) copyHeaders(w http.ResponseWriter, r *http.Request, head *httpctx.Response, t *workerpool.Turn) (length string, hasTrailers bool) {
	header := w.Header()
	trailers := trailerNames(head)
	for i, p := range head.Header {
		name := textproto.CanonicalMIMEHeaderKey(p.Name)
		switch {
		case name == "Trailer":
			continue
		case !passes(name, p.Value):
			if !hopByHop(name) {
				h.logger.Warn("dropped a header that HTTP does not allow", zap.Int("pid", t.PID),
					zap.String("name", p.Name), zap.String("value", p.Value), zap.String("uri", r.RequestURI))
			}
			continue
		case trailers[name]:
			header.Add(http.TrailerPrefix+name, p.Value)
			continue
		case name == "Content-Length":
			length = p.Value
			continue
		}
		// What PHP says replaces what stood there before, as its header()
		// would; lists grow.
		if !listHeader(name) && first(head.Header[:i], name) {
			header[name] = []string{p.Value}
		} else {
			header[name] = append(header[name], p.Value)
		}
	}
	return length, len(trailers) > 0
}

// defaultContentType is PHP's, whose applications rely on it; net/http would
// guess from the body.
var defaultContentType = []string{"text/html; charset=UTF-8"}

func hasBody(t *workerpool.Turn) bool { return t.Open() || len(t.Frame.Body()) > 0 }

func listHeader(name string) bool {
	switch name {
	case "Set-Cookie", "Vary", "Link":
		return true
	}
	return false
}

// first reports whether no pair before has the name.
func first(before []httpctx.Pair, name string) bool {
	for _, p := range before {
		if textproto.CanonicalMIMEHeaderKey(p.Name) == name {
			return false
		}
	}
	return true
}

// setLength announces the length where it is known. The worker's word counts
// only where we cannot know better: in a stream, and for HEAD.
func (h *Handler) setLength(w http.ResponseWriter, r *http.Request, head *httpctx.Response, t *workerpool.Turn, told string, trailers bool) {
	header := w.Header()
	header.Del("Content-Length")
	if head.Status == http.StatusNoContent || head.Status == http.StatusNotModified {
		return
	}
	size := int64(len(t.Frame.Body())) + t.Frame.Rest()
	switch {
	case t.Frame.More() || r.Method == http.MethodHead && size == 0:
		if n, err := strconv.ParseUint(told, 10, 63); err == nil {
			header["Content-Length"] = []string{strconv.FormatUint(n, 10)}
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
		if !strings.EqualFold(p.Name, "Trailer") {
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

// Lies about Content-Length in a stream.
var (
	errShorterThanTold = errors.New("the stream is shorter than its Content-Length")
	errLongerThanTold  = errors.New("the stream is longer than its Content-Length")
)

// stream passes on an answer of several frames, or one too large to be read at
// once, as it comes. The worker is asked to stop when the client goes away.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, t *workerpool.Turn) error {
	h.pool.ledger.streams.Add(1)
	defer h.pool.ledger.streams.Add(-1)
	stillThere := context.AfterFunc(r.Context(), t.Cancel)
	defer stillThere()
	flusher := http.NewResponseController(w)
	begin := time.Now()
	size := int64(0)
	for {
		more := t.Frame.More()
		n, err := w.Write(t.Frame.Body())
		size += int64(n)
		if err == nil && t.Frame.Rest() > 0 {
			var n int64
			n, err = io.Copy(w, &t.Frame)
			size += n
		}
		if err != nil {
			if errors.Is(err, http.ErrContentLength) {
				h.logBroken(r, t, errLongerThanTold, time.Since(begin))
			}
			return cut()
		}
		if more {
			if err := flusher.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return cut()
			}
		}
		switch err := t.Next(); {
		case err == io.EOF && !stillThere():
			// Asked to stop, the worker has ended the stream as if it were whole. Who
			// has only closed its sending half is still reading.
			return cut()
		case err == io.EOF:
			// Where encode has changed the body, it has taken the length out.
			if told := w.Header().Get("Content-Length"); told != "" && told != strconv.FormatInt(size, 10) {
				h.logBroken(r, t, errShorterThanTold, time.Since(begin))
				return cut()
			}
			return nil
		case err != nil:
			h.logBroken(r, t, err, time.Since(begin))
			return cut()
		}
	}
}

// logBroken tells of an answer that did not come to its end, and what its worker
// said last.
func (h *Handler) logBroken(r *http.Request, t *workerpool.Turn, err error, streamed time.Duration) {
	fields := []zap.Field{zap.Error(err), zap.String("pool", h.pool.name), zap.Int("pid", t.PID),
		zap.String("method", r.Method), zap.String("uri", r.RequestURI), zap.Duration("elapsed", t.Executed+streamed)}
	if lost, ok := errors.AsType[*workerpool.WorkerError](err); ok {
		fields = append(fields, zap.Strings("output", lost.Output))
	}
	h.logger.Error("the answer broke off", fields...)
}

// cut ends the connection, or the stream of HTTP/2 and 3, so that the client can
// tell a broken answer from a whole one.
func cut() error { panic(http.ErrAbortHandler) }
