package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/form"
)

const (
	// maxURLEncoded is the largest urlencoded form in bytes: its fields are in memory as a
	// whole while it is parsed. The values of a multipart form have the same bound.
	maxURLEncoded = 16 << 20
	// maxParsed is the largest form in bytes as PHP gets it, in JSON, which the worker has in
	// memory several times while it decodes it: with the usual 128 MB that goes well.
	// Control characters make it six times as long as the form, any browser's form does
	// not come near.
	maxParsed = 32 << 20
)

// readBody reads a form, completes the context of q with it and returns its fields. Any other
// body is returned as it is, to be read behind the context; nil: there is none.
func (o *Options) readBody(w http.ResponseWriter, r *http.Request, q *Request) (fields *form.Tree, raw io.Reader, err error) {
	kind := o.kindOf(r)
	// Caddy wraps the body, so that one of length 0 need not be http.NoBody. Its own
	// reverse proxy goes by the length, too.
	if kind == bodyNone || kind == bodyRaw && (r.ContentLength == 0 || r.Body == http.NoBody) {
		return nil, nil, nil
	}
	switch {
	case r.ContentLength > o.MaxBody:
		return nil, nil, unreadError{ErrBodyTooLarge}
	case kind == bodyURLEncoded && r.ContentLength > maxURLEncoded:
		return nil, nil, unreadError{errFormTooLarge}
	}
	limited := http.MaxBytesReader(w, r.Body, o.MaxBody)
	switch kind {
	case bodyURLEncoded:
		text, err := o.readForm(r, limited, q)
		if err != nil {
			return nil, nil, err
		}
		if fields, err = form.ParseURLEncoded(text, o.Forms.Limits); err != nil {
			return nil, nil, bodyError(err)
		}
		q.ctx.Parsed = true
		if int64(len(text)) <= o.BodyMemory {
			q.ctx.Form = text
		}
		return fields, nil, nil

	case bodyMultipart:
		uid, gid := o.ids()
		q.form, err = form.ReadMultipart(limited, r.Header.Get("Content-Type"), form.MultipartOptions{
			Limits: o.Forms.Limits,
			Create: func() (*os.File, error) {
				file, err := o.uploadFile(q, uid, gid, "upload-")
				if err != nil { // PHP learns what it would say itself
					o.Logger.Error("uploads cannot be stored", zap.Error(err))
				}
				return file, err
			},
			Hold:        func(n int) error { return q.holdForm(int64(n)) },
			Spill:       func() (*os.File, error) { return o.bodyFile(q) },
			ValueMemory: o.BodyMemory,
			HoldValue:   q.holdValue,
			MaxFiles:    cmp.Or(o.Uploads.MaxFiles, o.Forms.MaxFiles),
			MaxFileSize: o.Forms.MaxFileSize,
			Allow:       o.Uploads.Allow,
			Forbid:      o.Uploads.Forbid,
			UID:         uid,
			GID:         gid,
		})
		if err != nil {
			return nil, nil, bodyError(err)
		}
		q.ctx.Parsed = true
		q.ctx.Uploads, q.ctx.AllUploads, q.ctx.Filled = q.form.Uploads, q.form.AllUploads, q.form.Filled
		return q.form.Values, nil, nil
	}
	return nil, limited, nil
}

// bodyError tells the client's faults from ours.
func bodyError(err error) error {
	var (
		tooLarge *http.MaxBytesError
		onDisk   *os.PathError
	)
	switch {
	case errors.As(err, &tooLarge):
		return ErrBodyTooLarge
	case errors.Is(err, ErrNoMemory):
		return err
	case errors.Is(err, form.ErrNoRoom):
		return fmt.Errorf("%w: %w", ErrNoMemory, err)
	case errors.Is(err, form.ErrTooManyVars), errors.Is(err, form.ErrTooDeep), errors.Is(err, form.ErrMalformed):
		return BadRequestError{err}
	case errors.Is(err, form.ErrTooManyFiles), errors.Is(err, form.ErrTooLarge):
		return err
	case errors.As(err, &onDisk):
		return fmt.Errorf("spooling the request body: %w", err)
	}
	return BodyError{err}
}
