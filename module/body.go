package module

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

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

var (
	// errBodyTooLarge says that a body exceeds max_body.
	errBodyTooLarge = errors.New("the request body is larger than max_body")
	// errBodyAnnounced says the same of a body that has not been read at all.
	errBodyAnnounced = fmt.Errorf("%w, as its length tells", errBodyTooLarge)
)

// readBody reads the whole body. It returns what follows the context in the
// frame, unless the body was spooled to a file, which q then holds; and it
// completes the context where a form was parsed.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, q *request, ctx *httpctx.Request) ([]byte, error) {
	kind := h.kindOf(r)
	if kind == bodyNone || r.Body == http.NoBody && kind == bodyRaw {
		return nil, nil
	}
	if r.ContentLength > h.MaxBody {
		return nil, errBodyAnnounced
	}
	limited := http.MaxBytesReader(w, r.Body, h.MaxBody)
	switch kind {
	case bodyURLEncoded:
		text, err := readAll(limited, r.ContentLength)
		if err != nil {
			return nil, bodyError(err)
		}
		tree, err := form.ParseURLEncoded(string(text), form.Limits{})
		if err != nil {
			return nil, bodyError(err)
		}
		ctx.Parsed = true
		return tree.AppendJSON(nil), nil

	case bodyMultipart:
		uid, gid := h.pool.ids()
		f, err := form.ReadMultipart(limited, r.Header.Get("Content-Type"), form.MultipartOptions{
			Dir:      h.uploadFolder(q, uid, gid),
			MaxFiles: h.Uploads.MaxFiles,
			Allow:    h.Uploads.Allow,
			Forbid:   h.Uploads.Forbid,
			UID:      uid,
			GID:      gid,
		})
		if err != nil {
			return nil, bodyError(err)
		}
		q.form = f
		ctx.Parsed = true
		ctx.Uploads = f.Uploads
		return f.Values.AppendJSON(nil), nil
	}
	return h.readRaw(limited, r.ContentLength, q)
}

// readRaw keeps a body up to BodyMemory and spools a larger one.
func (h *Handler) readRaw(body io.Reader, length int64, q *request) ([]byte, error) {
	var head []byte
	if length <= h.BodyMemory { // also when it is not known: -1
		var err error
		head, err = readAll(io.LimitReader(body, h.BodyMemory+1), length)
		if err != nil {
			return nil, bodyError(err)
		}
		if int64(len(head)) <= h.BodyMemory {
			return head, nil
		}
	}
	file, err := os.CreateTemp(h.uploadFolder(q, -1, -1), "body-")
	if err != nil {
		return nil, fmt.Errorf("spooling the request body: %w", err)
	}
	if os.Remove(file.Name()) == nil { // nothing is left of it then, whatever happens to us
		q.leaveFolder()
	}
	q.body.file = file
	q.body.size, err = io.Copy(file, io.MultiReader(bytes.NewReader(head), body))
	if err != nil {
		return nil, bodyError(err)
	}
	return nil, nil
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
