package goridge

// FrameBuffer gathers the content of a [Frame] that comes over another wire than ours. The zero
// value is empty, and may be used again after Take and Release. It is not safe for concurrent use.
type FrameBuffer struct {
	// Budget bounds the memory, as Options.Budget does, but for MustWrite; nil: nothing does.
	Budget Budget

	buf   *buffer
	n     int
	taken int64 // what the budget has given so far
}

// Len is how many bytes are there.
func (b *FrameBuffer) Len() int { return b.n }

// Bytes are what is there, to be read or changed until the next call of another method.
func (b *FrameBuffer) Bytes() []byte {
	if b.buf == nil {
		return nil
	}
	return b.buf.data[:b.n]
}

// Room returns memory for n bytes or more, which are put there and told to Add. nil says that
// the budget has no room; what is there stays as it is. The first 16 KiB are always to be had.
func (b *FrameBuffer) Room(n int) []byte {
	if !b.grow(b.n+n, false) {
		return nil
	}
	return b.buf.data[b.n:]
}

// Add says that n bytes have been put into what Room returned.
func (b *FrameBuffer) Add(n int) { b.n += n }

// Write appends p as a whole, or not at all: then it returns false, because the budget has no room.
func (b *FrameBuffer) Write(p []byte) bool {
	room := b.Room(len(p))
	if room == nil {
		return false
	}
	b.n += copy(room, p)
	return true
}

// MustWrite appends p whether the budget has room or not, as a [Conn] does with the context of a frame.
func (b *FrameBuffer) MustWrite(p []byte) {
	b.grow(b.n+len(p), true)
	b.n += copy(b.buf.data[b.n:], p)
}

// grow makes the memory n bytes large at least, twice as large as it was where that pays. false says that the
// budget has no room; where it must, it is booked all the same.
func (b *FrameBuffer) grow(n int, must bool) bool {
	if b.buf != nil && len(b.buf.data) >= n {
		return true
	}
	size := max(n, startSize)
	if b.buf != nil && len(b.buf.data) >= classes[len(classes)-1] {
		size = max(n, 2*len(b.buf.data))
	}
	next := getBuffer(size)
	if b.Budget != nil && n > startSize {
		switch more := int64(len(next.data)) - b.taken; {
		case must:
			b.Budget.Book(more)
		case !b.Budget.Take(more):
			next.put()
			return false
		}
		b.taken = int64(len(next.data))
	}
	if b.buf != nil {
		copy(next.data, b.buf.data[:b.n])
		b.buf.put()
	}
	b.buf = next
	return true
}

// Take moves what is there, from the byte from on, into f, whose previous content it overwrites without
// releasing it. The first context bytes of it are the frame's Context. more says that the answer has further frames; crowded
// that this one is not larger for want of memory.
func (b *FrameBuffer) Take(f *Frame, from, context int, more, crowded bool) {
	*f = Frame{crowded: crowded}
	if more {
		f.Stream = StreamMore
	}
	if b.buf == nil {
		return
	}
	f.buf, f.Payload = b.buf, b.buf.data[from:b.n]
	f.PayloadLen = uint32(len(f.Payload))
	if context > 0 {
		f.NumOptions, f.Options[0] = 1, uint32(context)
	}
	if b.Budget != nil {
		f.budget = b.Budget
		f.budget.Book(int64(len(f.buf.data)) - b.taken)
	}
	b.buf, b.n, b.taken = nil, 0, 0
}

// Release drops what is there, and gives the memory back.
func (b *FrameBuffer) Release() {
	if b.Budget != nil && b.taken != 0 {
		b.Budget.Book(-b.taken)
	}
	if b.buf != nil {
		b.buf.put()
	}
	b.buf, b.n, b.taken = nil, 0, 0
}
