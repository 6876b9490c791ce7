package workerpool

import (
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

const (
	// shortTurn is how long recent requests may have run on average for the
	// next one to be sent ahead: where they run longer, that gains nothing.
	// Each counts for one in averageOver, and for longTurn at most.
	shortTurn   = 750 * time.Microsecond
	averageOver = 64
	// longTurn is the time after which only one request is sent ahead for the next steadyTurns:
	// others could have to wait behind the next such turn. After an answer in pieces
	// none is.
	longTurn    = 5 * time.Millisecond
	steadyTurns = 768
	// maxLongShare is the share of turns longer than longTurn that ends sending ahead. Each turn
	// counts for one in shareOver.
	maxLongShare = 1.0 / 32
	shareOver    = 512
	// tooLong is how long requests wait at most behind the front.
	tooLong = 10 * time.Millisecond
)

// pace says how many requests are sent ahead. The pool's lock guards it.
type pace struct {
	// shortTurn, longTurn, tooLong and link.MaxBehind, but for tests.
	short, long, tooLong time.Duration
	behind               int

	average     time.Duration // of recent turns
	longShare   float64       // the share of turns longer than longTurn
	unsteadyFor int           // how many turns must still be seen that are not long
	streamedFor int           // and how many whose answers come whole
	// For Snapshot and tests: requests sent ahead, and those of them that were
	// given to another worker after all.
	ahead, left int64
}

// newPace is that of a pool of which nothing is known yet.
func newPace() pace {
	return pace{short: shortTurn, long: longTurn, tooLong: tooLong, behind: link.MaxBehind, average: 2 * shortTurn, unsteadyFor: steadyTurns}
}

// turnTook notes how long a turn lasted. It needs the lock.
func (c *pace) turnTook(d time.Duration) {
	c.average += (min(d, c.long) - c.average) / averageOver
	c.longShare -= c.longShare / shareOver
	c.streamedFor = max(0, c.streamedFor-1)
	if d > c.long {
		c.longShare += 1.0 / shareOver
		c.sawLong()
	} else if c.unsteadyFor > 0 {
		c.unsteadyFor--
	}
}

// sawLong notes a turn that is long, or may become it. It needs the lock.
func (c *pace) sawLong() { c.unsteadyFor = steadyTurns }

// sawStream notes an answer that takes as long as its reader. It needs the lock.
func (c *pace) sawStream() { c.streamedFor = steadyTurns }

// depth is how many requests may lie behind the front: as many as wait no longer than two
// of average shortTurn would make them. It needs the lock.
func (c *pace) depth() int {
	switch {
	case c.average > c.short, c.longShare > maxLongShare, c.streamedFor > 0:
		return 0
	case c.unsteadyFor > 0:
		return 1
	}
	return max(1, min(c.behind, int(2*c.short/max(1, c.average))))
}
