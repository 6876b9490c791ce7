package listener

import (
	"bytes"
	"encoding/binary"
)

// endsHead tells whether b has an empty line, and is no TLS: no HTTP server begins
// before that.
func endsHead(b []byte) bool {
	return !isHandshake(b) && (bytes.Contains(b, []byte("\n\r\n")) || bytes.Contains(b, []byte("\n\n")))
}

// isHandshake tells whether b is the beginning of a TLS handshake (RFC 8446, 5.1).
func isHandshake(b []byte) bool { return len(b) > 0 && b[0] == 22 }

// wholeHello tells whether b has a TLS handshake's first record, the ClientHello.
func wholeHello(b []byte) bool {
	const header = 5 // type, version, length
	return isHandshake(b) && len(b) >= header && len(b) >= header+int(binary.BigEndian.Uint16(b[3:]))
}

// afterProxy returns what comes behind the header of the PROXY protocol, if b begins
// with one, in either version.
func afterProxy(b []byte) []byte {
	const signature, fixed = "\r\n\r\n\x00\r\nQUIT\n", 16
	switch {
	case bytes.HasPrefix(b, []byte("PROXY TCP")), bytes.HasPrefix(b, []byte("PROXY UNKNOWN")): // no request line
		_, rest, _ := bytes.Cut(b, []byte("\r\n"))
		return rest
	case !bytes.HasPrefix(b, []byte(signature)[:min(len(signature), len(b))]):
		return b
	case len(b) < fixed:
		return nil
	}
	return b[min(len(b), fixed+int(binary.BigEndian.Uint16(b[14:]))):]
}
