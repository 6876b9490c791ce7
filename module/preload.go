package module

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// preloadRoot is the root for which the handler's pool is to preload classes; "": it is to preload nothing.
func (h *Handler) preloadRoot() (string, error) {
	switch {
	case h.Preload == "" || h.Preload == "off":
		return "", nil
	case h.Preload != "auto":
		return "", fmt.Errorf("preload %q: want off or auto", h.Preload)
	case h.Pool != "":
		return "", errors.New("preload auto needs a pool of the site's own: sites that share one would get classes of each other")
	case !h.Classic():
		return "", misplaced(h, false)
	case h.ResolveRoot != resolveAtRestart:
		return "", errors.New("preload auto needs resolve_root restart: preloaded classes are those of the release that PHP was started with, so another one may count only from a restart on")
	case h.Root == "" || strings.Contains(h.Root, "{"):
		return "", errors.New("preload auto needs the option root, without placeholders: preloaded classes are there for every request, so there may be one root only")
	}
	return caddy.FastAbs(h.Root)
}

// sameRoot is workerpool.Classic.Preload: what requests have loaded may be preloaded where the one root of the pool leads where it did.
func sameRoot(before, next any) bool {
	b, n := commonRoots(before).all(), commonRoots(next).all()
	return len(b) == 1 && maps.Equal(b, n)
}
