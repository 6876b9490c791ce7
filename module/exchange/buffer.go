package exchange

import "sync"

// Buffers for the frames of requests are kept in two pools, so that a request without a
// body does not get, and count for, one that once held a large body.
var (
	buffers      = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}
	largeBuffers sync.Pool
)

const (
	// smallBuffer is the largest buffer, in bytes, that waits for a request of any size.
	smallBuffer = 64 << 10
	// maxKeptBuffer is the largest one that waits for another request at all.
	maxKeptBuffer = 2 << 20
)

func putBuffer(b *[]byte) {
	*b = (*b)[:0]
	switch {
	case cap(*b) <= smallBuffer:
		buffers.Put(b)
	case cap(*b) <= maxKeptBuffer:
		largeBuffers.Put(b)
	}
}

// largerBuffer returns an empty buffer of at least n bytes.
func largerBuffer(n int) *[]byte {
	if n > smallBuffer {
		if b, ok := largeBuffers.Get().(*[]byte); ok && cap(*b) >= n {
			return b
		}
	}
	b := make([]byte, 0, n)
	return &b
}

// keep makes buf, which has outgrown the request's buffer perhaps, that buffer. take
// asks for what it has grown by.
func (q *Request) keep(buf []byte, take func(int64) bool) error {
	grown := int64(cap(buf)) - q.booked
	if grown > 0 && !take(grown) {
		return ErrNoMemory
	}
	q.booked += max(0, grown)
	*q.buf = buf
	return nil
}

// grow makes room for n bytes behind the buffer's end, if they may be had.
func (q *Request) grow(n int, take func(int64) bool) bool {
	buf := *q.buf
	if cap(buf)-len(buf) >= n {
		return true
	}
	larger := largerBuffer(len(buf) + n)
	if !take(int64(cap(*larger))) {
		putBuffer(larger)
		return false
	}
	*larger = append(*larger, buf...)
	q.swap(larger)
	q.booked = int64(cap(*larger))
	return true
}

// shrink takes the large buffer away from what is left when a body has gone to a file.
func (q *Request) shrink() {
	if cap(*q.buf) <= smallBuffer {
		return
	}
	smaller := make([]byte, len(*q.buf), len(*q.buf)+64) // a worker's link writes behind the end
	copy(smaller, *q.buf)
	q.mem.budget.Book(int64(cap(smaller)))
	q.mem.n += int64(cap(smaller))
	q.swap(&smaller)
	q.booked = int64(cap(smaller))
}

// swap puts another buffer, which is booked already, in the place of the buffer.
func (q *Request) swap(b *[]byte) {
	q.mem.give(q.booked)
	putBuffer(q.buf)
	q.buf = b
}

// releaseBuffer gives the buffer back.
func (q *Request) releaseBuffer() {
	if q.buf != nil {
		q.mem.give(q.booked)
		q.booked = 0
		putBuffer(q.buf)
		q.buf = nil
	}
}
