package workerpool

import "time"

const (
	// shortTurn is how long recent requests may have run on average for the
	// next one to be sent ahead: where they run longer, that gains nothing.
	// Each counts for one in averageOf, and for longTurn at most.
	shortTurn = 750 * time.Microsecond
	averageOf = 64
	// manyLong is the share of turns longer than longTurn that also ends sending ahead.
	// Each turn counts for one in shareOf.
	manyLong = 1.0 / 32
	shareOf  = 512
	// longTurn is the time that ends sending several for the next evenTurns, and one
	// that must not be repeated: they could have to wait behind the next such turn.
	longTurn  = 5 * time.Millisecond
	evenTurns = 768
	// maxBehind is how many requests may lie behind the front, if they are short
	// enough to wait no longer than two of average shortTurn would make them.
	maxBehind = 7
	// tooLong is how long requests wait at most behind the front when they can be
	// repeated elsewhere.
	tooLong = 100 * time.Millisecond
	// streamMemory is how long nothing is sent ahead after a stream: the 3.x
	// client drops requests that it finds while it looks for a stop frame.
	streamMemory = time.Minute
)

// pace says how many requests are sent ahead. The pool's lock guards it.
type pace struct {
	// shortTurn, longTurn, tooLong and maxBehind, but for tests.
	short, long, tooLong time.Duration
	behind               int

	average  time.Duration // of recent turns
	longOnes float64       // their share
	restless int           // how many turns must still be seen that are not long
	streamed time.Time     // when the last stream began
	pieces   bool          // an answer has come in pieces: there will be others
	// For Snapshot and tests: requests sent ahead, and those of them that were
	// taken back.
	ahead, recalled int64
}

// newPace is that of a pool of which nothing is known yet.
func newPace() pace {
	return pace{short: shortTurn, long: longTurn, tooLong: tooLong, behind: maxBehind, average: 2 * shortTurn, restless: evenTurns}
}

// turnTook notes how long a turn lasted. It needs the lock.
func (c *pace) turnTook(d time.Duration) {
	c.average += (min(d, c.long) - c.average) / averageOf
	c.longOnes -= c.longOnes / shareOf
	if d > c.long {
		c.longOnes += 1.0 / shareOf
	}
	switch {
	case d > c.long:
		c.restless = evenTurns
	case c.restless > 0:
		c.restless--
	}
}

// even says that no recent turn was long, and that no answer may be. It needs the lock.
func (c *pace) even() bool { return c.restless == 0 && !c.pieces }

// depth is how many requests may lie behind the front. It needs the lock.
func (c *pace) depth() int {
	switch {
	case c.average > c.short, c.longOnes > manyLong:
		return 0
	case !c.streamed.IsZero() && time.Since(c.streamed) < streamMemory:
		return 0
	case !c.even():
		return 1
	}
	return max(1, min(c.behind, int(2*c.short/max(1, c.average))))
}
