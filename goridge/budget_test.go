package goridge

import (
	"bytes"
	"io"
	"sync/atomic"
	"testing"
)

// ledger is a budget that a test looks into.
type ledger struct {
	held  atomic.Int64
	limit int64
}

func (l *ledger) Take(n int64) bool {
	if l.held.Load()+n > l.limit {
		return false
	}
	l.held.Add(n)
	return true
}

func (l *ledger) Book(n int64) { l.held.Add(n) }

func (l *ledger) want(t *testing.T, when string, n int64) {
	t.Helper()
	if got := l.held.Load(); got != n {
		t.Errorf("%s: %d bytes are booked, want %d", when, got, n)
	}
}

func TestAFrameIsBookedUntilItsRelease(t *testing.T) {
	for _, size := range []int{10, 20_000, 100_000, 3_000_000, 17 << 20} {
		l := &ledger{limit: 64 << 20}
		frames := encode(data("{}", text(size)), data("{}", "next"))
		c := reading(bytes.NewReader(frames), Options{Budget: l})
		var f, next Frame
		if err := c.ReadFrame(&f); err != nil || f.Crowded() || f.Rest() != 0 {
			t.Fatalf("%d bytes: %v, crowded %v, %d not in memory", size, err, f.Crowded(), f.Rest())
		}
		l.want(t, "read", int64(len(f.buf.data)))
		if err := c.ReadFrame(&next); err != nil {
			t.Fatal(err)
		}
		next.Release()
		f.Release()
		f.Release()
		l.want(t, "released", 0)
	}
}

func TestAFrameWithoutRoomIsReadByWhoTakesIt(t *testing.T) {
	l := &ledger{limit: 1000}
	m := data(`{"status":200}`, text(500_000))
	c := reading(bytes.NewReader(encode(m, data("{}", text(20_000)), data("{}", "small"))), Options{Budget: l})
	var f Frame
	if err := c.ReadFrame(&f); err != nil || !f.Crowded() || f.Rest() == 0 || string(f.Context()) != m.context {
		t.Fatalf("%v, crowded %v, %d not in memory, context %q", err, f.Crowded(), f.Rest(), f.Context())
	}
	if got := content(t, &f); got != m {
		t.Error("the content differs")
	}
	f.Release()
	l.want(t, "the first one", 0)
	l.limit = 64 << 20
	for range 2 { // the budget is asked anew for each
		if err := c.ReadFrame(&f); err != nil || f.Crowded() || f.Rest() != 0 {
			t.Errorf("%v, crowded %v, %d not in memory", err, f.Crowded(), f.Rest())
		}
		f.Release()
	}
	l.want(t, "all", 0)
}

func TestAFrameThatNeverComesIsNotBooked(t *testing.T) {
	half := data("{}", text(500_000)).encode()[:200_000]
	t.Run("the peer goes", func(t *testing.T) {
		l := &ledger{limit: 1 << 20}
		if err := reading(bytes.NewReader(half), Options{Budget: l}).ReadFrame(new(Frame)); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		l.want(t, "after the end", 0)
	})
	t.Run("nobody reads on", func(t *testing.T) {
		l := &ledger{limit: 1 << 20}
		c, w := pipe(t, Options{Budget: l})
		if _, err := w.Write(half[:40_000]); err != nil {
			t.Fatal(err)
		}
		if ok, err := c.TryReadFrame(new(Frame)); ok || err != nil {
			t.Fatal(ok, err)
		}
		if l.held.Load() == 0 {
			t.Fatal("nothing is booked, so the test proves nothing")
		}
		c.Close()
		l.want(t, "closed", 0)
	})
}
