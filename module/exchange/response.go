package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

var responses = sync.Pool{New: func() any { return new(httpctx.Response) }}

// Write passes a worker's answer on, and ends its turn, if need be in the background. Of the
// turn nothing may be used afterwards.
//
// An error comes before anything but informational answers has been sent: an [*AnswerError], a
// [*FileError], [ErrNoMemory] for the head, what the turn has returned, or the error of the request's context. When the answer
// breaks off later, Write panics with http.ErrAbortHandler, so that the client can tell.
func Write(w http.ResponseWriter, r *http.Request, a Answer, o *Options) error {
	mem := holding{budget: o.Memory.Budget}
	defer mem.giveAll()
	empty, err := o.write(w, r, a, &mem)
	if err != nil {
		return err
	}
	if mem.n > smallHead {
		sendNow(w, empty) // nobody counts the head any more when we have returned
	}
	return nil
}

// write does what Write does, and reports whether the answer has no body. mem is what the head holds.
func (o *Options) write(w http.ResponseWriter, r *http.Request, a Answer, mem *holding) (empty bool, err error) {
	discarded := false
	defer func() {
		if !discarded {
			a.Close()
		}
	}()
	head := responses.Get().(*httpctx.Response)
	defer func() {
		head.Reset()
		responses.Put(head)
	}()
	if err := o.readHead(w, r, head, a, mem); err != nil {
		if discarded = !errors.Is(err, errEndlessHints); discarded {
			o.discardRest(r, a)
		}
		return false, err
	}
	if len(o.Sendfile) > 0 {
		if name := sendfileName(head); name != "" {
			discarded = true
			o.discardRest(r, a) // the worker is not held while the file is sent
			err := o.sendfile(w, r, head, a.PID, name)
			return bodiless(r, head), err
		}
	}
	if n, ok := announcedLength(head); ok && a.Frame.More() && a.bodySize() > n && !bodiless(r, head) {
		discarded = true
		o.discardRest(r, a)
		return false, &AnswerError{a.PID, fmt.Errorf("%w: %w of %d", ErrBadAnswer, errLongerThanAnnounced, n)}
	}
	short := o.fallsShort(head, a)
	o.writeHead(w, r, head, a)
	if bodiless(r, head) {
		discarded = true
		o.discardRest(r, a)
		return true, nil
	}
	p, err := o.answerToFile(a)
	if err != nil {
		o.Observer.BrokeOff(r, a.PID, a.Executed, err)
		return false, abort()
	}
	sent := int64(0)
	if p != nil {
		defer p.close()
		if sent, err = p.copyTo(w); err != nil {
			return false, abort()
		}
	}
	if a.Open() {
		held := o.beginPassing(r, a)
		defer held.tell()
		if o.CGI {
			a = o.readAhead(a, held.end)
		}
		return o.stream(w, r, a, sent)
	}
	if _, err := w.Write(a.Frame.Body()); err != nil {
		return false, abort()
	}
	if short && !isKeptBack(w) { // else another answer may take its place
		o.Observer.BrokeOff(r, a.PID, a.Executed, errShorterThanAnnounced)
		_ = http.NewResponseController(w).Flush() // the client may have what there is
		return false, abort()
	}
	return sent == 0 && a.bodySize() == 0, nil
}

// Bounds of what comes before an answer: an application sends a hint or two.
const (
	// maxInformed is how many informational answers to one request are passed on.
	maxInformed = 100
	// maxInformational is how many may come at all; where nobody waits any more for what
	// follows them, it is maxInformed.
	maxInformational = 1000
)

var (
	errEndlessHints     = errors.New("informational answers without end")
	errTrailersTooLarge = errors.New("more than some 5 KB of trailers")
)

