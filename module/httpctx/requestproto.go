package httpctx

import (
	"encoding/binary"
	"math/bits"
)

// Tags of http.v1.Request: field number << 3 | wire type.
const (
	tagRemoteAddr = 1<<3 | wireBytes
	tagProtocol   = 2<<3 | wireBytes
	tagMethod     = 3<<3 | wireBytes
	tagURI        = 4<<3 | wireBytes
	tagHeader     = 5<<3 | wireBytes
	tagCookies    = 6<<3 | wireBytes
	tagRawQuery   = 7<<3 | wireBytes
	tagParsed     = 8<<3 | wireVarint
	tagUploads    = 9<<3 | wireBytes
	tagAttributes = 10<<3 | wireBytes

	// Tags of a map entry and of a HeaderValue.
	tagKey   = 1<<3 | wireBytes
	tagValue = 2<<3 | wireBytes
	tagItem  = 1<<3 | wireBytes
)

// Wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// AppendProto appends the proto context of r, a http.v1.Request, to dst and
// returns the longer slice. Fields that are empty are not written, which is how
// proto3 writes them. It does not allocate if dst has the capacity, except for
// a request with more than 64 cookies.
func AppendProto(dst []byte, r *Request) []byte {
	dst = appendTextField(dst, tagRemoteAddr, r.RemoteAddr)
	dst = appendTextField(dst, tagProtocol, r.Protocol)
	dst = appendTextField(dst, tagMethod, r.Method)
	dst = appendURIField(dst, tagURI, r.URI)

	if r.Host != "" {
		dst = appendEntry(dst, tagHeader, "Host", []string{r.Host})
	}
	for name, values := range r.Header {
		if len(values) > 0 && r.sends(name) {
			dst = appendEntry(dst, tagHeader, name, values)
		}
	}
	names := firsts{pairs: r.Cookies}
	for i := range r.Cookies {
		if names.has(i) {
			dst = appendEntry(dst, tagCookies, r.Cookies[i].Name, []string{r.Cookies[i].Value})
		}
	}

	dst = appendURIField(dst, tagRawQuery, r.RawQuery)
	if r.Parsed {
		dst = append(dst, tagParsed, 1)
	}
	if len(r.Uploads) > 0 {
		dst = append(dst, tagUploads)
		dst = binary.AppendUvarint(dst, uint64(len(r.Uploads)))
		dst = append(dst, r.Uploads...)
	}
	for i := range r.Attributes {
		if sendsAttribute(r.Attributes, i) {
			dst = appendEntry(dst, tagAttributes, r.Attributes[i].Name, []string{r.Attributes[i].Value})
		}
	}
	return dst
}

func appendTextField(dst []byte, tag byte, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(textLen(s)))
	return appendText(dst, s)
}

func appendURIField(dst []byte, tag byte, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(uriLen(s)))
	return appendURI(dst, s, false)
}

// appendEntry appends one entry of a map<string, HeaderValue>. The values are
// bytes today, but were strings in the messages before January 2025, where a byte
// that is not UTF-8 makes PHP throw while it reads the request, which ends the
// worker: so they are text here, as in JSON.
func appendEntry(dst []byte, tag byte, name string, values []string) []byte {
	list := 0
	for _, v := range values {
		list += sizeOf(textLen(v))
	}
	key := textLen(name)
	dst = append(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(sizeOf(key)+sizeOf(list)))
	dst = append(dst, tagKey)
	dst = binary.AppendUvarint(dst, uint64(key))
	dst = appendText(dst, name)
	dst = append(dst, tagValue)
	dst = binary.AppendUvarint(dst, uint64(list))
	for _, v := range values {
		dst = append(dst, tagItem)
		dst = binary.AppendUvarint(dst, uint64(textLen(v)))
		dst = appendText(dst, v)
	}
	return dst
}

// sizeOf is what a field of n bytes takes: a tag of one byte, the length, and
// the bytes.
func sizeOf(n int) int {
	return 1 + (bits.Len64(uint64(n)|1)+6)/7 + n
}
