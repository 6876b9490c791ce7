package exchange

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// target is the request's URI as PHP shall see it.
type target struct{ text, host string }

// absoluteURI builds the URI from the path and the query that PHP sees. It refuses what
// PHP's parse_url, and with it the PSR-7 libraries, would choke on: their exception
// ends the worker, so that a single request from anywhere could do it. Where r is from a
// trusted proxy, that tells scheme and host.
func absoluteURI(r *http.Request, trusted bool, seen *url.URL, query string) (target, error) {
	host, scheme := r.Host, schemeOf(r, trusted)
	if trusted {
		if forwarded := lastElement(r.Header["X-Forwarded-Host"]); forwarded != "" {
			host = forwarded
		}
	}
	if host == "" && !r.ProtoAtLeast(1, 1) { // HTTP/1.0 needs none
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			host = addr.String()
		}
	}
	if err := checkHost(host); err != nil {
		return target{}, err
	}
	path := escapedPath(seen)
	switch {
	case strings.IndexByte(seen.Path, 0) >= 0:
		return target{}, errors.New("the path has a NUL byte")
	case !strings.HasPrefix(path, "/"): // "*", or a URI without a path
		path = "/" + strings.TrimPrefix(path, "*")
	}
	text := scheme + "://" + hostInURI(host) + path
	if query != "" || seen.ForceQuery { // "/x?" is not "/x"
		text += "?" + query
	}
	return target{text, host}, nil
}

// schemeOf is http or https: that of the connection, or what a trusted proxy tells.
func schemeOf(r *http.Request, trusted bool) string {
	if trusted {
		switch proto := strings.ToLower(lastElement(r.Header["X-Forwarded-Proto"])); proto {
		case "http", "https":
			return proto
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// escapedPath is the path as it was sent, but for bytes that no URI has: those are
// percent-encoded. [url.URL.EscapedPath] would encode the whole path anew then, and
// lose the difference between a slash and an encoded one.
func escapedPath(u *url.URL) string {
	sent, err := url.PathUnescape(u.RawPath)
	if u.RawPath == "" || err != nil || sent != u.Path { // nobody has rewritten it
		return u.EscapedPath()
	}
	odd := func(c byte) bool { return c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>?\\^`{|}", c) >= 0 }
	var b strings.Builder
	for i := range len(u.RawPath) {
		if c := u.RawPath[i]; odd(c) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// lastElement is what the nearest proxy has added to a list, which may have
// come in several lines.
func lastElement(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	list := lines[len(lines)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// checkHost accepts names, IPv4 addresses and IPv6 addresses in brackets, with
// or without a port from 1 to 65535.
func checkHost(host string) error {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if !validPort(port) {
			return fmt.Errorf("the host %q has a bad port", host)
		}
	}
	if literal, ok := strings.CutPrefix(name, "["); ok {
		literal, ok = strings.CutSuffix(literal, "]")
		if ip := net.ParseIP(literal); !ok || ip == nil || !strings.Contains(literal, ":") {
			return fmt.Errorf("the host %q is no address", host)
		}
		return nil
	}
	if name == "" || len(name) > 255 {
		return errors.New("the host is missing or too long")
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return fmt.Errorf("the host %q has a character that no host has", host)
		}
	}
	return nil
}

// hostInURI writes an IPv6 address in lower case and without dots, as all PSR-7
// libraries can read it: guzzlehttp/psr7 throws at others.
func hostInURI(host string) string {
	literal, port, ok := strings.Cut(host, "]")
	if !ok || !strings.ContainsAny(literal, ".ABCDEF") {
		return host
	}
	ip, err := netip.ParseAddr(literal[1:])
	if err != nil {
		return host
	}
	text := ip.String()
	if ip.Is4In6() {
		b := ip.As16()
		text = fmt.Sprintf("::ffff:%x:%x", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15]))
	}
	return "[" + text + "]" + port
}

func validPort(port string) bool {
	n := 0
	for i := range len(port) {
		c := port[i]
		if c < '0' || c > '9' || i == 5 {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return 0 < n && n < 1<<16
}
