package goridge

import (
	"bytes"
	"testing"
)

func TestAGatheredFrameIsLikeOneThatWasRead(t *testing.T) {
	var b FrameBuffer
	if b.Len() != 0 || b.Bytes() != nil {
		t.Error("the zero value is not empty")
	}
	b.Write([]byte("....the head"))
	n := copy(b.Room(len("and the body")), "and the body")
	b.Add(n)
	var f Frame
	b.Take(&f, 4, len("the head"), true, false)
	if string(f.Context()) != "the head" || string(f.Body()) != "and the body" || !f.More() || f.Rest() != 0 || f.IsControl() || f.IsError() || f.Crowded() {
		t.Errorf("context %q, body %q, %+v", f.Context(), f.Body(), f.Header)
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes were left", b.Len())
	}
	b.Write([]byte("next"))
	if string(f.Body()) != "and the body" {
		t.Error("the next frame has changed this one")
	}
	f.Release()
	b.Take(&f, 0, 0, false, true)
	if len(f.Context()) != 0 || string(f.Body()) != "next" || f.More() || !f.Crowded() {
		t.Errorf("context %q, body %q, %+v", f.Context(), f.Body(), f.Header)
	}
	f.Release()
	b.Take(&f, 0, 0, false, false)
	if f.Payload != nil || f.More() {
		t.Errorf("of nothing came %q", f.Payload)
	}
	f.Release()
}

func TestWhatIsGatheredIsWholeWhateverItsSize(t *testing.T) {
	for _, size := range []int{1, startSize, startSize + 1, 300_000, 9 << 20} {
		l := &ledger{limit: 64 << 20}
		b := FrameBuffer{Budget: l}
		want := []byte(text(size))
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 7000)
			if !b.Write(rest[:n]) {
				t.Fatal("no room")
			}
			rest = rest[n:]
		}
		var f Frame
		b.Take(&f, 0, 0, false, false)
		if !bytes.Equal(f.Body(), want) {
			t.Errorf("%d bytes: the content differs", size)
		}
		l.want(t, "taken", int64(len(f.buf.data)))
		f.Release()
		l.want(t, "released", 0)
	}
}

func TestNothingIsGatheredBeyondTheBudget(t *testing.T) {
	l := &ledger{limit: 100_000}
	b := FrameBuffer{Budget: l}
	piece := []byte(text(10_000))
	pieces := 0
	for b.Write(piece) {
		if pieces++; pieces > 20 {
			t.Fatal("the budget was never asked")
		}
	}
	if pieces == 0 || b.Len() != pieces*len(piece) {
		t.Errorf("%d bytes of %d pieces are there", b.Len(), pieces)
	}
	if held := l.held.Load(); held == 0 || held > l.limit {
		t.Errorf("%d bytes are booked", held)
	}
	b.Release()
	l.want(t, "released", 0)
	if !b.Write(piece) {
		t.Error("a small frame found no room")
	}
	b.Release()
	l.want(t, "released again", 0)
}

func gathered(t *testing.T, budget Budget, text string, context int, more bool) *Frame {
	t.Helper()
	b, f := FrameBuffer{Budget: budget}, new(Frame)
	if !b.Write([]byte(text)) {
		t.Fatal("there is no room")
	}
	b.Take(f, 0, context, more, false)
	return f
}

func TestAFrameMovesWithItsMemory(t *testing.T) {
	held := ledger{limit: 1 << 20}
	from, to := gathered(t, &held, "headbody", 4, true), gathered(t, &held, "before", 0, false)
	from.MoveTo(to)
	if string(to.Context()) != "head" || string(to.Body()) != "body" || !to.More() {
		t.Errorf("%q, %q, more %v", to.Context(), to.Body(), to.More())
	}
	if len(from.Payload) != 0 || !from.More() {
		t.Errorf("%q stays, more %v", from.Payload, from.More())
	}
	held.want(t, "moved", startSize)
	from.Release()
	to.Release()
	held.want(t, "at the end", 0)
}

func TestFramesJoinWhereThereIsRoom(t *testing.T) {
	held := ledger{limit: 1 << 20}
	f := gathered(t, &held, "headone", 4, true)
	if !f.Join(gathered(t, &held, "two", 0, false)) || string(f.Context()) != "head" || string(f.Body()) != "onetwo" || f.More() {
		t.Errorf("%q, %q, more %v", f.Context(), f.Body(), f.More())
	}
	large := gathered(t, &held, string(make([]byte, startSize)), 0, true)
	if f.Join(large) || len(large.Payload) != startSize || string(f.Body()) != "onetwo" {
		t.Errorf("more than there is room for: %q and %d bytes", f.Body(), len(large.Payload))
	}
	large.Release()
	f.Release()
	held.want(t, "at the end", 0)
}

func TestWhatMustBeGatheredIsBookedBeyondTheBudget(t *testing.T) {
	l := &ledger{limit: 30_000}
	b := FrameBuffer{Budget: l}
	var want []byte
	for len(want) < 300_000 {
		piece := []byte(text(7_000))
		b.MustWrite(piece)
		want = append(want, piece...)
		if !bytes.Equal(b.Bytes(), want) {
			t.Fatalf("after %d bytes the content differs", len(want))
		}
	}
	if b.Write([]byte(text(5 << 20))) {
		t.Error("the budget has given what it has not")
	}
	var f Frame
	b.Take(&f, 0, 10, true, true)
	l.want(t, "taken", int64(len(f.buf.data)))
	f.Release()
	l.want(t, "released", 0)
	b.MustWrite(want)
	b.Release()
	l.want(t, "given up", 0)
}
