package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// pid is the worker's.
const pid = 100

// pair is a link over two pipes, and the worker's end of them.
func pair(t *testing.T, numbers bool) (*Link, *goridge.Conn) {
	t.Helper()
	requests, toWorker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromWorker, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := New(goridge.NewConn(fromWorker, toWorker, goridge.Options{MaxInMemory: 1000}), goridge.Hello{PID: pid, Numbers: numbers})
	w := goridge.NewConn(requests, answers, goridge.Options{})
	t.Cleanup(func() { l.Close(); w.Close() })
	return l, w
}

// asking is a request with that text as its context.
func asking(text string) []byte {
	r := append(goridge.BeginRequest(nil), text...)
	goridge.FinishRequest(r, 0, goridge.CodecJSON, len(text), 0)
	return r
}

// hears reads what the worker is sent until it is a request, and returns its text and number.
func hears(t *testing.T, w *goridge.Conn) (text string, number uint32) {
	t.Helper()
	for {
		var f goridge.Frame
		if err := w.ReadFrame(&f); err != nil {
			t.Fatal(err)
		}
		if !f.IsControl() {
			return string(f.Context()), f.Number()
		}
	}
}

func says(t *testing.T, w *goridge.Conn, number uint32, bits goridge.StreamBits, text string) {
	t.Helper()
	h := goridge.Header{Flags: goridge.CodecJSON, Stream: bits, NumOptions: 1, PayloadLen: uint32(len(text))}
	if number > 0 {
		h.NumOptions, h.Options[1] = 2, number
	}
	if _, err := w.Write(append(goridge.AppendHeader(nil, &h), text...)); err != nil {
		t.Fatal(err)
	}
}

func tellsPID(t *testing.T, w *goridge.Conn, pid int) {
	t.Helper()
	if _, err := w.Write(goridge.AppendControlPID(nil, pid)); err != nil {
		t.Fatal(err)
	}
}

// gets reads a whole answer and ends it.
func gets(t *testing.T, l *Link) string {
	t.Helper()
	var b bytes.Buffer
	for {
		var f goridge.Frame
		if err := l.Answer(&f); err != nil {
			t.Fatal(err)
		}
		b.Write(f.Body())
		if _, err := io.Copy(&b, &f); err != nil {
			t.Fatal(err)
		}
		more := f.More()
		f.Release()
		if !more {
			l.Finish(false)
			return b.String()
		}
	}
}

