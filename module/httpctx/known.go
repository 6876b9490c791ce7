package httpctx

// known returns the constant for the names and values that most responses have,
// so that they cost no memory, and "" for any other. Symfony sends names in
// lower case. The compiler turns the switch into a search by length and then by
// value; b is not copied.
func known(b []byte) string {
	switch string(b) {
	// Names.
	case "Accept-Ranges":
		return "Accept-Ranges"
	case "Access-Control-Allow-Credentials":
		return "Access-Control-Allow-Credentials"
	case "Access-Control-Allow-Headers":
		return "Access-Control-Allow-Headers"
	case "Access-Control-Allow-Methods":
		return "Access-Control-Allow-Methods"
	case "Access-Control-Allow-Origin":
		return "Access-Control-Allow-Origin"
	case "Access-Control-Expose-Headers":
		return "Access-Control-Expose-Headers"
	case "Access-Control-Max-Age":
		return "Access-Control-Max-Age"
	case "Age":
		return "Age"
	case "Allow":
		return "Allow"
	case "Cache-Control":
		return "Cache-Control"
	case "Connection":
		return "Connection"
	case "Content-Disposition":
		return "Content-Disposition"
	case "Content-Encoding":
		return "Content-Encoding"
	case "Content-Language":
		return "Content-Language"
	case "Content-Length":
		return "Content-Length"
	case "Content-Range":
		return "Content-Range"
	case "Content-Security-Policy":
		return "Content-Security-Policy"
	case "Content-Type":
		return "Content-Type"
	case "Cross-Origin-Opener-Policy":
		return "Cross-Origin-Opener-Policy"
	case "Date":
		return "Date"
	case "ETag":
		return "ETag"
	case "Etag":
		return "Etag"
	case "Expires":
		return "Expires"
	case "Keep-Alive":
		return "Keep-Alive"
	case "Last-Modified":
		return "Last-Modified"
	case "Link":
		return "Link"
	case "Location":
		return "Location"
	case "Permissions-Policy":
		return "Permissions-Policy"
	case "Pragma":
		return "Pragma"
	case "Referrer-Policy":
		return "Referrer-Policy"
	case "Retry-After":
		return "Retry-After"
	case "Server":
		return "Server"
	case "Set-Cookie":
		return "Set-Cookie"
	case "Strict-Transport-Security":
		return "Strict-Transport-Security"
	case "Trailer":
		return "Trailer"
	case "Transfer-Encoding":
		return "Transfer-Encoding"
	case "Vary":
		return "Vary"
	case "WWW-Authenticate":
		return "WWW-Authenticate"
	case "X-Accel-Buffering":
		return "X-Accel-Buffering"
	case "X-Accel-Redirect":
		return "X-Accel-Redirect"
	case "X-Content-Type-Options":
		return "X-Content-Type-Options"
	case "X-Debug-Token":
		return "X-Debug-Token"
	case "X-Frame-Options":
		return "X-Frame-Options"
	case "X-Powered-By":
		return "X-Powered-By"
	case "X-RateLimit-Limit":
		return "X-RateLimit-Limit"
	case "X-RateLimit-Remaining":
		return "X-RateLimit-Remaining"
	case "X-Request-Id":
		return "X-Request-Id"
	case "X-Robots-Tag":
		return "X-Robots-Tag"
	case "X-Sendfile":
		return "X-Sendfile"
	case "X-XSS-Protection":
		return "X-XSS-Protection"
	// Names in lower case.
	case "access-control-allow-credentials":
		return "access-control-allow-credentials"
	case "access-control-allow-origin":
		return "access-control-allow-origin"
	case "cache-control":
		return "cache-control"
	case "content-disposition":
		return "content-disposition"
	case "content-language":
		return "content-language"
	case "content-length":
		return "content-length"
	case "content-security-policy":
		return "content-security-policy"
	case "content-type":
		return "content-type"
	case "date":
		return "date"
	case "etag":
		return "etag"
	case "expires":
		return "expires"
	case "last-modified":
		return "last-modified"
	case "link":
		return "link"
	case "location":
		return "location"
	case "pragma":
		return "pragma"
	case "referrer-policy":
		return "referrer-policy"
	case "retry-after":
		return "retry-after"
	case "set-cookie":
		return "set-cookie"
	case "strict-transport-security":
		return "strict-transport-security"
	case "vary":
		return "vary"
	case "x-content-type-options":
		return "x-content-type-options"
	case "x-debug-token":
		return "x-debug-token"
	case "x-frame-options":
		return "x-frame-options"
	case "x-powered-by":
		return "x-powered-by"
	case "x-robots-tag":
		return "x-robots-tag"
	// Values.
	case "*":
		return "*"
	case "0":
		return "0"
	case "1":
		return "1"
	case "1; mode=block":
		return "1; mode=block"
	case "Accept":
		return "Accept"
	case "Accept-Encoding":
		return "Accept-Encoding"
	case "Authorization":
		return "Authorization"
	case "Cookie":
		return "Cookie"
	case "DENY":
		return "DENY"
	case "Origin":
		return "Origin"
	case "SAMEORIGIN":
		return "SAMEORIGIN"
	case "Thu, 19 Nov 1981 08:52:00 GMT":
		return "Thu, 19 Nov 1981 08:52:00 GMT"
	case "X-Requested-With":
		return "X-Requested-With"
	case "application/hal+json":
		return "application/hal+json"
	case "application/javascript":
		return "application/javascript"
	case "application/json":
		return "application/json"
	case "application/json; charset=UTF-8":
		return "application/json; charset=UTF-8"
	case "application/json; charset=utf-8":
		return "application/json; charset=utf-8"
	case "application/ld+json; charset=utf-8":
		return "application/ld+json; charset=utf-8"
	case "application/octet-stream":
		return "application/octet-stream"
	case "application/pdf":
		return "application/pdf"
	case "application/problem+json":
		return "application/problem+json"
	case "application/rss+xml; charset=UTF-8":
		return "application/rss+xml; charset=UTF-8"
	case "application/xml":
		return "application/xml"
	case "bytes":
		return "bytes"
	case "chunked":
		return "chunked"
	case "close":
		return "close"
	case "en":
		return "en"
	case "false":
		return "false"
	case "gzip":
		return "gzip"
	case "identity":
		return "identity"
	case "image/jpeg":
		return "image/jpeg"
	case "image/png":
		return "image/png"
	case "image/svg+xml":
		return "image/svg+xml"
	case "image/webp":
		return "image/webp"
	case "keep-alive":
		return "keep-alive"
	case "max-age=0, must-revalidate, private":
		return "max-age=0, must-revalidate, private"
	case "max-age=0, no-cache, no-store, must-revalidate":
		return "max-age=0, no-cache, no-store, must-revalidate"
	case "max-age=31536000; includeSubDomains":
		return "max-age=31536000; includeSubDomains"
	case "no-cache":
		return "no-cache"
	case "no-cache, no-store, must-revalidate":
		return "no-cache, no-store, must-revalidate"
	case "no-cache, private":
		return "no-cache, private"
	case "no-store":
		return "no-store"
	case "no-store, no-cache, must-revalidate":
		return "no-store, no-cache, must-revalidate"
	case "noindex":
		return "noindex"
	case "none":
		return "none"
	case "nosniff":
		return "nosniff"
	case "strict-origin-when-cross-origin":
		return "strict-origin-when-cross-origin"
	case "text/css":
		return "text/css"
	case "text/css; charset=utf-8":
		return "text/css; charset=utf-8"
	case "text/event-stream":
		return "text/event-stream"
	case "text/html":
		return "text/html"
	case "text/html; charset=UTF-8":
		return "text/html; charset=UTF-8"
	case "text/html; charset=utf-8":
		return "text/html; charset=utf-8"
	case "text/html;charset=UTF-8":
		return "text/html;charset=UTF-8"
	case "text/javascript":
		return "text/javascript"
	case "text/plain":
		return "text/plain"
	case "text/plain; charset=UTF-8":
		return "text/plain; charset=UTF-8"
	case "text/plain; charset=utf-8":
		return "text/plain; charset=utf-8"
	case "text/plain;charset=UTF-8":
		return "text/plain;charset=UTF-8"
	case "text/xml; charset=UTF-8":
		return "text/xml; charset=UTF-8"
	case "text/xml; charset=utf-8":
		return "text/xml; charset=utf-8"
	case "true":
		return "true"
	}
	return ""
}
