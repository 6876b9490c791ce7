package workerpool

import "github.com/phpworker/caddy-php-worker/workerpool/launch"

// generation is what workers have in common that are started between one restart and the
// next: a launcher. Two generations may share one.
type generation struct {
	number   int // of restarts that had begun before
	launcher launch.Launcher
	traits   launch.Traits
}

// generation is that of new workers. It needs the lock.
func (p *Pool) generation() *generation { return p.generations[len(p.generations)-1] }

// renewed begins a new generation. It needs the lock.
func (p *Pool) renewed(l launch.Launcher) {
	p.generations = append(p.generations, &generation{number: p.restarts, launcher: l, traits: l.Traits()})
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
