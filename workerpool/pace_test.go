package workerpool

import (
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
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
	for range 10 * averageOver {
		pace.turnTook(shortTurn / 2)
	}
	if off := pace.average - shortTurn/2; off.Abs() > time.Microsecond {
		t.Errorf("the average of %s is %s", shortTurn/2, pace.average)
	}
}

func TestNothingIsSentAheadWhereThatIsOff(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"": nil, "off": func(c *Config) { c.NoPipeline = true },
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
	turns(steadyTurns - 1)
	expect("when the average is short", 1)
	turns(1)
	expect("when no turn has been long", link.MaxBehind)
	c.turnTook(longTurn + 1)
	expect("after a long one", 1)
	turns(steadyTurns - 1)
	expect("soon after it", 1)
	turns(1)
	expect("later", link.MaxBehind)
	c.sawStream()
	expect("after an answer in pieces", 0)
	turns(steadyTurns - 1)
	expect("soon after that", 0)
	turns(1)
	c.average = shortTurn / 2
	expect("where each takes some time", 4)
	c.average = shortTurn
	expect("where each takes much of it", 2)
	c.average = shortTurn + 1
	expect("where they are not short", 0)
	c.average = 0
	mixed := func(short int) {
		for range 2 * shareOver {
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