func sent(t *testing.T, l *Link, text string) uint32 {
	t.Helper()
	number, err := l.Send(asking(text), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func TestALinkCarriesRequestsAndAnswers(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		l, w := pair(t, numbers)
		for i := range 20 {
			want := fmt.Sprint("request ", i)
			number := sent(t, l, want)
			got, told := hears(t, w)
			if got != want || numbers != (told == number) {
				t.Fatalf("the worker got %q with number %d; want %q, %d", got, told, want, number)
			}
			answer := strings.Repeat(want, 1+i*50) // some too long to be in memory
			done := goridge.StreamBits(0)
			if numbers {
				done = goridge.StreamDone
			}
			says(t, w, told, done, answer)
			if !numbers {
				tellsPID(t, w, pid)
			}
			if got := gets(t, l); got != answer {
				t.Fatalf("the answer has %d bytes; want %d", len(got), len(answer))
			}
			if err := l.CatchUp(0); err != nil || !l.Ready() || l.unread() != 0 {
				t.Fatalf("settled: %v; ready %v, %d bytes unread", err, l.Ready(), l.unread())
			}
		}
	}
}

func TestWhatIsSentAheadIsAnsweredInTurn(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		l, w := pair(t, numbers)
		sent(t, l, "front")
		var numbersSent []uint32
		size := 0
		for i := range MaxBehind {
			r := asking(fmt.Sprint("behind ", i))
			if !l.MayAhead(l.Size(r), size) {
				t.Fatalf("%d may not be sent ahead", i)
			}
			size += l.Size(r)
			numbersSent = append(numbersSent, l.Ahead(r))
		}
		if r := asking("one too many"); l.MayAhead(l.Size(r), size) {
			t.Error("more than may be was taken")
		}
		l.Flush()
		for range MaxBehind + 1 {
			text, number := hears(t, w)
			bits := goridge.StreamBits(0)
			if numbers {
				bits = goridge.StreamDone
			}
			says(t, w, number, bits, "answer to "+text)
			if !numbers {
				tellsPID(t, w, pid)
			}
		}
		if got := gets(t, l); got != "answer to front" {
			t.Errorf("the front got %q", got)
		}
		for i, number := range numbersSent {
			if err := l.CatchUp(0); err != nil {
				t.Fatal(err)
			}
			if l.Front() != number {
				t.Fatalf("the front is %d; want %d", l.Front(), number)
			}
			if got, want := gets(t, l), fmt.Sprint("answer to behind ", i); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}

func TestWhatWasLeftIsDropped(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		l, w := pair(t, numbers)
		sent(t, l, "front")
		for i := range 3 {
			l.Ahead(asking(fmt.Sprint("behind ", i)))
		}
		l.Flush()
		l.Leave()
		for range 4 {
			text, number := hears(t, w)
			bits := goridge.StreamBits(0)
			if numbers {
				bits = goridge.StreamDone
			}
			says(t, w, number, bits, strings.Repeat("answer to "+text, 500)) // too long to be in memory
			if !numbers {
				tellsPID(t, w, pid)
			}
		}
		if got := gets(t, l); !strings.HasPrefix(got, "answer to front") {
			t.Errorf("the front got %.20q", got)
		}
		if !l.Owes() {
			t.Error("nothing is owed any more")
		}
		if err := l.CatchUp(time.Minute); err != nil || !l.Ready() || l.Owes() {
			t.Errorf("%v; ready: %v", err, l.Ready())
		}
	}
}

func TestWhatDoesNotFitEndsTheConversation(t *testing.T) {
	for name, c := range map[string]struct {
		numbers bool
		says    func(t *testing.T, w *goridge.Conn)
		want    error
	}{
		"two answers":      {false, func(t *testing.T, w *goridge.Conn) { says(t, w, 0, 0, "a"); says(t, w, 0, 0, "b") }, ErrAnsweredTwice},
		"none":             {false, func(t *testing.T, w *goridge.Conn) { tellsPID(t, w, pid) }, ErrPassedOver},
		"a fork":           {false, func(t *testing.T, w *goridge.Conn) { says(t, w, 0, 0, "a"); tellsPID(t, w, pid+1) }, ErrOtherProcess},
		"a number":         {false, func(t *testing.T, w *goridge.Conn) { says(t, w, 1, 0, "a") }, ErrForeign},
		"no number":        {true, func(t *testing.T, w *goridge.Conn) { says(t, w, 0, 0, "a") }, ErrWrongNumber},
		"another's number": {true, func(t *testing.T, w *goridge.Conn) { says(t, w, 2, 0, "a") }, ErrWrongNumber},
		"a pid":            {true, func(t *testing.T, w *goridge.Conn) { says(t, w, 1, 0, "a"); tellsPID(t, w, pid) }, ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			l, w := pair(t, c.numbers)
			sent(t, l, "request")
			hears(t, w)
			c.says(t, w)
			var f goridge.Frame
			err := l.Answer(&f)
			if err == nil {
				l.Finish(false)
				err = l.CatchUp(0)
			}
			if !errors.Is(err, c.want) || !errors.Is(l.Err(), c.want) {
				t.Errorf("%v, then %v; want %v", err, l.Err(), c.want)
			}
			if _, err := l.TryCatchUp(); err == nil || l.MayAsk() {
				t.Error("it goes on")
			}
		})
	}
}

func TestAWorkerThatSpeaksUnaskedIsFoundOutBeforeItIsAsked(t *testing.T) {
	l, w := pair(t, false)
	sent(t, l, "request")
	hears(t, w)
	says(t, w, 0, 0, "answer")
	tellsPID(t, w, pid)
	says(t, w, 0, 0, "stray")
	if got := gets(t, l); got != "answer" {
		t.Errorf("got %q", got)
	}
	if settled, err := l.TryCatchUp(); !settled || err != nil {
		t.Fatalf("settled %v, %v", settled, err)
	}
	_, err := l.Send(asking("the next"), nil, 0)
	if write, ok := errors.AsType[*goridge.WriteError](err); !ok || !write.SafeToRetry() || !errors.Is(err, ErrUnasked) {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfAWorkerShowsAtOnce(t *testing.T) {
	l, w := pair(t, false)
	if err := l.Look(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := l.Look(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func TestAnInterruptedReadGoesOn(t *testing.T) {
	l, w := pair(t, true)
	number := sent(t, l, "request")
	hears(t, w)
	if !l.Interrupt() {
		t.Fatal("a pipe knows deadlines")
	}
	var f goridge.Frame
	if err := l.Answer(&f); !errors.Is(err, os.ErrDeadlineExceeded) || l.Err() != nil {
		t.Fatalf("got %v, %v", err, l.Err())
	}
	l.ClearInterrupt()
	says(t, w, number, goridge.StreamDone, "answer")
	if got := gets(t, l); got != "answer" {
		t.Errorf("got %q", got)
	}
}

func TestARequestIsUnreadUntilItsBytesHaveBeenTaken(t *testing.T) {
	l, w := pair(t, false)
	r := asking("request")
	sent(t, l, "request")
	if n := l.unread(); n != l.Size(r) {
		t.Errorf("%d bytes were sent; want %d", n, l.Size(r))
	}
	hears(t, w)
	says(t, w, 0, 0, "answer")
	gets(t, l)
	tellsPID(t, w, pid)
	if err := l.CatchUp(0); err != nil || l.unread() != 0 {
		t.Errorf("%v; %d bytes", err, l.unread())
	}
}
