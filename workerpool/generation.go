package workerpool

import "github.com/phpworker/caddy-php-worker/workerpool/launch"

// generation is what workers have in common that are started between one restart and the
// next: a launcher. Two generations may share one.
type generation struct {
	number   int // of restarts that had begun before
	launcher launch.Launcher
	traits   launch.Traits
	common   any // what Config.Begin has returned for it
}

// generation is that of new workers. It needs the lock.
func (p *Pool) generation() *generation { return p.generations[len(p.generations)-1] }

// renewed begins a new generation, which has that in common. It needs the lock.
func (p *Pool) renewed(l launch.Launcher, common any) {
	p.generations = append(p.generations, &generation{number: p.restarts, launcher: l, traits: l.Traits(), common: common})
}

// begin is what the workers of the next generation have in common, where those of the one before have that.
func (p *Pool) begin(before any) any {
	if p.config.Begin == nil {
		return nil
	}
	return p.config.Begin(before)
}

// Common is what Config.Begin has returned for the generation that new workers are of; nil before the pool has started. Older
// workers may still answer: see Request.Suit.
func (p *Pool) Common() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.generations) == 0 {
		return nil
	}
	return p.generation().common
}

// unusedLaunchers forgets the generations before the current one that have no workers any
// more. It returns their launchers, which are to be closed without the lock. It needs the lock.
func (p *Pool) unusedLaunchers() (unused []launch.Launcher) {
	if len(p.generations) == 1 {
		return nil
	}
	used := map[*generation]bool{p.generation(): true}
	for w := range p.workers {
		used[w.generation] = true
	}
	inUse := make(map[launch.Launcher]bool)
	var left []*generation
	for _, g := range p.generations {
		if used[g] {
			left = append(left, g)
			inUse[g.launcher] = true
		}
	}
	for _, g := range p.generations {
		if !inUse[g.launcher] {
			inUse[g.launcher] = true // and closed once
			unused = append(unused, g.launcher)
		}
	}
	p.generations = left
	return unused
}
