package workerpool

import (
	"sync/atomic"
	"time"
)

// waiter is a request in the queue. Exactly one of two things happens to it:
// somebody with the pool's lock takes it out of the queue and sends an outcome,
// or the request itself takes it out and gives up. In between it may be sent to
// a worker ahead of its turn, and come back.
type waiter struct {
	since      time.Time
	outcome    chan outcome // room for one
	prev, next *waiter
	queued     bool
	back       bool // it was put back, in front of some that may have waited longer
	gaveUp     bool // gave up while it was sent ahead; the pool's lock guards it
	left       bool // came back from a worker that may carry it out all the same; likewise

	// request may be sent ahead; nil: nothing may. number is what it has got by that, in the
	// conversation with the worker.
	request []byte
	number  uint32
}

// outcome is a worker, or the reason why there is none.
type outcome struct {
	w   *worker
	err error
	// ahead says that the worker has the request already.
	ahead bool
}

// queue is a first come, first served list. Every operation takes constant
// time. The pool's lock guards it.
type queue struct {
	head, tail *waiter
	len        atomic.Int64
}

// length is how many requests wait. Without the lock it is what was so a moment ago.
func (q *queue) length() int { return int(q.len.Load()) }

func (q *queue) push(w *waiter) {
	w.prev, w.next, w.queued, w.back = q.tail, nil, true, false
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.len.Add(1)
}

// pushFront puts a request back that lost its worker: it has waited already.
func (q *queue) pushFront(w *waiter) {
	w.prev, w.next, w.queued, w.back = nil, q.head, true, true
	if q.head == nil {
		q.tail = w
	} else {
		q.head.prev = w
	}
	q.head = w
	q.len.Add(1)
}

// remove takes w out and reports whether it was still there.
func (q *queue) remove(w *waiter) bool {
	if !w.queued {
		return false
	}
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.len.Add(-1)
	return true
}

// pop takes the oldest out; nil if there is none.
func (q *queue) pop() *waiter {
	w := q.head
	if w != nil {
		q.remove(w)
	}
	return w
}
