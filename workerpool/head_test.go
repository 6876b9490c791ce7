//go:build !race

package workerpool

import (
	"errors"
	"io"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"
)

func TestTheRequestTimeoutGoesOnUntilTheAnswerBegins(t *testing.T) {
	c := Config{Min: 1, RequestTimeout: 5 * time.Second}
	bubble(t, c, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		// As long as it keeps to the limit, and whatever follows.
		turn := open(t, p, "wait 2s; chunk; wait 2s; chunk; wait 1h; answer")
		if err := turn.NextHead(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := turn.Next(); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		turn.Close()

		// Time in the queue does not count, here either.
		busy := send(p, t.Context(), script("wait 4s; answer"))
		pass(0)
		begin := time.Now()
		turn = open(t, p, "wait 2s; chunk; wait 1s; chunk; deaf; wait 1h; answer")
		(<-busy).body(t)
		err := turn.NextHead()
		if err == nil {
			err = turn.NextHead()
		}
		lost := as[*WorkerError](t, err)
		if !errors.Is(err, ErrTimeout) || lost.After != 5*time.Second || time.Since(begin) != 9*time.Second+lastWordsOf(ReasonTimeout) {
			t.Errorf("got %v, after %s and %s in all; want ErrTimeout after 5s and 9s", err, lost.After, time.Since(begin))
		}
		if err := turn.NextHead(); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		turn.Close()
		ask(t, p, "answer")
		booked(t, p, 1, ReasonTimeout)
	})
}

func TestWithoutARequestTimeoutASilenceBeforeTheAnswerIsOneOfAStream(t *testing.T) {
	c := Config{Min: 1, StreamIdleTimeout: 3 * time.Second}
	bubble(t, c, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		turn := open(t, p, "wait 2s; chunk; wait 1h; answer")
		err := turn.NextHead()
		if lost := as[*WorkerError](t, err); !errors.Is(err, ErrStreamIdle) || lost.After != 5*time.Second {
			t.Errorf("got %v after %s; want ErrStreamIdle after 5s", err, lost.After)
		}
		turn.Close()
	})
}

func TestAnAnswerThatBreaksOffTellsHowLongItHasTaken(t *testing.T) {
	bubble(t, Config{Min: 1}, nil, func(t *testing.T, p *Pool, _ *fakes, _ *observer.ObservedLogs) {
		turn := open(t, p, "wait 2s; chunk; wait 3s; exit 4")
		if lost := as[*WorkerError](t, turn.Next()); lost.After != 5*time.Second {
			t.Errorf("it says %s; want 5s", lost.After)
		}
		turn.Close()
	})
}