// readHead reads the head of the answer. Informational answers come first: each has its
// own headers, which do not belong to the final one. mem is what the last one holds.
func (o *Options) readHead(w http.ResponseWriter, r *http.Request, head *httpctx.Response, a Answer, mem *holding) error {
	for n := 1; ; n++ {
		mem.giveAll()
		if err := decodeHead(head, a.Frame, o.CGI); err != nil {
			return &AnswerError{a.PID, err}
		}
		if size := sizeOf(head); !mem.takeAnswer(size) {
			return fmt.Errorf("worker %d: a head for which %d bytes are needed: %w", a.PID, size, ErrNoMemory)
		}
		if head.Status < 100 || head.Status > 599 {
			return &AnswerError{a.PID, fmt.Errorf("%w: its status is %d", ErrBadAnswer, head.Status)}
		}
		if head.Status >= 200 {
			if mem.n > smallHead && sizeOfTrailers(head) > smallHead {
				return &AnswerError{a.PID, fmt.Errorf("%w: %w", ErrBadAnswer, errTrailersTooLarge)}
			}
			return nil
		}
		if !a.Open() {
			return &AnswerError{a.PID, fmt.Errorf("%w: nothing followed status %d", ErrBadAnswer, head.Status)}
		}
		gone := r.Context().Err()
		switch {
		case n > maxInformed && gone != nil:
			return fmt.Errorf("%w: %w", errEndlessHints, gone)
		case n > maxInformational:
			return &AnswerError{a.PID, fmt.Errorf("%w: %w", ErrBadAnswer, errEndlessHints)}
		case n == maxInformed+1:
			o.Logger.Warn("dropped informational answers", zap.Int("pid", a.PID), zap.Int("passed", maxInformed), zap.String("uri", r.RequestURI))
		case n <= maxInformed && gone == nil:
			o.sendInformational(w, r, head)
		}
		if _, err := io.Copy(io.Discard, a.Frame); err != nil { // it has no body
			return err
		}
		if err := a.NextHead(); err != nil {
			return err
		}
	}
}

// bodiless says that no body follows the headers, whatever the worker sends.
func bodiless(r *http.Request, head *httpctx.Response) bool {
	return r.Method == http.MethodHead || emptyStatus(head.Status)
}

// emptyStatus says that answers of the status have no body.
func emptyStatus(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// announcedLength is the length that the worker announces, if it is one.
func announcedLength(head *httpctx.Response) (n int64, ok bool) {
	for _, p := range head.Header {
		if p.Name == "Content-Length" {
			u, err := strconv.ParseUint(p.Value, 10, 63)
			n, ok = int64(u), err == nil
		}
	}
	return n, ok
}

// decodeHead reads the context: the lines of a CGI answer, or what the codec that the frame names has
// made. The names of the headers become canonical.
func decodeHead(head *httpctx.Response, f *goridge.Frame, cgi bool) (err error) {
	head.Reset()
	if cgi {
		err = head.DecodeCGI(f.Context())
	} else {
		err = codecOf(f).Decode(head, f.Context())
	}
	for i := range head.Header {
		name := &head.Header[i].Name
		*name = textproto.CanonicalMIMEHeaderKey(*name)
	}
	return err
}

// sendInformational sends an informational response, such as 103 Early Hints, and takes its
// headers back. 101 would hand the connection over, which PHP cannot take.
// A client of HTTP/1.0 knows none (RFC 9110, 15.2).
func (o *Options) sendInformational(w http.ResponseWriter, r *http.Request, head *httpctx.Response) {
	if !r.ProtoAtLeast(1, 1) {
		return
	}
	if head.Status == http.StatusSwitchingProtocols {
		o.Logger.Warn("ignored status 101: a worker cannot switch protocols")
		return
	}
	header := w.Header()
	own := header.Clone()
	clear(header)
	for _, p := range head.Header {
		if allowedHeader(p.Name, p.Value) {
			header.Add(p.Name, p.Value)
		}
	}
	w.WriteHeader(head.Status)
	clear(header)
	for name, values := range own {
		header[name] = values
	}
}

// fallsShort says that a whole answer has less than PHP has announced: a script has ended within it, as with a fatal error in a download.
// An answer in a frame of its own a worker gives when it has all of it; one of CGI is in one frame because PHP has not paused.
func (o *Options) fallsShort(head *httpctx.Response, a Answer) bool {
	n, announced := announcedLength(head)
	return o.CGI && announced && !a.Frame.More() && a.bodySize() < n
}

// Lies about Content-Length in a stream, and in an answer of CGI.
var (
	errShorterThanAnnounced = errors.New("the stream is shorter than its Content-Length")
	errLongerThanAnnounced  = errors.New("the stream is longer than its Content-Length")
)

// stream passes on an answer of several frames, or one too large to be read at once, as it
// comes; size bytes of it have been passed on already. It reports whether that was nothing. The worker is asked to stop when the
// client goes away.
func (o *Options) stream(w http.ResponseWriter, r *http.Request, a Answer, size int64) (empty bool, err error) {
	stillThere := context.AfterFunc(r.Context(), a.Cancel)
	defer stillThere()
	flusher := http.NewResponseController(w)
	begin := time.Now()
	for {
		more := a.Frame.More()
		n, err := w.Write(a.Frame.Body())
		size += int64(n)
		if err == nil && a.Frame.Rest() > 0 {
			var n int64
			n, err = io.Copy(w, a.Frame)
			size += n
		}
		if err != nil {
			if errors.Is(err, http.ErrContentLength) {
				o.Observer.BrokeOff(r, a.PID, a.Executed+time.Since(begin), errLongerThanAnnounced)
			}
			return false, abort()
		}
		if more {
			if err := flusher.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return false, abort()
			}
		}
		switch err := a.Next(); {
		case err == io.EOF && a.Cut():
			// Asked to stop, the worker has ended the stream as if it were whole. Who
			// has only closed its sending half is still reading.
			return false, abort()
		case err == io.EOF:
			// Where encode has changed the body, it has taken the length out.
			if announced := w.Header().Get("Content-Length"); announced != "" && announced != strconv.FormatInt(size, 10) {
				o.Observer.BrokeOff(r, a.PID, a.Executed+time.Since(begin), errShorterThanAnnounced)
				return false, abort()
			}
			return size == 0, nil
		case err != nil:
			o.Observer.BrokeOff(r, a.PID, a.Executed+time.Since(begin), err)
			return false, abort()
		}
	}
}

