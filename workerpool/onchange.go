package workerpool

import (
	"errors"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/watch"
)

// DefaultWatch are the files whose change restarts the workers where no pattern
// is given.
var DefaultWatch = []string{"**/*.{php,env,twig,yaml,yml}", ".env*"}

// startWatch restarts the workers whenever a watched file changes, until stopWatch is called.
func (p *Pool) startWatch() {
	if len(p.config.Watch) == 0 {
		return
	}
	stop, err := watch.Start(p.config.Dir, p.config.Watch, p.fileChanged, func(err error) {
		p.Log().Warn("watching files", zap.Error(err))
	})
	if err != nil {
		p.Log().Error("files are not watched", zap.Error(err))
		return
	}
	p.stopWatch = stop
}

// fileChanged begins a restart, which supersedes one that may have begun before the
// change. It does not block: the next change may mend this one.
func (p *Pool) fileChanged(file string) {
	p.owners.Go(func() {
		r, err := p.Restart(ReasonWatch)
		if err != nil {
			return // the pool is closed
		}
		p.Log().Info("a file has changed: restarting the workers", zap.String("file", file))
		<-r.Done()
		if _, failed := errors.AsType[*BootError](r.err); failed {
			p.Log().Error("the changed code does not start; the old workers keep serving", zap.Error(r.err))
		}
	})
}
