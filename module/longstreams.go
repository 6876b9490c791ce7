package module

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

const (
	// longStream is how long a stream lasts that counts: what is over by then holds up nobody
	// for long.
	longStream = 5 * time.Second
	// warningPause is the least time between two warnings.
	warningPause = time.Minute
)

// longStreams counts the long streams of a pool. Each holds a worker, and when they hold all of
// them every other request waits, and nothing else would say why. It is safe for concurrent use.
type longStreams struct {
	mu     sync.Mutex
	long   int
	warned time.Time
}

// begin is called when a stream begins, and end when it is over. When it has become a long one,
// full is asked, with the number of long ones, whether they hold all workers, and then warn is
// called, not too often.
func (c *longStreams) begin(full func(long int) bool, warn func(long int)) (end func()) {
	counted, over := false, false // guarded by mu
	timer := time.AfterFunc(longStream, func() {
		c.mu.Lock()
		if over {
			c.mu.Unlock()
			return
		}
		counted = true
		c.long++
		long, quiet := c.long, !c.warned.IsZero() && time.Since(c.warned) < warningPause
		c.mu.Unlock()
		if quiet || !full(long) {
			return
		}
		c.mu.Lock()
		c.warned = time.Now()
		c.mu.Unlock()
		warn(long)
	})
	return func() {
		timer.Stop()
		c.mu.Lock()
		defer c.mu.Unlock()
		if over = true; counted {
			c.long--
		}
	}
}

// streams announces a stream of the pool.
func (p *pool) streams() (end func()) {
	return p.longStreams.begin(p.heldByStreams, func(long int) {
		p.Log().Warn("streams, or large answers to slow clients, hold all workers: every other request waits until one of them ends; "+
			"give streams a pool of their own, with as many workers as there may be streams",
			zap.Int("streams", long), zap.Int("waiting", p.Stats().Queue))
	})
}

// heldByStreams reports whether so many streams leave no worker for anything else, nor room for
// another one. Those of workers that only finish what they have begun hold up nobody.
func (p *pool) heldByStreams(long int) bool {
	s := p.Stats()
	busy := 0
	for _, w := range s.Workers {
		if w.State == workerpool.StateBusy && w.DrainsUntil.IsZero() {
			busy++
		}
	}
	return busy >= s.Max && long >= s.Max
}
