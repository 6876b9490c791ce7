package goridge

import (
	"io"
)

// Frame is one message of the peer. ReadFrame fills it in; a Frame must not be
// copied afterwards, and it is not safe for concurrent use.
//
// A Frame owns the memory of its Payload: reading further frames does not
// change it. Release returns the memory for reuse; a Frame that is forgotten
// instead costs what the garbage collector has to do, and stays booked in Options.Budget.
type Frame struct {
	Header

	// Payload is the part of the payload that is in memory: all of it unless
	// Rest says otherwise.
	Payload []byte

	buf  *buffer // holds Payload; nil when there is nothing to give back
	conn *Conn   // where the rest comes from; nil when there is none
	rest int64

	budget  Budget // where the buffer is booked; nil where it is not
	crowded bool
}

// contextLen is how long the leading part of the payload is that describes the
// rest. ReadFrame has made sure that it is in memory.
func (f *Frame) contextLen() int {
	if f.NumOptions == 0 {
		return 0
	}
	return min(int(f.Options[0]), len(f.Payload))
}

// Context returns the leading part of the payload, of the length option 0
// tells. A frame without options has none. It is valid until Release.
func (f *Frame) Context() []byte {
	n := f.contextLen()
	return f.Payload[:n:n]
}

// Body returns what follows the context, as far as it is in memory. It is
// valid until Release.
func (f *Frame) Body() []byte { return f.Payload[f.contextLen():] }

// Release gives the memory of the payload back: Payload is nil afterwards, and
// slices of it must not be used any more. Releasing twice, or a zero Frame,
// does nothing. The header, and a rest not yet read, stay.
func (f *Frame) Release() {
	f.Payload = nil
	if f.buf != nil {
		if f.budget != nil {
			f.budget.Book(-int64(len(f.buf.data)))
			f.budget = nil
		}
		f.buf.put()
		f.buf = nil
	}
}

// MoveTo moves the payload, as far as it is in memory, and the header to another frame, whose own payload is released. What Release
// leaves stays here, too.
func (f *Frame) MoveTo(to *Frame) {
	to.Release()
	*to = *f
	to.conn, to.rest = nil, 0
	f.Payload, f.buf, f.budget = nil, nil, nil
}

// Join appends the body of the frame that follows, if there is room for it behind the payload, and takes over whether that one is the
// last. Otherwise it returns false, and nothing has changed.
func (f *Frame) Join(next *Frame) bool {
	body := next.Body()
	if f.buf == nil || cap(f.Payload)-len(f.Payload) < len(body) {
		return false
	}
	f.Payload = append(f.Payload, body...)
	f.PayloadLen, f.Stream = uint32(len(f.Payload)), next.Stream
	next.Release()
	return true
}

// Crowded says that Options.Budget had no room for the frame: so much of it may still
// have to be read from the peer, and what is in memory should not stay there while
// somebody slow takes it.
func (f *Frame) Crowded() bool { return f.crowded }

// Rest returns how many bytes of the payload are still to be read from the
// peer, behind the ones in Payload. They have to be read, by Read or WriteTo,
// before the next ReadFrame.
func (f *Frame) Rest() int64 { return f.rest }

// Read reads the rest of the payload and blocks for it like the connection
// does. It never reads beyond the frame: the end is io.EOF. A peer that goes
// away before is io.ErrUnexpectedEOF.
func (f *Frame) Read(p []byte) (int, error) {
	if f.rest == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.conn.readRest(p[:min(int64(len(p)), f.rest)])
	f.rest -= int64(n)
	if f.rest == 0 {
		f.conn = nil
	}
	return n, err
}

// WriteTo copies the rest of the payload to w through a pooled buffer of
// 64 KiB, so that io.Copy of a Frame does not allocate.
func (f *Frame) WriteTo(w io.Writer) (written int64, err error) {
	if f.rest == 0 {
		return 0, nil
	}
	buf := getBuffer(copySize)
	defer buf.put()
	for f.rest > 0 {
		n, err := f.Read(buf.data)
		if n > 0 {
			m, err := w.Write(buf.data[:n])
			written += int64(m)
			if err != nil {
				return written, err
			}
			if m < n {
				return written, io.ErrShortWrite
			}
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

var (
	_ io.Reader   = (*Frame)(nil)
	_ io.WriterTo = (*Frame)(nil)
)
