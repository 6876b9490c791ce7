package module

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/phpworker/caddy-php-worker/module/form"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// spooled is a body too large for memory.
type spooled struct {
	file *os.File
	size int64
}

func (s *spooled) close() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name()) // a second time where spool could do it at once
	}
}

// maxURLEncoded is the largest urlencoded form in bytes: its fields are kept in
// memory, several times over while they are encoded for PHP. The values of a
// multipart form have the same bound.
const maxURLEncoded = 16 << 20

var (
	// errBodyTooLarge says that a body exceeds max_body.
	errBodyTooLarge = errors.New("the request body is larger than max_body")
	// errFormTooLarge says that a urlencoded form exceeds maxURLEncoded.
	errFormTooLarge = fmt.Errorf("%w: a urlencoded form may have 16 MiB", form.ErrTooLarge)
)

// beforeBody is an error that was found before anything of the body was read, or
// asked for with 100 Continue.
type beforeBody struct{ err error }

func (e beforeBody) Error() string { return e.err.Error() }
func (e beforeBody) Unwrap() error { return e.err }

// readBody reads a form, completes the context with it and returns what follows
// the context in the frame. Any other body is returned as it is, to be read by
// appendRaw; nil: there is none.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, q *request, ctx *httpctx.Request) (parsed []byte, raw io.Reader, err error) {
	kind := h.kindOf(r)
	// Caddy wraps the body, so that one of length 0 need not be http.NoBody. Its own
	// reverse proxy goes by the length, too.
	if kind == bodyNone || kind == bodyRaw && (r.ContentLength == 0 || r.Body == http.NoBody) {
		return nil, nil, nil
	}
	switch {
	case r.ContentLength > h.MaxBody:
		return nil, nil, beforeBody{errBodyTooLarge}
	case kind == bodyURLEncoded && r.ContentLength > maxURLEncoded:
		return nil, nil, beforeBody{errFormTooLarge}
	}
	limited := http.MaxBytesReader(w, r.Body, h.MaxBody)
	switch kind {
	case bodyURLEncoded:
		text, err := readAll(io.LimitReader(limited, maxURLEncoded+1), r.ContentLength)
		if err != nil {
			return nil, nil, bodyError(err)
		}
		if len(text) > maxURLEncoded {
			return nil, nil, errFormTooLarge
		}
		tree, err := form.ParseURLEncoded(string(text), h.forms.Limits)
		if err != nil {
			return nil, nil, bodyError(err)
		}
		ctx.Parsed = true
		return tree.AppendJSON(nil), nil, nil

	case bodyMultipart:
		uid, gid := h.pool.ids()
		f, err := form.ReadMultipart(limited, r.Header.Get("Content-Type"), form.MultipartOptions{
			Limits:      h.forms.Limits,
			Dir:         h.uploadFolder(q, uid, gid),
			MaxFiles:    cmp.Or(h.Uploads.MaxFiles, h.forms.maxFiles),
			MaxFileSize: h.forms.maxFileSize,
			Allow:       h.Uploads.Allow,
			Forbid:      h.Uploads.Forbid,
			UID:         uid,
			GID:         gid,
		})
		if err != nil {
			return nil, nil, bodyError(err)
		}
		q.form = f
		ctx.Parsed = true
		ctx.Uploads = f.Uploads
		return f.Values.AppendJSON(nil), nil, nil
	}
	return nil, limited, nil
}

// appendRaw appends a body up to BodyMemory to buf and spools a larger one, which
// q then holds.
func (h *Handler) appendRaw(buf []byte, body io.Reader, length int64, q *request) ([]byte, error) {
	start := len(buf)
	if length <= h.BodyMemory { // also when it is not known: -1
		b := bytes.NewBuffer(buf)
		if length > 0 {
			b.Grow(int(min(length, 1<<20)) + bytes.MinRead)
		}
		n, err := b.ReadFrom(io.LimitReader(body, h.BodyMemory+1))
		if buf = b.Bytes(); err != nil {
			return buf, bodyError(err)
		}
		if n <= h.BodyMemory {
			return buf, nil
		}
	}
	return buf[:start], h.spool(buf[start:], body, q)
}

var spoolBuffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// spool writes head and the rest of the body to a file.
func (h *Handler) spool(head []byte, body io.Reader, q *request) error {
	file, err := os.CreateTemp(h.uploadFolder(q, -1, -1), "body-")
	if err != nil {
		return fmt.Errorf("spooling the request body: %w", err)
	}
	if os.Remove(file.Name()) == nil { // nothing is left of it then, whatever happens to us
		q.leaveFolder()
	}
	q.body.file = file
	n, err := file.Write(head)
	if err == nil {
		buf := spoolBuffers.Get().(*[128 << 10]byte)
		defer spoolBuffers.Put(buf)
		// Neither side may bring a way of its own: theirs are in small pieces.
		q.body.size, err = io.CopyBuffer(struct{ io.Writer }{file}, struct{ io.Reader }{body}, buf[:])
	}
	q.body.size += int64(n)
	if err != nil {
		return bodyError(err)
	}
	return nil
}

// readAll reads to the end, into memory of the announced size.
func readAll(body io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	if length > 0 {
		b.Grow(int(min(length, 1<<20)) + bytes.MinRead)
	}
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// bodyError tells the client's faults from ours.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return errBodyTooLarge
	case errors.Is(err, form.ErrTooManyVars), errors.Is(err, form.ErrTooDeep), errors.Is(err, form.ErrMalformed):
		return badRequest{err}
	case errors.Is(err, form.ErrTooManyFiles), errors.Is(err, form.ErrTooLarge):
		return err
	}
	var onDisk *os.PathError
	if errors.As(err, &onDisk) {
		return fmt.Errorf("spooling the request body: %w", err)
	}
	return errClientBody{err}
}

// errClientBody is a body that did not come to its end.
type errClientBody struct{ err error }

func (e errClientBody) Error() string { return "reading the request body: " + e.err.Error() }
func (e errClientBody) Unwrap() error { return e.err }
