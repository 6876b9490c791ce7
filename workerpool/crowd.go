package workerpool

import (
	"time"

	"go.uber.org/zap"
)

const (
	// crowdedAfter is how long a request waits before a pool at its maximum is called crowded.
	crowdedAfter = 100 * time.Millisecond
	// crowdedPause is the time between two log lines that say so.
	crowdedPause = time.Minute
)

// crowd knows whether requests wait at a pool that cannot grow. It is told once when that begins,
// and once when nobody waits any more. The pool's lock guards it.
type crowd struct {
	since  time.Time // not zero while it is so
	told   bool      // that it is
	logged time.Time // the last time
}

// watchCrowd returns what there is to log, or nil. It needs the lock; what it returns does not.
func (p *Pool) watchCrowd(now time.Time) func() {
	c := &p.crowd
	oldest := p.queue.head
	switch {
	case oldest == nil && !c.since.IsZero():
		since, told := c.since, c.told
		c.since, c.told = time.Time{}, false
		if told {
			return func() { p.Log().Info("no request waits any more", zap.Duration("crowded", now.Sub(since))) }
		}
	case oldest != nil && c.since.IsZero() && now.Sub(oldest.since) >= crowdedAfter && p.fullyGrown():
		c.since = now
		if !c.logged.IsZero() && now.Sub(c.logged) < crowdedPause {
			return nil
		}
		c.told, c.logged = true, now
		fields := []zap.Field{zap.Int("max", p.max), zap.Int("waiting", p.queue.length()), zap.Duration("waited", now.Sub(oldest.since)),
			zap.Duration("longest_request", p.longestTurn(now))}
		return func() {
			p.Log().Warn("requests wait: all workers are busy, and the pool is at its maximum", fields...)
		}
	}
	return nil
}

// fullyGrown reports whether all the workers that there may be are there, and at a request. It needs the lock.
func (p *Pool) fullyGrown() bool {
	busy := 0
	for w := range p.workers {
		if w.phase == serving && w.turn != noTurn {
			busy++
		}
	}
	return busy >= p.max
}

// longestTurn is how long the request has been running that began first. It needs the lock.
func (p *Pool) longestTurn(now time.Time) (longest time.Duration) {
	for w := range p.workers {
		if w.turn != noTurn && !w.turnStart.IsZero() {
			longest = max(longest, now.Sub(w.turnStart))
		}
	}
	return longest
}
