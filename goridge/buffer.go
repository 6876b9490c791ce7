package goridge

import "sync"

// classes are the sizes of pooled buffers in bytes. The second one is what a
// connection reads into: most responses fit, and so need one system call. A
// larger buffer than the last is left to the garbage collector, so that one
// huge response does not pin its memory for good.
var classes = [...]int{2 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}

const (
	// startSize is the class a connection begins to read with.
	startSize = 16 << 10

	// copySize is the class used to carry bytes from one side to the other:
	// what a pipe holds by default on Linux.
	copySize = 64 << 10
)

// buffer is a piece of memory with one owner at a time: the Conn that reads
// into it, then the Frame that was found in it, then the pool. Ownership moves
// and is never shared; whoever owns it is the only one to call put.
type buffer struct {
	data  []byte
	class int // index into classes, or len(classes) for one that is not pooled
}

var pools [len(classes)]sync.Pool

// getBuffer returns a buffer of at least n bytes. Its content is undefined.
func getBuffer(n int) *buffer {
	for class, size := range classes {
		if n > size {
			continue
		}
		if b, ok := pools[class].Get().(*buffer); ok {
			return b
		}
		return &buffer{data: make([]byte, size), class: class}
	}
	return &buffer{data: make([]byte, n), class: len(classes)}
}

// put gives the buffer back to its pool. Nothing may touch it afterwards.
func (b *buffer) put() {
	if b.class < len(classes) {
		pools[b.class].Put(b)
	}
}
