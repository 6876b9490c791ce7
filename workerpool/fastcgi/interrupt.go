package fastcgi

import "time"

// What others than the holder of the turn may do to a conversation.

// readWithin makes receiving fail after d, 0: not any more; false says that somebody has broken or interrupted it.
func (l *Link) readWithin(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || l.interrupted {
		return false
	}
	var t time.Time
	if d > 0 {
		t = time.Now().Add(d)
	}
	l.sock.readDeadline(t)
	return true
}

// WaitAtMost makes CatchUp fail with os.ErrDeadlineExceeded after d, until ClearInterrupt is called.
func (l *Link) WaitAtMost(d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.broken && !l.interrupted {
		l.sock.writeDeadline(time.Now().Add(d))
	}
	return true
}

// Interrupt makes what waits, now or later, fail with os.ErrDeadlineExceeded, until ClearInterrupt is called. An
// answer is lost by it.
func (l *Link) Interrupt() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupted = true
	l.endWaits(time.Now())
	return true
}

// ClearInterrupt takes Interrupt and WaitAtMost back, but not Break.
func (l *Link) ClearInterrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.interrupted = false
	if !l.broken {
		l.endWaits(time.Time{})
	}
}

// Break ends what waits, now or later, at once.
func (l *Link) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	l.endWaits(time.Now())
}

// endWaits needs the lock.
func (l *Link) endWaits(at time.Time) {
	l.sock.readDeadline(at)
	l.sock.writeDeadline(at)
}

// Stop ends the answer that PHP sends: PHP finds the connection closed when it prints something, as it
// does under any server, and ends then, with or without its request.
func (l *Link) Stop() {
	l.stopped.Store(true)
	l.soften()
	l.sock.shut(true)
}

// AskToLeave asks PHP to end as soon as it is done with what it is at.
func (l *Link) AskToLeave() error {
	l.soften()
	l.sock.shut(false)
	return nil
}

func (l *Link) soften() {
	if l.options.Soften != nil {
		l.options.Soften()
	}
}

// Close closes the connection.
func (l *Link) Close() { l.sock.close() }

// NeverRead is never known: what a process has not read goes with it.
func (l *Link) NeverRead() bool { return false }

// Waiting is how many bytes of what PHP wrote nobody has received.
func (l *Link) Waiting() int { return l.sock.waiting() }

// FlushText ends a line for the log.
func (l *Link) FlushText() {
	if l.options.Messages != nil {
		l.options.Messages.Flush()
	}
}

// Drain is FlushText: what PHP has for the log comes with its answers.
func (l *Link) Drain() { l.FlushText() }

// GiveUp gives up the request at hand: when it returns nothing of its body is read any more.
func (l *Link) GiveUp() {
	l.Break()
	_ = l.endBody()
	l.answer.reset()
}
