package link

import (
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// What others than the holder of the turn may do to a conversation.

// Stop asks the worker to end the stream that it sends. It blocks while its pipe is full,
// and is for any goroutine.
func (l *Link) Stop() { _, _ = l.conn.Write(goridge.AppendStreamStop(nil)) }

// AskToLeave asks the worker to end as soon as it is ready. For any goroutine.
func (l *Link) AskToLeave() error {
	_, err := l.conn.Write(goridge.AppendControlStop(nil))
	return err
}

// WaitAtMost makes reads fail with os.ErrDeadlineExceeded after d, until ClearInterrupt is called. False
// says that this relay knows no deadlines.
func (l *Link) WaitAtMost(d time.Duration) bool {
	return l.conn.SetReadDeadline(time.Now().Add(d)) == nil
}

// Interrupt makes a pending or later read fail with os.ErrDeadlineExceeded, until ClearInterrupt is called.
// False says that this relay knows no deadlines. For any goroutine.
func (l *Link) Interrupt() bool { return l.conn.SetReadDeadline(time.Now()) == nil }

// ClearInterrupt takes Interrupt back. For any goroutine.
func (l *Link) ClearInterrupt() { _ = l.conn.SetReadDeadline(time.Time{}) }

// Break ends pending and later reads and writes at once. What has come can still be
// read after ClearInterrupt, where the relay knows deadlines. For any goroutine.
func (l *Link) Break() {
	if l.conn.SetWriteDeadline(time.Now()) != nil || !l.Interrupt() {
		l.conn.Close()
	}
}

// GiveUp does nothing: a body is read by Send only.
func (l *Link) GiveUp() {}

// Close closes the relay. For any goroutine.
func (l *Link) Close() { l.conn.Close() }
