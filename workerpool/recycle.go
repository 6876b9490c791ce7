package workerpool

import (
	"math/rand/v2"
	"time"
)

// lifetime is how long a new worker may live: up to a tenth less than MaxLifetime,
// so that workers which started together do not leave together.
func (p *Pool) lifetime() time.Duration {
	most := p.config.MaxLifetime
	if most <= 0 {
		return 0
	}
	return most - rand.N(most/10+1)
}

// dueReason says whether the worker has reached one of its limits. It needs the
// lock.
func (p *Pool) dueReason(w *worker, served, rss int64) Reason {
	switch {
	case w.maxTurns > 0 && served >= w.maxTurns:
		return ReasonMaxRequests
	case p.config.MaxMemory > 0 && rss > p.config.MaxMemory:
		return ReasonMaxMemory
	}
	return ""
}

// answeredOnly says that the worker has answered the one request that it was made for: what
// comes is its end.
func (w *worker) answeredOnly() bool { return w.generation.traits.OneRequest && w.served.Load() > 0 }

// oneShot remembers that workers end after a single request: their script has
// no loop. The pool's lock guards it.
type oneShot struct {
	last, warned time.Time
}

const oneShotMemory = time.Minute

// seen notes such an end and reports whether to warn, which is once a minute.
func (l *oneShot) seen(now time.Time) bool {
	l.last = now
	if now.Sub(l.warned) < oneShotMemory {
		return false
	}
	l.warned = now
	return true
}

// suspected says that a worker should not get its next request before it has
// asked for it.
func (l *oneShot) suspected() bool {
	return !l.last.IsZero() && time.Since(l.last) < oneShotMemory
}
