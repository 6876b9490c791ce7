package link

import (
	"errors"
	"math"
	"testing"
)

// toldBy is a machine that has heard so many frames, each of which fits.
func toldBy(t *testing.T, m Machine, frames ...Said) *Machine {
	t.Helper()
	for _, s := range frames {
		if m.Hear(s) == End {
			t.Fatalf("%+v ended it: %v", s, m.Err())
		}
		if m.Phase() == Whole {
			m.Finish(false)
		}
	}
	return &m
}

var (
	answer = Said{Kind: Answer}
	part   = Said{Kind: Answer, More: true}
	here   = Said{Kind: Here, PID: pid}
	wish   = Said{Kind: Wish}
)

// asked is a machine with so many requests.
func asked(n int, numbers bool) Machine {
	m := NewMachine(pid, numbers)
	for range n {
		m.Ask(!numbers)
	}
	return m
}

func TestWhatEndsAConversation(t *testing.T) {
	one := func(s Said) Said { s.Number = 1; return s }
	left := func(m Machine) Machine { m.Abandon(); return m }
	for name, c := range map[string]struct {
		machine Machine
		before  []Said
		last    Said
		want    error
	}{
		"unasked":                       {asked(0, false), nil, answer, ErrUnasked},
		"a reply that nobody asked for": {asked(0, false), nil, here, ErrUnasked},
		"a wish at any time":            {asked(0, false), nil, wish, ErrAskedToStop},
		"a wish instead of an answer":   {asked(1, false), nil, wish, ErrAskedToStop},
		"a wish within a stream":        {asked(1, false), []Said{part}, wish, ErrAskedToStop},
		"a head within a stream that may have dropped what lies behind": {asked(2, false), []Said{{Kind: Answer, More: true, Head: true, Peeks: true}, part}, Said{Kind: Answer, Head: true}, ErrLeft},
		"an error there":                 {asked(2, false), []Said{{Kind: Answer, More: true, Head: true, Peeks: true}}, Said{Kind: Failure}, ErrLeft},
		"foreign":                        {asked(1, false), nil, Said{Kind: Foreign}, ErrForeign},
		"foreign behind an answer":       {asked(1, false), []Said{answer}, Said{Kind: Foreign}, ErrForeign},
		"done, without numbers":          {asked(1, false), nil, Said{Kind: Done}, ErrForeign},
		"an answer that is done":         {asked(1, false), nil, Said{Kind: Answer, Done: true}, ErrForeign},
		"the loop within a stream":       {asked(1, false), []Said{part}, here, ErrForeign},
		"two answers":                    {asked(1, false), []Said{answer}, answer, ErrAnsweredTwice},
		"a stream to nobody":             {left(asked(2, false)), []Said{answer, here}, part, ErrAbandonedStream},
		"a second spare reply":           {asked(1, false), []Said{part, answer, here, here}, here, ErrUnasked},
		"two numbered answers":           {asked(1, true), []Said{one(answer)}, one(answer), ErrAnsweredTwice},
		"numbered, an error behind it":   {asked(1, true), []Said{one(answer)}, one(Said{Kind: Failure}), ErrAnsweredTwice},
		"numbered, passed over":          {asked(1, true), nil, one(Said{Kind: Done}), ErrPassedOver},
		"numbered, done within a stream": {asked(1, true), []Said{one(part)}, one(Said{Kind: Done}), ErrForeign},
		"more to come, and done":         {asked(1, true), nil, one(Said{Kind: Answer, More: true, Done: true}), ErrForeign},
		"numbered, a wish":               {asked(1, true), nil, one(wish), ErrForeign},
		"numbered, foreign":              {asked(1, true), nil, one(Said{Kind: Foreign}), ErrForeign},
	} {
		t.Run(name, func(t *testing.T) {
			m := toldBy(t, c.machine, c.before...)
			if v := m.Hear(c.last); v != End || !errors.Is(m.Err(), c.want) {
				t.Errorf("verdict %d, %v; want %v", v, m.Err(), c.want)
			}
			m.Close(errors.New("a later reason"))
			for _, s := range []Said{here, answer, one(answer)} {
				if v := m.Hear(s); v != End || !errors.Is(m.Err(), c.want) {
					t.Errorf("afterwards: verdict %d, %v", v, m.Err())
				}
			}
			if m.MayAsk() || m.MayAskAhead() {
				t.Error("it goes on")
			}
		})
	}
}

func TestAnAnswerHasToBeFinishedBeforeTheNextFrame(t *testing.T) {
	for _, s := range []Said{here, answer, {Kind: Failure}} {
		m := asked(1, false)
		m.Hear(answer)
		if m.Hear(s) != End {
			t.Errorf("%+v was heard before", s)
		}
	}
}

func TestWhoWantsOutIsAskedNothingMore(t *testing.T) {
	m := toldBy(t, asked(1, false), answer, wish)
	if m.MayAskAhead() || !m.AskedToStop() {
		t.Error("one more may be sent ahead")
	}
	if m = toldBy(t, *m, here); m.Phase() != Ready || m.MayAsk() {
		t.Error("one more may be sent")
	}
}

