package exchange

import (
	"maps"
	"net"
	"net/http"
	"strings"
)

// ErrorPage is the request by which PHP makes the page for an error of r, whatever r
// was: a GET (or HEAD) without a body. The body has been read or refused already, in
// whole or in part, and what r wanted may have been carried out; nginx asks for its
// error pages in the same way. Neither what made r a bad request (its method, its host,
// a NUL in its path) nor a limit stands in the way of the page.
func ErrorPage(r *http.Request) *http.Request {
	page := r.WithContext(r.Context()) // a shallow copy
	if r.Method != http.MethodHead {
		page.Method = http.MethodGet
	}
	page.Body, page.ContentLength, page.TransferEncoding, page.Trailer = http.NoBody, 0, nil, nil
	page.Header = maps.Clone(r.Header)
	for name := range page.Header {
		if strings.HasPrefix(name, "Content-") || name == "Expect" || name == "Trailer" {
			delete(page.Header, name)
		}
	}
	if strings.IndexByte(r.URL.Path, 0) >= 0 {
		u := *r.URL
		u.Path, u.RawPath = strings.ReplaceAll(u.Path, "\x00", ""), ""
		page.URL = &u
	}
	if forwarded := lastElement(page.Header["X-Forwarded-Host"]); forwarded != "" && checkHost(forwarded) != nil {
		delete(page.Header, "X-Forwarded-Host")
	}
	if checkHost(r.Host) != nil {
		page.Host = "localhost"
		if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && checkHost(addr.String()) == nil {
			page.Host = addr.String()
		}
	}
	return page
}
