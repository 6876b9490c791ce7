package integration

import (
	"fmt"
	"net/textproto"
	"slices"
	"strings"
)

// seesOtherwise is a difference of what PHP sees that is meant. docs/classic.md has them all
// in a table.
type seesOtherwise struct {
	reason string
	// differs says whether a difference is this one. It is in the view that is named first
	// ("server"), of the value named next ("HTTP_HOST"); or that of the "answer", which the third
	// tells.
	differs func(r rawRequest, of, name string, theirs, ours any) bool
}

// expectedDifferences are those of the generated requests.
var expectedDifferences = []seesOtherwise{
	ownEnvironment,
	{"HTTP_PROXY is kept from PHP (httpoxy)", func(_ rawRequest, of, name string, _, ours any) bool {
		return (name == "HTTP_PROXY" || name == "Proxy") && ours == missing
	}},
	{"REMOTE_USER is whom Caddy has authenticated, not who a client says it is", func(r rawRequest, _, name string, _, ours any) bool {
		return name == "REMOTE_USER" && ours == "" && r.has("Authorization")
	}},
	{"SERVER_NAME is the host that was asked for", func(r rawRequest, _, name string, theirs, _ any) bool {
		return name == "SERVER_NAME" && theirs == "www.example"
	}},
	{"a header that comes twice arrives whole", func(r rawRequest, of, name string, theirs, ours any) bool {
		return r.twice(name) && joinedTo(theirs, ours) || of == "cookie" || of == "request" && r.twice("HTTP_COOKIE") && theirs == missing
	}},
	{"a body that came in chunks does so no longer", func(r rawRequest, _, name string, theirs, ours any) bool {
		return (name == "HTTP_TRANSFER_ENCODING" || name == "Transfer-Encoding") && theirs == "chunked" && ours == missing
	}},
	{"the host of the request line counts more than the header Host", func(r rawRequest, _, name string, _, ours any) bool {
		return (name == "HTTP_HOST" || name == "Host") && strings.HasPrefix(r.target, "http://") && ours == "www.example"
	}},
	{"nginx answers 404 where a path names a script that is not there, php_worker asks the front controller", func(r rawRequest, of, _ string, theirs, _ any) bool {
		return of == "answer" && strings.HasPrefix(r.target, "/sub/missing.php/x")
	}},
	{"nginx lets only GET, HEAD and POST through to the index of a folder", func(r rawRequest, of, _ string, theirs, _ any) bool {
		path, _, _ := strings.Cut(r.target, "?")
		return of == "answer" && strings.HasSuffix(path, "/") && !slices.Contains([]string{"GET", "HEAD", "POST"}, r.method)
	}},
	{"nginx takes no request with two of some headers", func(r rawRequest, of, _ string, theirs, _ any) bool {
		return of == "answer" && slices.ContainsFunc([]string{"Authorization", "If-Modified-Since", "Range", "Referer"}, r.twice)
	}},
}

// expectedOfPHPCGI are those besides where PHP is php-cgi.
var expectedOfPHPCGI = []seesOtherwise{
	{"PHP_SAPI is cgi-fcgi", func(_ rawRequest, of, name string, theirs, ours any) bool {
		return of == "process" && name == "sapi" && theirs == "fpm-fcgi" && ours == "cgi-fcgi"
	}},
	{"getenv() without a name tells of php-cgi's own environment only", func(_ rawRequest, of, _ string, _, ours any) bool {
		return of == "getenv" && ours == missing
	}},
	{"php-fpm adds HOME and USER", func(_ rawRequest, of, name string, _, ours any) bool {
		return of == "server" && (name == "HOME" || name == "USER") && ours == missing
	}},
	{"php-cgi is told by its environment how many processes there are to be", func(_ rawRequest, _, name string, theirs, _ any) bool {
		return strings.HasPrefix(name, "PHP_FCGI_") && theirs == missing
	}},
}

// expectedOfProxies are those behind a proxy that both trust.
var expectedOfProxies = []seesOtherwise{
	ownEnvironment,
	{"SERVER_PORT is that of the client's scheme", func(r rawRequest, of, name string, theirs, _ any) bool {
		return of == "answer" && strings.HasPrefix(fmt.Sprint(theirs), "SERVER_PORT of php_worker is 443")
	}},
}

// ownEnvironment is what our PHP is started with.
var ownEnvironment = seesOtherwise{"PHP's environment has what php_worker starts it with, and PATH", func(_ rawRequest, of, name string, theirs, _ any) bool {
	return theirs == missing && slices.Contains([]string{"FPM_SOCKETS", "PATH", "PHP_INI_SCAN_DIR", "PHP_WORKER_MARK", "PWD"}, name)
}}

// headerLines are the lines of the request's header; a piece may have several.
func (r rawRequest) headerLines() []string {
	return strings.Split(strings.Join(r.headers, "\r\n"), "\r\n")
}

func (r rawRequest) has(header string) bool { return r.times(header) > 0 }

// twice says whether the request has several headers that PHP sees by this name.
func (r rawRequest) twice(name string) bool { return r.times(name) > 1 }

func (r rawRequest) times(name string) (n int) {
	name = textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(strings.TrimPrefix(name, "HTTP_"), "_", "-"))
	for _, line := range r.headerLines() {
		header, _, _ := strings.Cut(line, ":")
		if textproto.CanonicalMIMEHeaderKey(header) == name {
			n++
		}
	}
	return n
}

// joinedTo says whether their value is what ours ends with, or begins with.
func joinedTo(theirs, ours any) bool {
	a, b := fmt.Sprint(theirs), fmt.Sprint(ours)
	return strings.HasSuffix(b, a) || strings.HasPrefix(b, a) || strings.HasPrefix(b, "base64:")
}
