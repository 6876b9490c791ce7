package module

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// The headers by which an application hands a file to the server: Apache's, whose
// value is a path on disk, and nginx's, whose value is a URL path below an
// internal location. Here both may be either: a path that lies below one of the
// roots, or one to be joined with each root in turn.
const (
	headerSendfile = "X-Sendfile"
	headerAccel    = "X-Accel-Redirect"
)

// sendfileName is the file that the answer asks for, "" if it asks for none.
func sendfileName(head *httpctx.Response) string {
	for _, p := range head.Header {
		switch textproto.CanonicalMIMEHeaderKey(p.Name) {
		case headerSendfile:
			return p.Value
		case headerAccel:
			if name, err := url.PathUnescape(p.Value); err == nil {
				return name
			}
			return p.Value
		}
	}
	return ""
}

// errNotBelowRoots is a file that the configuration does not allow to be sent.
var errNotBelowRoots = errors.New("the file is below none of the sendfile roots")

// sendfile answers with a file instead of the worker's body. The worker is free
// already, or is let go first. Ranges and conditional requests work.
func (h *Handler) sendfile(w http.ResponseWriter, r *http.Request, head *httpctx.Response, t *workerpool.Turn, name string) error {
	t.Close()
	file, info, err := h.openBelowRoots(name)
	if err != nil {
		status := http.StatusInternalServerError
		if errors.Is(err, fs.ErrNotExist) {
			status = http.StatusNotFound
		}
		return h.failWith(status, fmt.Errorf("%s %q: %w", headerSendfile, name, err))
	}
	defer file.Close()
	h.copyHeaders(w, r, head, t)
	header := w.Header()
	for _, drop := range []string{headerSendfile, headerAccel, "Content-Length", "Accept-Ranges", "Content-Range"} {
		header.Del(drop)
	}
	if header.Get("Content-Type") == "" {
		// ServeContent would look into the file, and so could make a page
		// out of what somebody uploaded.
		kind := mime.TypeByExtension(filepath.Ext(name))
		if kind == "" {
			kind = "application/octet-stream"
		}
		header.Set("Content-Type", kind)
	}
	counted := &statusWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	http.ServeContent(counted, r, "", info.ModTime(), file)
	h.pool.ledger.status(counted.status)
	return nil
}

// statusWriter remembers which status was sent: ServeContent decides between 200,
// 206, 304, 412 and 416.
type statusWriter struct {
	*caddyhttp.ResponseWriterWrapper
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	writeStatus(w.ResponseWriter, status)
}

// belowRoot is the path of name relative to root. PHP's __DIR__ has no symbolic
// links, so a root such as /srv/current/files is also known by where it is now.
func belowRoot(root, name string) string {
	candidates := []string{root}
	if real, err := filepath.EvalSymlinks(root); err == nil && real != root {
		candidates = append(candidates, real)
	}
	for _, base := range candidates {
		if inside, err := filepath.Rel(base, name); err == nil && filepath.IsLocal(inside) {
			return inside
		}
	}
	return strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(name)), "/")
}

// openInRoot is os.OpenInRoot, but never waits: a named pipe would keep the request
// until somebody writes to it. What it is, is asked of the open file, as its name may
// be another file's by then.
func openInRoot(root, name string) (*os.File, error) {
	folder, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return folder.OpenFile(name, os.O_RDONLY|nonBlocking, 0)
}

// openBelowRoots opens a regular file below one of the roots. A symbolic link may
// not lead out of its root, and neither may "..": the system resolves both
// against the root itself.
func (h *Handler) openBelowRoots(name string) (*os.File, fs.FileInfo, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, nil, errNotBelowRoots
	}
	// Of several roots, one that must not give the file out tells more than one
	// that does not have it.
	var missing, refused error
	for _, root := range h.Sendfile {
		file, err := openInRoot(root, filepath.FromSlash(belowRoot(root, name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = err
			continue
		case err != nil:
			refused = err
			continue
		}
		info, err := file.Stat()
		if err == nil && info.Mode().IsRegular() {
			return file, info, nil
		}
		file.Close()
		refused = fmt.Errorf("%q is not a regular file", name)
	}
	if refused != nil {
		return nil, nil, fmt.Errorf("sendfile roots: %w", refused)
	}
	return nil, nil, missing
}
