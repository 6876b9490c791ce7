package module

import (
	"context"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// restart is a rolling restart of all pools of one name: the one that serves, and one that a
// reload is about to put in its place, whose workers may have read the code of before.
type restart struct {
	registry *registry
	name     string
	rollouts map[*pool]*workerpool.Rollout
}

// beginRestart starts a rolling restart, which goes on when nobody waits for it.
func (g *registry) beginRestart(name string) (*restart, error) {
	r := &restart{registry: g, name: name, rollouts: make(map[*pool]*workerpool.Rollout)}
	for again := true; again; {
		again = false
		for _, p := range g.ofName(name) {
			if r.rollouts[p] != nil {
				continue
			}
			rollout, err := p.beginRestart()
			switch {
			case err == nil:
				r.rollouts[p] = rollout
			case g.serving(name) == p: // Caddy ends
				return nil, err
			default: // it has just been replaced, or it has not begun to start and reads the new code
				again = p.ended.Load()
			}
		}
	}
	return r, nil
}

// beginRestart starts a rolling restart of one pool.
func (p *pool) beginRestart() (*workerpool.Rollout, error) {
	r, err := p.Restart(workerpool.ReasonRestart)
	if err != nil {
		return nil, err
	}
	go func() { // it ends with the pool at the latest
		err := r.Wait(context.Background())
		if err != nil && !errors.Is(err, workerpool.ErrSuperseded) && !errors.Is(err, workerpool.ErrClosed) {
			p.Log().Error("rolling restart aborted", zap.Error(err))
		}
	}()
	return r, nil
}

// wait waits until the new workers answer every new request, and where drained is set until the
// old ones have gone. The errors are those of [workerpool.Rollout.Wait].
func (r *restart) wait(ctx context.Context, drained bool) error {
	serves := len(r.rollouts) == 0 // what there is has yet to start
	for p, rollout := range r.rollouts {
		wait := rollout.Wait
		if drained {
			wait = rollout.WaitDrained
		}
		err := wait(ctx)
		if errors.Is(err, workerpool.ErrClosed) && r.replaced(p) {
			continue
		}
		if err != nil {
			return err
		}
		serves = true
	}
	if !serves {
		return workerpool.ErrSuperseded
	}
	return nil
}

// replaced reports whether another pool serves under the name. If it is not part of the restart it has
// started later.
func (r *restart) replaced(p *pool) bool {
	serving := r.registry.serving(r.name)
	return serving != nil && serving != p
}

// draining are the old workers that still have a request.
func (r *restart) draining() (all []workerStatus) {
	for _, rollout := range r.rollouts {
		for _, w := range rollout.Draining() {
			all = append(all, statusOfWorker(w))
		}
	}
	return all
}

// restartStatus is what came of a restart.
type restartStatus struct {
	// Status is restarting, restarted, or superseded by a newer restart or a reload.
	Status string `json:"status"`
	// Draining are the old workers that still have a request.
	Draining []workerStatus `json:"draining,omitempty"`
}

// serveRestart answers the admin endpoint.
func (g *registry) serveRestart(w http.ResponseWriter, r *http.Request, name string) error {
	drained := r.URL.Query().Get("wait") == "drained"
	wait, err := boolQuery(r, "wait")
	if err != nil && !drained {
		return apiError(http.StatusBadRequest, errors.New("wait must be true, false or drained"))
	}
	restart, err := g.beginRestart(name)
	switch {
	case err != nil:
		return apiError(http.StatusInternalServerError, err)
	case !wait && !drained:
		return reply(w, http.StatusAccepted, restartStatus{Status: "restarting"})
	}
	err = restart.wait(r.Context(), drained)
	switch {
	case errors.Is(err, workerpool.ErrSuperseded):
		return reply(w, http.StatusOK, restartStatus{Status: "superseded"})
	case err != nil && r.Context().Err() != nil:
		return apiError(statusClientClosed, err)
	case err != nil:
		return apiError(http.StatusInternalServerError, err)
	}
	return reply(w, http.StatusOK, restartStatus{Status: "restarted", Draining: restart.draining()})
}
