package workerpool

import (
	"testing"
	"time"
)

func TestEveryEndHasItsLadder(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name             string
		reason           Reason
		force, leftAhead bool
		stopTimeout      time.Duration
		want             ladder
	}{
		{"in order", ReasonMaxRequests, false, false, 10 * time.Second, ladder{ask: true, term: 5 * time.Second, kill: 10 * time.Second}},
		{"in order, after a request too long", ReasonTimeout, false, true, 10 * time.Second, ladder{ask: true, term: 5 * time.Second, kill: 10 * time.Second}},
		{"by force", ReasonConfig, true, false, 10 * time.Second, ladder{term: 0, kill: time.Second}},
		{"by force, with little time", ReasonConfig, true, false, 200 * ms, ladder{term: 0, kill: 200 * ms}},
		{"a crash", ReasonCrash, true, false, 10 * time.Second, ladder{term: 250 * ms, kill: time.Second}},
		{"a crash, with little time", ReasonCrash, true, true, 200 * ms, ladder{term: 50 * ms, kill: 200 * ms}},
		{"a request too long", ReasonTimeout, true, false, 10 * time.Second, ladder{trace: true, term: 500 * ms, kill: time.Second}},
		{"a request too long, and others behind it", ReasonTimeout, true, true, 10 * time.Second, ladder{term: 0, kill: time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ladderOf(c.reason, c.force, c.leftAhead, c.stopTimeout)
			if got != c.want {
				t.Errorf("%+v; want %+v", got, c.want)
			}
			if got.term > got.kill || got.kill > c.stopTimeout {
				t.Errorf("%+v is in no order, or takes longer than %s", got, c.stopTimeout)
			}
		})
	}
}