// passing is the time for which an answer holds its worker while it is passed on.
type passing struct {
	observer Observer
	request  *http.Request
	executed time.Duration
	begin    time.Time
	over     func() time.Time
}

// beginPassing begins that time.
func (o *Options) beginPassing(r *http.Request, a Answer) passing {
	begin, end := time.Now(), o.Observer.Stream()
	return passing{o.Observer, r, a.Executed, begin, sync.OnceValue(func() time.Time {
		end()
		return time.Now()
	})}
}

// end ends it, once. It is safe for concurrent use.
func (p passing) end() { p.over() }

// tell ends it, and tells how long it was.
func (p passing) tell() { p.observer.Held(p.request, p.executed+p.over().Sub(p.begin)) }

// Bounds of what is read of an answer that nobody gets. An application that does not
// expect its stream to be stopped loses its worker by it, so it may finish what ends of
// itself, as it may with RoadRunner; what does not must not hold a worker for long.
const (
	discardTime  = 10 * time.Second
	discardBytes = 16 << 20 // milliseconds of work, and a large page or export
)

// discardRest ends the turn of an answer whose rest nobody gets: HEAD, 204, 304 and errors have
// none. A stream is read to its end, in the background, for a client may not wait for it;
// beyond the bounds it is stopped. Of the turn only the PID may be used afterwards.
func (o *Options) discardRest(r *http.Request, a Answer) {
	if !a.Open() || !a.Frame.More() { // one long frame has been made already
		a.Close()
		return
	}
	begin := time.Now()
	late := time.AfterFunc(discardTime, a.Cancel)
	go func() {
		defer late.Stop()
		defer a.Close()
		for size := a.bodySize(); size <= discardBytes; size += a.bodySize() {
			if _, err := io.Copy(io.Discard, a.Frame); err != nil {
				return
			}
			switch err := a.Next(); {
			case err == io.EOF:
				return
			case err != nil:
				o.Observer.BrokeOff(r, a.PID, a.Executed+time.Since(begin), err)
				return
			}
		}
	}()
}

// abort ends the connection, or the stream of HTTP/2 and 3, so that the client can
// tell a broken answer from a whole one.
func abort() error { panic(http.ErrAbortHandler) }
