package workerpool

import (
	"testing"
	"time"
)

func TestAPoolThatStreamsSendsNothingAhead(t *testing.T) {
	p := start(t, steady(1))
	calm(p)
	whole(t, receive(t, send(p, t.Context(), script("chunks 3"))).turn)
	load(t, p, 8, 50, "answer")
	if n := p.Stats().Ahead; n != 0 {
		t.Errorf("%d requests were sent ahead right after a stream", n)
	}
}

// A request that PHP reads together with the front may have to wait for it.
func TestWhereTurnsMayBeLongOnlyWhatMayBeRepeatedIsSentAhead(t *testing.T) {
	p := start(t, steady(1))
	for name, c := range map[string]struct {
		restless int
		pieces   bool
		next     *Request
		want     int64
	}{
		"even":                       {0, false, script("answer"), 1},
		"uneven":                     {1000, false, script("answer"), 0},
		"uneven, repeatable":         {1000, false, repeatable("answer"), 1},
		"with long answers":          {0, true, script("answer"), 0},
		"with long ones, repeatable": {0, true, repeatable("answer"), 1},
	} {
		p.mu.Lock()
		p.pace.short = 0 // nothing goes ahead of the first
		p.mu.Unlock()
		before := p.Stats().Ahead
		first, g, v := occupy(t, p, false)
		front := send(p, t.Context(), script("visit "+g.path+"; answer"))
		queued(t, p, 1)
		next := send(p, t.Context(), c.next)
		queued(t, p, 2)
		p.mu.Lock()
		p.pace.short, p.pace.long = time.Hour, time.Hour
		p.pace.restless, p.pace.pieces = min(c.restless, evenTurns), c.pieces
		p.mu.Unlock()
		v.release()
		v = g.next(t)
		receive(t, first).body(t)
		eventually(t, name+": it is sent ahead", func() bool { return p.Stats().Ahead-before >= c.want })
		v.release()
		receive(t, front).body(t)
		receive(t, next).body(t)
		if n := p.Stats().Ahead - before; n != c.want {
			t.Errorf("%s: %d requests were sent ahead, want %d", name, n, c.want)
		}
	}
}

func TestRequestsThatAreNotShortOnAverageEndSendingAhead(t *testing.T) {
	p := start(t, steady(1))
	calm(p)
	p.mu.Lock()
	p.pace.short, p.pace.average = shortTurn, time.Hour // as after many of them
	p.mu.Unlock()
	load(t, p, 4, 20, "answer")
	if n := p.Stats().Ahead; n != 0 {
		t.Errorf("%d requests were sent ahead", n)
	}
	pace := newPace()
	for range 10 * averageOf {
		pace.turnTook(shortTurn / 2)
	}
	if off := pace.average - shortTurn/2; off.Abs() > time.Microsecond {
		t.Errorf("the average of %s is %s", shortTurn/2, pace.average)
	}
}

func TestNothingIsSentAheadWhereThatIsOffOrCannotBeTakenBack(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"": nil, "off": func(c *Config) { c.NoPipeline = true }, "unix": func(c *Config) { c.Relay = RelayUnix },
	} {
		t.Run(name, func(t *testing.T) {
			c := steady(2)
			if change != nil {
				change(&c)
			}
			p := start(t, c)
			ahead := int64(0)
			for range 20 { // a busy machine makes long what is short
				calm(p)
				load(t, p, 16, 50, "answer")
				if ahead = p.Stats().Ahead; ahead > 0 {
					break
				}
			}
			if (ahead > 0) != (change == nil) {
				t.Errorf("%d requests were sent ahead", ahead)
			}
		})
	}
}

func TestHowManyMayLieBehindTheFront(t *testing.T) {
	c := newPace()
	turns := func(n int) {
		for range n {
			c.turnTook(shortTurn / 10)
		}
	}
	expect := func(when string, want int) {
		t.Helper()
		if n := c.depth(); n != want {
			t.Errorf("%s: %d, want %d", when, n, want)
		}
	}
	expect("at first", 0)
	turns(evenTurns - 1)
	expect("when the average is short", 1)
	turns(1)
	expect("when no turn has been long", maxBehind)
	c.turnTook(longTurn + 1)
	expect("after a long one", 1)
	turns(evenTurns - 1)
	expect("soon after it", 1)
	turns(1)
	expect("later", maxBehind)
	c.average = shortTurn / 2
	expect("where each takes some time", 4)
	c.average = shortTurn
	expect("where each takes much of it", 2)
	c.average = shortTurn + 1
	expect("where they are not short", 0)
	c.average = 0
	mixed := func(short int) {
		for range 2 * shareOf {
			turns(short)
			c.turnTook(50 * time.Millisecond)
			turns(10)
		}
	}
	mixed(50)
	expect("where one of sixty is long", 1)
	mixed(9)
	expect("where one of twenty is", 0)
}
