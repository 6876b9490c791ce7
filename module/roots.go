package module

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/phpworker/caddy-php-worker/module/classic"
	"github.com/phpworker/caddy-php-worker/module/exchange"
)

// The values of Handler.ResolveRoot.
const (
	resolveAtRequest = "request"
	resolveAtRestart = "restart"
)

// maxRoots is how many roots a generation knows at most.
const maxRoots = 1000

var errManyRoots = fmt.Errorf("with resolve_root %s a pool knows %d roots at most until its next restart", resolveAtRestart, maxRoots)

// roots are what the roots of sites lead to, by name, for one generation of processes: what is known of one stays as it is.
// They are what the generation has in common, and live as long. It is safe for concurrent use.
type roots struct {
	mu   sync.RWMutex
	real map[string]string
}

// beginRoots is workerpool.Config.Begin: what has been asked for before is resolved anew, and what is not there then with the first request.
func beginRoots(before any) any {
	next := &roots{real: make(map[string]string)}
	if before, ok := before.(*roots); ok {
		for name := range before.all() {
			_, _ = next.leadsTo(name)
		}
	}
	return next
}

// commonRoots are those of a generation, with common being what its processes have in common; before the pool has started there are none, and each root is
// resolved when it is asked for.
func commonRoots(common any) *roots {
	s, _ := common.(*roots)
	return s
}

// all are the folders by the names that lead there.
func (s *roots) all() map[string]string {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.real)
}

// leadsTo is the folder that the name, an absolute path, leads to: as it was when that was asked first.
func (s *roots) leadsTo(name string) (string, error) {
	if s == nil {
		return classic.Root(name)
	}
	s.mu.RLock()
	known, ok := s.real[name]
	s.mu.RUnlock()
	if ok {
		return known, nil
	}
	real, err := classic.Root(name)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.real[name]; ok { // somebody was quicker
		return known, nil
	}
	if len(s.real) >= maxRoots {
		return "", errManyRoots
	}
	s.real[name] = real
	return real, nil
}

// resolveAtStart resolves the root of a handler when the pool starts, where it is known by then.
func (a *App) resolveAtStart(p *pool, root string) {
	if root == "" {
		return
	}
	if _, unknown := parseTemplate(root).replace(caddy.NewReplacer()); unknown != "" {
		return
	}
	name, err := caddy.FastAbs(caddy.NewReplacer().ReplaceAll(root, ""))
	if err == nil {
		a.roots[p] = append(a.roots[p], name)
	}
}

// routeIn is route for processes of the generation that has these roots.
func (h *Handler) routeIn(s *roots, root, path string) classic.Decision {
	real, err := s.leadsTo(root)
	if errors.Is(err, errManyRoots) {
		return classic.Decision{Status: http.StatusInternalServerError, Reason: err.Error()}
	}
	if err != nil {
		return classic.Decision{Status: http.StatusNotFound, Reason: fmt.Sprintf("root %q: %v", root, err)}
	}
	return h.router.ResolveBelow(real, path)
}

// decidedOtherwise says that no script answers a request for which the newest generation of processes has one.
type decidedOtherwise classic.Decision

func (d decidedOtherwise) Error() string { return d.Reason }

// suit is workerpool.Request.Suit of a request that has been encoded for a script of the newest generation: processes of an
// earlier one run that of their own release. nil: it is the same for all.
func (h *Handler) suit(r *http.Request, q *exchange.Request, script classic.Script) func(any) ([]byte, error) {
	if h.ResolveRoot != resolveAtRestart {
		return nil
	}
	return func(common any) ([]byte, error) {
		root, err := h.rootFor(r)
		if err != nil {
			return nil, err
		}
		switch d := h.routeIn(commonRoots(common), root, r.URL.Path); {
		case d.Status != 0:
			return nil, decidedOtherwise(d)
		case d.Script == script:
			return q.Frame, nil
		default:
			return q.Anew(d.Script)
		}
	}
}
