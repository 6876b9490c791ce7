package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// spoken is all that a worker says to three requests, the second of which is answered in parts and the
// third with an error. ends are where each answer ends.
func spoken(numbers bool) (all []byte, ends []int) {
	frame := func(flags goridge.Flags, bits goridge.StreamBits, number uint32, text string) {
		h := goridge.Header{Flags: flags, Stream: bits, NumOptions: 1, PayloadLen: uint32(len(text))}
		if numbers {
			h.NumOptions, h.Options[1] = 2, number
		}
		all = append(goridge.AppendHeader(all, &h), text...)
	}
	done := goridge.StreamBits(0)
	if numbers {
		done = goridge.StreamDone
	}
	end := func() {
		if !numbers {
			all = goridge.AppendControlPID(all, pid)
		}
	}
	frame(0, done, 1, "answer 1")
	end()
	ends = append(ends, len(all))
	frame(0, goridge.StreamMore, 2, "ans")
	frame(0, goridge.StreamMore, 2, "wer")
	frame(0, done, 2, " 2")
	end() // to the pid frame behind the request
	end() // and to the one behind the stream
	ends = append(ends, len(all))
	frame(goridge.FlagError, done, 3, "error 3")
	end()
	return all, append(ends, len(all))
}

// listen asks three requests, one after the other, and returns what came of them, and how it ended.
func listen(t *testing.T, numbers bool, cut, size int) (got []string, err error) {
	t.Helper()
	all, ends := spoken(numbers)
	w := &worker{text: all[:min(cut, len(all))], size: size}
	l := New(goridge.NewConn(w, w, goridge.Options{}), goridge.Hello{PID: pid, Numbers: numbers})
	for i := range 3 {
		w.may = ends[i] // it answers when it is asked
		if _, err := l.Send(asking(fmt.Sprint("request ", i+1)), nil, 0); err != nil {
			return got, err
		}
		var text bytes.Buffer
		for more := true; more; {
			var f goridge.Frame
			if err := l.Answer(&f); err != nil {
				return got, err
			}
			text.Write(f.Body())
			if _, err := io.Copy(&text, &f); err != nil {
				return got, err
			}
			more = f.More()
			f.Release()
		}
		l.Finish(false)
		got = append(got, text.String())
		if err := l.CatchUp(0); err != nil {
			return got, err
		}
	}
	return got, nil
}

var wanted = []string{"answer 1", "answer 2", "error 3"}

// A worker may end at every byte: what has come in full is right, and nothing else has come.
func TestAWorkerMayEndAtEveryByte(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		all, _ := spoken(numbers)
		for cut := range len(all) + 1 {
			got, err := listen(t, numbers, cut, 1<<20)
			if (err == nil) != (cut == len(all)) || err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("numbers %v: after %d bytes of %d: %v", numbers, cut, len(all), err)
			}
			for i, text := range got {
				if text != wanted[i] {
					t.Errorf("numbers %v: after %d bytes request %d was answered with %q", numbers, cut, i+1, text)
				}
			}
		}
	}
}

// What a worker says may come in pieces of any size.
func TestWhatAWorkerSaysMayComeInPieces(t *testing.T) {
	for _, numbers := range []bool{false, true} {
		for size := 1; size < 64; size++ {
			got, err := listen(t, numbers, 1<<20, size)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(wanted) {
				t.Errorf("numbers %v, %d bytes at a time: %q, %v", numbers, size, got, err)
			}
		}
	}
}

// worker says its text up to where it may, in pieces of a size, and ends behind it.
type worker struct {
	text          []byte
	at, may, size int
}

func (w *worker) Read(b []byte) (int, error) {
	end := min(w.may, len(w.text))
	if w.at == end {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), w.size)], w.text[w.at:end])
	w.at += n
	return n, nil
}

func (w *worker) Write(p []byte) (int, error) { return len(p), nil }
func (w *worker) Close() error                { return nil }
