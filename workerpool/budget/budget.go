// Package budget bounds what the requests and answers of a pool hold in memory
// together, so that no number of clients, and no size of what they send or leave
// unread, makes more of it.
//
// Nobody ever waits for memory: who asks for some gets it at once, or is refused and
// puts the bytes into a file, or turns the request away, be it when it has been answered. So nothing can wait for each
// other. What becomes of bytes that are refused decides how much of the bound
// they may take: bytes that can go to a file only half of it, so that they never keep
// out those that cannot, such as the heads of answers, and these leave a rest for the heads of requests.
package budget

import "sync/atomic"

// Budget is the bound of one pool. All methods are safe for concurrent use; none
// blocks or allocates.
type Budget struct {
	limit int64
	held  *atomic.Int64
}

// New returns a budget of limit bytes. held is the sum; pools that replace one
// another share it.
func New(limit int64, held *atomic.Int64) *Budget { return &Budget{limit: limit, held: held} }

// Limit is the bound in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Held is what is held now, in bytes.
func (b *Budget) Held() int64 { return b.held.Load() }

// Take asks for n bytes that can go to a file: they may take half of the bound. Who
// gets them gives them back with Book(-n).
func (b *Budget) Take(n int64) bool { return b.within(n, b.limit/2) }

// TakeFixed asks for n bytes that cannot go to a file.
func (b *Budget) TakeFixed(n int64) bool { return b.within(n, b.Fixed()) }

// Fixed is how much of the bound such bytes may take: seven eighths.
func (b *Budget) Fixed() int64 { return b.limit - b.limit/8 }

// TakeHead asks for n bytes of the head of a request: they may take all of the bound.
func (b *Budget) TakeHead(n int64) bool { return b.within(n, b.limit) }

// Book adds n bytes that are there already, whether there is room for them or not; a
// negative n gives bytes back.
func (b *Budget) Book(n int64) { b.held.Add(n) }

// within adds n if the sum stays within bound.
func (b *Budget) within(n, bound int64) bool {
	for {
		held := b.held.Load()
		if n > bound-held {
			return false
		}
		if b.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}
