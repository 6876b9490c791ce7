package exchange

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
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
		switch p.Name {
		case headerSendfile:
			return p.Value
		case headerAccel:
			// It is a URL: the question mark of a name is %3F.
			location, _, query := strings.Cut(p.Value, "?")
			if location == "" && query {
				location = "/"
			}
			if name, err := url.PathUnescape(location); err == nil {
				return name
			}
			return location
		}
	}
	return ""
}

// errNotBelowRoots is a file that the configuration does not allow to be sent.
var errNotBelowRoots = errors.New("the file is below none of the sendfile roots")

// sendfile answers with a file instead of the worker's body; the worker's turn is over. With
// status 200 ranges and conditional requests work. Any other status stays, and the file is
// its body as a whole: a page for 404 is not to become 206 or 304. 206 could only be PHP's
// reading of the range, which is done here. The status that has been sent is head's.
func (o *Options) sendfile(w http.ResponseWriter, r *http.Request, head *httpctx.Response, pid int, name string) error {
	if emptyStatus(head.Status) {
		o.copyHeaders(w, r, head, pid)
		dropSendfileHeaders(w.Header())
		o.Observer.Status(head.Status)
		writeStatus(w, head.Status)
		return nil
	}
	file, info, err := o.openBelowRoots(name)
	if err != nil {
		return &FileError{fmt.Errorf("%s %q: %w", headerSendfile, name, err)}
	}
	defer file.Close()
	o.copyHeaders(w, r, head, pid)
	header := w.Header()
	dropSendfileHeaders(header)
	if header.Get("Content-Type") == "" {
		// ServeContent would look into the file, and so could make a page
		// out of what somebody uploaded.
		kind := mime.TypeByExtension(filepath.Ext(name))
		if kind == "" {
			kind = "application/octet-stream"
		}
		header.Set("Content-Type", kind)
	}
	if head.Status != http.StatusOK && head.Status != http.StatusPartialContent {
		header["Content-Length"] = []string{strconv.FormatInt(info.Size(), 10)}
		o.Observer.Status(head.Status)
		writeStatus(w, head.Status)
		if r.Method == http.MethodHead {
			return nil
		}
		if _, err := io.CopyN(w, file, info.Size()); err != nil {
			return abort()
		}
		return nil
	}
	counted := &statusWriter{ResponseWriter: w}
	http.ServeContent(counted, r, "", info.ModTime(), file)
	head.Status = counted.status
	o.Observer.Status(head.Status)
	return nil
}

// dropSendfileHeaders removes what is for the server only, or is not of the file.
func dropSendfileHeaders(header http.Header) {
	for _, name := range []string{headerSendfile, headerAccel, "Content-Length", "Accept-Ranges", "Content-Range"} {
		header.Del(name)
	}
}

// statusWriter remembers which status was sent: ServeContent decides between 200,
// 206, 304, 412 and 416.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ReadFrom lets the kernel send the file.
func (w *statusWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }

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
func (o *Options) openBelowRoots(name string) (*os.File, fs.FileInfo, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, nil, errNotBelowRoots
	}
	// Of several roots, one that must not give the file out tells more than one
	// that does not have it.
	var missing, refused error
	for _, root := range o.Sendfile {
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
