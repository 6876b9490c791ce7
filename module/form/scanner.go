package form

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

const (
	// bufferSize is what a body being read occupies, and the size of the
	// pieces in which files are written. It holds any header line and any
	// delimiter.
	bufferSize = 32 << 10

	// maxHeaderBytes bounds the header of one part.
	maxHeaderBytes = 16 << 10

	// maxBoundary is PHP's own limit.
	maxBoundary = 5116
)

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}

// scanner cuts a multipart body into parts with PHP's rules, in constant memory:
// a part ends at a line feed that is followed by the delimiter, whatever comes
// behind it; a part starts behind a line that is the delimiter and nothing else.
type scanner struct {
	r         *bufio.Reader
	delimiter []byte // "\n--boundary"
	closed    bool   // the closing delimiter was the last one seen
	empty     bool   // the body has no bytes
}

// newScanner takes a buffer from the pool; release gives it back.
func newScanner(r io.Reader, boundary string) *scanner {
	s := &scanner{r: buffers.Get().(*bufio.Reader), delimiter: []byte("\n--" + boundary)}
	s.r.Reset(r)
	_, err := s.r.Peek(1)
	s.empty = err == io.EOF
	return s
}

func (s *scanner) release() {
	s.r.Reset(nil)
	buffers.Put(s.r)
}

// next skips to the next part and reports whether there is one.
func (s *scanner) next() (bool, error) {
	dash := s.delimiter[1:]
	for {
		line, err := s.r.ReadSlice('\n')
		rest, isDelimiter := bytes.CutPrefix(line, dash)
		closes := isDelimiter && bytes.HasPrefix(rest, []byte("--"))
		opens := err == nil && isDelimiter && len(trimLine(line)) == len(dash)
		for err == bufio.ErrBufferFull {
			_, err = s.r.ReadSlice('\n') // overwrites line
		}
		if err != nil && err != io.EOF {
			return false, fmt.Errorf("reading multipart body: %w", err)
		}
		switch {
		case closes:
			s.closed = true
		case opens:
			s.closed = false
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
	}
}

// trimLine returns a line without its end, cut at a NUL as PHP sees it.
func trimLine(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	line, _, _ = bytes.Cut(line, []byte{0})
	return line
}

// header is what counts of the header of a part.
type header struct {
	disposition, contentType string
	hasDisposition           bool
}

// readHeader reads the header of the part found by next.
func (s *scanner) readHeader() (header, error) {
	var h header
	var key string
	var value strings.Builder
	open, hasType := false, false
	flush := func() {
		switch {
		case !open:
		case asciiEqualFold(key, "Content-Disposition") && !h.hasDisposition:
			h.disposition, h.hasDisposition = value.String(), true
		case asciiEqualFold(key, "Content-Type") && !hasType:
			h.contentType, hasType = value.String(), true
		}
		value.Reset()
	}
	for size := 0; ; {
		raw, err := s.r.ReadSlice('\n')
		if size += len(raw); size > maxHeaderBytes { // so the buffer cannot be full
			return h, fmt.Errorf("%w: part header over %d bytes", ErrMalformed, maxHeaderBytes)
		}
		if err == io.EOF {
			break // a line without an end is none
		}
		if err != nil {
			return h, fmt.Errorf("reading multipart body: %w", err)
		}
		line := string(trimLine(raw))
		if line == "" {
			break
		}
		k, v, isField := strings.Cut(line, ":")
		if isField && !isSpace(line[0]) {
			flush()
			key, open = k, true
			value.WriteString(trimSpaceLeft(v))
		} else if open {
			value.WriteString(line)
		}
	}
	flush()
	return h, nil
}

// body hands the body of the part to write, piece by piece. The pieces are
// valid only during the call. It stops at the first error of write.
func (s *scanner) body(write func([]byte) error) error {
	for {
		window, _ := s.r.Peek(s.r.Buffered())
		if i := bytes.Index(window, s.delimiter); i >= 0 {
			last := bytes.TrimSuffix(window[:i], []byte{'\r'})
			err := write(last)
			_, _ = s.r.Discard(i)
			return err
		}
		// What may be the start of the delimiter, and the carriage return
		// before it, waits for more.
		if sure := len(window) - len(s.delimiter); sure > 0 {
			err := write(window[:sure])
			_, _ = s.r.Discard(sure)
			if err != nil {
				return err
			}
		}
		if _, err := s.r.Peek(s.r.Buffered() + 1); err == io.EOF {
			rest, _ := s.r.Peek(s.r.Buffered())
			err := write(rest)
			_, _ = s.r.Discard(len(rest))
			return err
		} else if err != nil {
			return fmt.Errorf("reading multipart body: %w", err)
		}
	}
}

// boundary finds the boundary in a Content-Type.
func boundary(contentType string) (string, error) {
	i := strings.Index(contentType, "boundary")
	if i < 0 {
		i = strings.Index(asciiLower(contentType), "boundary")
	}
	if i < 0 {
		return "", fmt.Errorf("%w: no boundary", ErrMalformed)
	}
	_, text, ok := strings.Cut(contentType[i:], "=")
	if !ok {
		return "", fmt.Errorf("%w: no boundary", ErrMalformed)
	}
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		if text, _, ok = strings.Cut(quoted, `"`); !ok {
			return "", fmt.Errorf("%w: boundary with an open quote", ErrMalformed)
		}
	} else {
		if i := strings.IndexAny(text, ",;"); i >= 0 {
			text = text[:i]
		}
		text = strings.TrimRight(text, " \t")
	}
	if text == "" || len(text) > maxBoundary || strings.ContainsAny(text, "\r\n\x00") {
		return "", fmt.Errorf("%w: unusable boundary of %d bytes", ErrMalformed, len(text))
	}
	return text, nil
}
