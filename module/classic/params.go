package classic

import (
	"net/http"
	"strconv"
	"strings"
)

// Request is what PHP is told of a request besides its body. What is a client's word and what is the
// server's is for the caller to know.
type Request struct {
	Script Script
	// Method, Protocol and Query (QUERY_STRING) are the request's.
	Method, Protocol, Query string
	// URI is the path and the query as the client has sent them (REQUEST_URI).
	URI string
	// Scheme is http or https.
	Scheme string
	// Host is the Host header, "" where there is none; ServerName, ServerAddr and ServerPort are where the request has come to.
	Host, ServerName, ServerAddr, ServerPort string
	// RemoteAddr is the client's address, RemotePort its port, "" where only a proxy knows that.
	RemoteAddr, RemotePort string
	// User is the user that the server has authenticated. "": nobody.
	User string
	// Software is the server's name and version.
	Software string
	// Header are the request's other headers.
	Header http.Header
	// BodySize is the size of the body in bytes, -1 where there is none.
	BodySize int64
}

// Append appends the parameters to dst by add, which appends one: those of the fastcgi.conf of nginx, with
// PATH_INFO, and HTTP_* for the headers. None comes twice.
func (r *Request) Append(dst []byte, add func(dst []byte, name, value string) []byte) []byte {
	size := ""
	if r.BodySize >= 0 {
		size = strconv.FormatInt(r.BodySize, 10)
	}
	dst = add(dst, "SCRIPT_FILENAME", r.Script.File)
	dst = add(dst, "QUERY_STRING", r.Query)
	dst = add(dst, "REQUEST_METHOD", r.Method)
	dst = add(dst, "CONTENT_TYPE", first(r.Header["Content-Type"]))
	dst = add(dst, "CONTENT_LENGTH", size)
	dst = add(dst, "SCRIPT_NAME", r.Script.Name)
	dst = add(dst, "PATH_INFO", r.Script.Info)
	dst = add(dst, "REQUEST_URI", r.URI)
	dst = add(dst, "DOCUMENT_URI", r.Script.Name)
	dst = add(dst, "DOCUMENT_ROOT", r.Script.Root)
	dst = add(dst, "SERVER_PROTOCOL", r.Protocol)
	dst = add(dst, "REQUEST_SCHEME", r.Scheme)
	if r.Scheme == "https" {
		dst = add(dst, "HTTPS", "on")
	}
	dst = add(dst, "GATEWAY_INTERFACE", "CGI/1.1")
	dst = add(dst, "SERVER_SOFTWARE", r.Software)
	dst = add(dst, "REMOTE_ADDR", r.RemoteAddr)
	dst = add(dst, "REMOTE_PORT", r.RemotePort)
	dst = add(dst, "REMOTE_USER", r.User)
	dst = add(dst, "SERVER_ADDR", r.ServerAddr)
	dst = add(dst, "SERVER_PORT", r.ServerPort)
	dst = add(dst, "SERVER_NAME", r.ServerName)
	dst = add(dst, "REDIRECT_STATUS", "200")
	if r.Host != "" {
		dst = add(dst, "HTTP_HOST", r.Host)
	}
	for name, values := range r.Header {
		switch {
		case len(values) == 0 || !passed(name):
		case name == "Content-Length":
			if size != "" { // what has come counts, not what was announced
				dst = add(dst, "HTTP_CONTENT_LENGTH", size)
			}
		case name == "Cookie":
			dst = add(dst, "HTTP_COOKIE", joined(values, "; "))
		default:
			dst = add(dst, paramName(name), joined(values, ", "))
		}
	}
	return dst
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func joined(values []string, separator string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, separator)
}

// passed reports whether PHP gets the header of this name, which must be canonical. As with nginx, a
// name has letters, digits and hyphens only: with "X_User" a client could pass itself off as whoever sets "X-User". Proxy would
// become HTTP_PROXY, which many HTTP clients obey (httpoxy, CVE-2016-5385); Host is told apart.
func passed(name string) bool {
	if name == "" || name == "Proxy" || name == "Host" || http.CanonicalHeaderKey(name) != name {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}

// paramName is the parameter that a header becomes.
func paramName(header string) string {
	if name, ok := usual[header]; ok {
		return name
	}
	return newName(header)
}

func newName(header string) string {
	var b strings.Builder
	b.Grow(len("HTTP_") + len(header))
	b.WriteString("HTTP_")
	for i := range len(header) {
		c := header[i]
		switch {
		case c == '-':
			c = '_'
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// usual are the names of headers that most requests have.
var usual = func() map[string]string {
	names := make(map[string]string)
	for _, header := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Type", "Dnt", "If-Modified-Since", "If-None-Match",
		"Origin", "Pragma", "Priority", "Range", "Referer", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode",
		"Sec-Fetch-Site", "Sec-Fetch-User", "Te", "Traceparent", "Upgrade-Insecure-Requests", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host",
		"X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip", "X-Request-Id", "X-Requested-With", "X-Csrf-Token", "X-Xsrf-Token",
	} {
		names[header] = newName(header)
	}
	return names
}()