func TestWhenOneMoreMayBeSentAhead(t *testing.T) {
	left := func(m Machine) Machine { m.Abandon(); return m }
	large := NewMachine(pid, false)
	large.Ask(false)
	whole := asked(1, false)
	whole.Hear(answer)
	for name, c := range map[string]struct {
		machine *Machine
		want    bool
	}{
		"ready":                        {toldBy(t, asked(0, false)), false},
		"asked":                        {toldBy(t, asked(1, false)), true},
		"large":                        {&large, false},
		"streaming":                    {toldBy(t, asked(1, false), part), false},
		"whole":                        {&whole, false},
		"answered":                     {toldBy(t, asked(1, false), answer), true},
		"answered large":               {toldBy(t, large, answer), false},
		"behind a stream":              {toldBy(t, asked(1, false), part, answer), false},
		"behind what was left":         {toldBy(t, left(asked(2, false))), false},
		"at what was left":             {toldBy(t, left(asked(2, false)), answer, here), false},
		"as many as may be":            {toldBy(t, asked(maxQueue, false)), false},
		"numbered":                     {toldBy(t, asked(1, true)), true},
		"numbered, streaming":          {toldBy(t, asked(1, true), Said{Kind: Answer, More: true, Number: 1}), false},
		"numbered, at what comes next": {toldBy(t, asked(2, true), Said{Kind: Answer, Done: true, Number: 1}), true},
	} {
		if got := c.machine.MayAskAhead(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	m := toldBy(t, asked(1, false), part, answer, here)
	m.Ask(true)
	if m.MayAskAhead() {
		t.Error("where the spare reply may still come")
	}
	if m = toldBy(t, *m, answer, here); m.MayAskAhead() || !m.MayAsk() {
		t.Errorf("phase %d", m.Phase())
	}
	// An answer has shown that there was none: then a request that is passed over is found out again.
	m.Ask(true)
	if !m.MayAskAhead() {
		t.Error("nothing is sent ahead any more after a stream")
	}
	if m.Hear(here) != End || !errors.Is(m.Err(), ErrPassedOver) {
		t.Errorf("got %v", m.Err())
	}
}

func TestWhatIsOwed(t *testing.T) {
	m := asked(2, false)
	m.Abandon()
	if !m.Owes() || m.FrontOrphaned() {
		t.Error("the request behind is owed, and the front is somebody's")
	}
	n := toldBy(t, m, answer, here)
	if !n.Owes() || !n.FrontOrphaned() {
		t.Error("the front is owed")
	}
	if n.Hear(answer) != Drop {
		t.Error("somebody got what nobody waits for")
	}
	n.Finish(false)
	if n = toldBy(t, *n, here); n.Owes() || n.Phase() != Ready {
		t.Error("nothing is owed any more")
	}
}

// A large request has no pid frame of its own, so behind its stream there is no spare reply.
func TestBehindALargeRequestThereIsNoSpareReply(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		m := NewMachine(pid, false)
		m.Ask(false)
		m.Hear(part)
		m.Hear(answer)
		for range m.Finish(stopped) {
			m.Hear(here)
		}
		if m.Phase() != Ready || m.Hear(here) != End {
			t.Errorf("stopped %v: phase %d, %v", stopped, m.Phase(), m.Err())
		}
	}
}

func TestNoRequestHasTheNumberZero(t *testing.T) {
	m := NewMachine(pid, true)
	m.counted = math.MaxUint32
	if n := m.Ask(false); n != 1 {
		t.Errorf("it has %d", n)
	}
}

func TestWhatMustNotBeDonePanics(t *testing.T) {
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: no panic", name)
			}
		}()
		f()
	}
	m := NewMachine(pid, false)
	m.Ask(false)
	panics("asking behind a large request", func() { m.Ask(true) })
	panics("finishing what has not come", func() { m.Finish(false) })
}

// Heads may be repeated within a stream, and errors may end it, where nobody else's can be meant.
func TestAHeadWithinAStream(t *testing.T) {
	headed := Said{Kind: Answer, Head: true, More: true}
	peeks := headed
	peeks.Peeks = true
	for name, c := range map[string]struct {
		requests int
		before   []Said
	}{
		"nothing lies behind":      {1, []Said{peeks, part}},
		"nothing can be dropped":   {2, []Said{headed, headed}},
		"it was the stream before": {1, []Said{peeks, answer, here}},
	} {
		for _, last := range []Said{headed, {Kind: Answer, Head: true}, {Kind: Failure}} {
			m := toldBy(t, asked(c.requests, false), c.before...)
			if m.Phase() == Ready {
				m.Ask(true)
				if m.MayAskAhead() {
					t.Fatal("the spare reply may still come")
				}
				m = toldBy(t, *m, headed)
			}
			if m.Hear(last) != Pass {
				t.Errorf("%s, %+v: %v", name, last, m.Err())
			}
		}
	}
}

// What the stream before has dropped says nothing of the next one.
func TestWhatAStreamHasDroppedIsForgotten(t *testing.T) {
	m := toldBy(t, asked(1, false), Said{Kind: Answer, More: true, Peeks: true}, answer, here)
	m.Ask(true)
	m = toldBy(t, *m, answer, here)
	m.Ask(true)
	m.Ask(true)
	if m = toldBy(t, *m, part); m.Hear(Said{Kind: Failure}) != Pass {
		t.Errorf("got %v", m.Err())
	}
}
