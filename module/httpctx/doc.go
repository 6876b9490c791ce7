// Package httpctx reads and writes the HTTP context: the part of a Goridge
// frame that stands in front of the body and says which request the body
// belongs to, or which status and headers the answer has.
//
// A context travels in one of two codecs. The server chooses, the worker
// answers in the same one.
//
//	request, JSON    {"remoteAddr":"192.0.2.1","protocol":"HTTP/1.1","method":"GET",
//	                  "uri":"http://host/path?a=1","headers":{"Accept":["*/*"]},
//	                  "cookies":{"sid":"1"},"rawQuery":"a=1","parsed":false,
//	                  "uploads":null,"attributes":{}}
//	request, proto   http.v1.Request:  1 remote_addr  2 protocol  3 method  4 uri
//	                  5 header  6 cookies  7 raw_query  8 parsed  9 uploads (JSON)
//	                  10 attributes; 5, 6 and 10 are map<string, HeaderValue>
//	response, JSON   {"status":200,"headers":{"Content-Type":["text/html"]}}
//	response, proto  http.v1.Response: 1 status (int64)  2 headers (map)
//	HeaderValue      1 value (repeated bytes)
//
// # What of a request is sent
//
// A worker reads the context before the application can catch anything: what
// its JSON decoder or its PSR-7 library refuses ends the process. So whatever
// a [Request] holds, the result is a context they take:
//
//   - A header is left out if its name is not an RFC 9110 token (the empty
//     name included), is a number (PHP would make it an integer key, which the
//     clients drop), or is "Proxy" in any case (it would become HTTP_PROXY,
//     see CVE-2016-5385); and if it has no values. A name called "Host" in
//     Request.Header gives way to Request.Host where that is set.
//   - Of cookies with one name the first is sent, as PHP does it; of attributes
//     with one name the last. Those without a name are left out, as are
//     attributes whose name is a number: PSR-7 takes strings only. A cookie may
//     be called "0": it has the key 0 in PHP, as in $_COOKIE.
//   - Nothing else about values is judged. In particular a control character in
//     a header value is passed on, though PSR-7 libraries refuse it: net/http
//     never lets one in.
//
// # Bytes that are not UTF-8
//
// JSON and the string fields of proto must be valid UTF-8; HTTP knows bytes.
//
//   - In text (every field but those below) a byte that is not part of a
//     well-formed UTF-8 sequence is read as ISO-8859-1: "caf\xe9" and "café"
//     both arrive as "café". No byte is lost, none becomes U+FFFD, and
//     well-formed text beside it stays as it is.
//   - In the URI and the raw query every byte from 0x80, every control character
//     and the space become %XX, well-formed UTF-8 or not. PHP decodes them to
//     the very bytes that were sent, and CR or LF cannot pass.
//   - Both codecs do the same. In proto the values of headers, cookies and
//     attributes could carry every byte, but workers whose DTO package is from
//     before 2025 declare them as strings, and would end on such a byte.
package httpctx
