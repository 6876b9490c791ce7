package httpctx

import "encoding/base64"

// Pair is a name with one value: a cookie, an attribute, or one line of a
// response header.
type Pair struct{ Name, Value string }

// Request is what a worker learns about a request beside its body. The package
// only reads it; AppendJSON and AppendProto keep no reference to it and may run
// concurrently on one Request.
type Request struct {
	// RemoteAddr is the client's IP address, without port.
	RemoteAddr string

	// Protocol is the version as net/http names it: "HTTP/1.1", "HTTP/2.0".
	Protocol string

	// Method is the request method.
	Method string

	// URI is the absolute URI. PHP derives scheme, host and port from it and
	// must be able to parse it; judging that is up to the caller.
	URI string

	// RawQuery is the query as it was sent, without "?".
	RawQuery string

	// Host, where not empty, is sent as the header "Host", before all others
	// and instead of any such name in Header.
	Host string

	// Header holds the other headers, an http.Header for example. Names are
	// sent in the case they have here, in no particular order.
	Header map[string][]string

	// Cookies holds names and decoded values.
	Cookies []Pair

	// Parsed says that the body is a JSON tree of form values, not the bytes
	// that the client sent.
	Parsed bool

	// Uploads is the JSON tree of uploaded files, sent as it is: it must be
	// valid JSON. Empty stands for null, no uploads.
	Uploads []byte

	// AllUploads and Filled, where not empty, are JSON for the project's own PHP package,
	// which other packages do not look at: the uploads as PHP itself has them, and what
	// the body has that $_POST would not have. They are sent as they are, and not in
	// proto, which that package does not speak.
	AllUploads, Filled []byte

	// Form, where not empty, is a form as the client has sent it, for the project's own package, too: for
	// php://input. Text that is not ASCII is sent in base64.
	Form string

	// Attributes become PSR-7 request attributes.
	Attributes []Pair
}

// AppendJSON appends the JSON context of r to dst and returns the longer slice.
// The result is valid JSON in valid UTF-8 for any r whose Uploads are. It does
// not allocate if dst has the capacity, except for a request with more than 64
// cookies.
func AppendJSON(dst []byte, r *Request) []byte {
	dst = append(dst, `{"remoteAddr":`...)
	dst = AppendString(dst, r.RemoteAddr)
	dst = append(dst, `,"protocol":`...)
	dst = AppendString(dst, r.Protocol)
	dst = append(dst, `,"method":`...)
	dst = AppendString(dst, r.Method)
	dst = append(dst, `,"uri":"`...)
	dst = appendURI(dst, r.URI, true)
	dst = append(dst, `","headers":`...)
	dst = appendHeaders(dst, r)
	dst = append(dst, `,"cookies":`...)
	dst = appendCookies(dst, r.Cookies)
	dst = append(dst, `,"rawQuery":"`...)
	dst = appendURI(dst, r.RawQuery, true)
	if r.Parsed {
		dst = append(dst, `","parsed":true,"uploads":`...)
	} else {
		dst = append(dst, `","parsed":false,"uploads":`...)
	}
	if len(r.Uploads) == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, r.Uploads...)
	}
	dst = append(dst, `,"attributes":`...)
	dst = appendAttributes(dst, r.Attributes)
	dst = appendJSONField(dst, `,"allUploads":`, r.AllUploads)
	dst = appendJSONField(dst, `,"filled":`, r.Filled)
	dst = appendForm(dst, r.Form)
	return append(dst, '}')
}

// appendJSONField appends a member that is left out where there is no value.
func appendJSONField(dst []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return append(append(dst, name...), value...)
}

// appendForm keeps every byte, which [AppendString] does not.
func appendForm(dst []byte, form string) []byte {
	if form == "" {
		return dst
	}
	for i := range len(form) {
		if form[i] < ' ' || form[i] > '~' {
			dst = append(dst, `,"form64":"`...)
			dst = base64.StdEncoding.AppendEncode(dst, []byte(form))
			return append(dst, '"')
		}
	}
	return AppendString(append(dst, `,"form":`...), form)
}

func appendHeaders(dst []byte, r *Request) []byte {
	dst = append(dst, '{')
	next := ""
	if r.Host != "" {
		dst = append(dst, `"Host":[`...)
		dst = AppendString(dst, r.Host)
		dst = append(dst, ']')
		next = ","
	}
	for name, values := range r.Header {
		if len(values) == 0 || !r.sends(name) {
			continue
		}
		// A name that is sent is a token, which needs no escape.
		dst = append(dst, next...)
		next = ","
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, `":[`...)
		for i, value := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, value)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendCookies(dst []byte, cookies []Pair) []byte {
	dst = append(dst, '{')
	next := ""
	names := firsts{pairs: cookies}
	for i := range cookies {
		if names.has(i) {
			dst = appendMember(dst, next, &cookies[i])
			next = ","
		}
	}
	return append(dst, '}')
}

func appendAttributes(dst []byte, attributes []Pair) []byte {
	dst = append(dst, '{')
	next := ""
	for i := range attributes {
		if sendsAttribute(attributes, i) {
			dst = appendMember(dst, next, &attributes[i])
			next = ","
		}
	}
	return append(dst, '}')
}

// appendMember appends a member of an object whose value is one string.
func appendMember(dst []byte, separator string, p *Pair) []byte {
	dst = append(dst, separator...)
	dst = AppendString(dst, p.Name)
	dst = append(dst, ':')
	return AppendString(dst, p.Value)
}
