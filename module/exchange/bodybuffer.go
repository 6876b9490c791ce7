package exchange

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/phpworker/caddy-php-worker/module/form"
)

// spooled is a body too large for memory.
type spooled struct {
	file *os.File
	size int64
}

func (s *spooled) close() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name()) // a second time where toFile could do it at once
		*s = spooled{}
	}
}

// bodyBuffer takes a body: behind what the buffer of the request holds, up to most bytes and as
// long as the pool has memory for it; else into a file, which the request holds then.
type bodyBuffer struct {
	o     *Options
	q     *Request
	start int   // where the body begins in the buffer
	most  int64 // bytes in memory
	limit int64 // bytes at all; beyond them is form.ErrTooLarge. 0: any number
	short bool  // the file is for want of memory
}

func (o *Options) bodyBuffer(q *Request) *bodyBuffer {
	return &bodyBuffer{o: o, q: q, start: len(*q.buf), most: o.BodyMemory}
}

// size is how many bytes have come.
func (b *bodyBuffer) size() int64 {
	if b.q.body.file != nil {
		return b.q.body.size
	}
	return int64(len(*b.q.buf) - b.start)
}

// readFrom reads body to its end. length is what is announced of it, -1 if nothing is:
// the memory is taken as the bytes come, whatever it says.
func (b *bodyBuffer) readFrom(body io.Reader, length int64) error {
	if length > b.most {
		return b.copyFrom(nil, body)
	}
	want := b.most + 1
	if length >= 0 {
		want = length + 1 // the end shows behind it
	}
	for {
		buf := *b.q.buf
		have := int64(len(buf) - b.start)
		if have > b.most {
			return b.copyFrom(buf[b.start:], body)
		}
		if len(buf) == cap(buf) {
			step := max(want-have, 1)
			if !b.q.grow(int(min(step, int64(max(3*cap(buf), 4<<10)))), b.q.mem.take) {
				b.short = true
				return b.copyFrom(buf[b.start:], body)
			}
			buf = *b.q.buf
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		*b.q.buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF && int64(len(buf)+n-b.start) <= b.most:
			return nil
		case err != nil && err != io.EOF:
			return bodyError(err)
		}
	}
}

// Write takes a piece of a body that is made here.
func (b *bodyBuffer) Write(p []byte) (int, error) {
	n := int64(len(p))
	if b.limit > 0 && b.size()+n > b.limit {
		return 0, fmt.Errorf("%w: more than %d bytes when it is encoded for PHP", form.ErrTooLarge, b.limit)
	}
	if b.q.body.file == nil {
		if b.size()+n <= b.most && b.q.grow(len(p), b.q.mem.take) {
			*b.q.buf = append(*b.q.buf, p...)
			return len(p), nil
		}
		b.short = b.size()+n <= b.most
		if err := b.toFile((*b.q.buf)[b.start:]); err != nil {
			return 0, err
		}
	}
	m, err := b.q.body.file.Write(p)
	b.q.body.size += int64(m)
	return m, b.failed(err)
}

// failed says what an error of the body, or of the file, means.
func (b *bodyBuffer) failed(err error) error {
	var onDisk *os.PathError
	if err != nil && b.short && errors.As(err, &onDisk) {
		return fmt.Errorf("%w, and can go to no file: %w", ErrNoMemory, err)
	}
	return err
}

// toFile makes the file and begins it with head, which is in the buffer, from its start on.
func (b *bodyBuffer) toFile(head []byte) error {
	q := b.q
	file, err := b.o.bodyFile(q)
	if err != nil {
		return b.failed(fmt.Errorf("spooling the request body: %w", err))
	}
	q.body.file = file
	n, err := file.Write(head)
	q.body.size = int64(n)
	*q.buf = (*q.buf)[:b.start]
	q.shrink()
	return b.failed(err)
}

// bodyFile makes a file for what comes of the body of q.
func (o *Options) bodyFile(q *Request) (*os.File, error) {
	had := q.folder != nil // uploads may be in it
	file, err := o.uploadFile(q, -1, -1, "body-")
	if err == nil && os.Remove(file.Name()) == nil && !had { // nothing is left of it then, whatever happens to us
		q.closeFolder()
	}
	return file, err
}

var spoolBuffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// copyFrom writes head and the rest of the body to a file.
func (b *bodyBuffer) copyFrom(head []byte, body io.Reader) error {
	if err := b.toFile(head); err != nil {
		return bodyError(err)
	}
	const large, small = 128 << 10, 4 << 10 // clients may take their time, and many may do so
	var buf []byte
	if b.q.mem.take(large) {
		pooled := spoolBuffers.Get().(*[large]byte)
		defer spoolBuffers.Put(pooled)
		defer b.q.mem.give(large)
		buf = pooled[:]
	} else {
		buf = make([]byte, small)
	}
	// Neither side may bring a way of its own: theirs are in small pieces.
	n, err := io.CopyBuffer(struct{ io.Writer }{b.q.body.file}, struct{ io.Reader }{body}, buf)
	b.q.body.size += n
	if err != nil {
		return bodyError(b.failed(err))
	}
	return nil
}
