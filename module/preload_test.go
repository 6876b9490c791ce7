package module

import (
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestPreloadAutoWantsOneRootWhoseReleaseCountsFromARestartOn(t *testing.T) {
	for want, change := range map[string]func(h *Handler){
		`preload "on": want off or auto`:              func(h *Handler) { h.Preload = "on" },
		"preload auto needs resolve_root restart: pr": func(h *Handler) { h.ResolveRoot = "" },
		"preload auto needs resolve_root restart":     func(h *Handler) { h.ResolveRoot = resolveAtRequest },
		"needs a pool of the site's own":              func(h *Handler) { h.Pool = "shared" },
		"preload has no meaning in worker mode":       func(h *Handler) { h.Script, h.ResolveRoot = []string{"w.php"}, "" },
		"needs the option root, without placeholders": func(h *Handler) { h.Root = "/srv/{host}" },
		"needs the option root":                       func(h *Handler) { h.Root = "" },
	} {
		h := &Handler{Root: "/srv/app", ResolveRoot: resolveAtRestart, Preload: "auto"}
		if root, err := h.preloadRoot(); err != nil || root != "/srv/app" {
			t.Fatalf("%q, %v", root, err)
		}
		change(h)
		if root, err := h.preloadRoot(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v; want %q", root, err, want)
		}
		h.Preload = "off"
		if root, err := h.preloadRoot(); err != nil || root != "" {
			t.Errorf("off: %q, %v", root, err)
		}
	}
}

func TestAPoolThatPreloadsIsForOneRoot(t *testing.T) {
	a := &App{byName: make(map[string]*pool), loggers: make(map[string]*zap.Logger)}
	t.Cleanup(func() { _ = a.Cleanup() })
	c := PoolConfig{Mode: modeClassic, Name: "app"}
	one, err := a.acquire(c, "/one", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if same, err := a.acquire(c, "/one", zap.NewNop()); err != nil || same != one {
		t.Errorf("another handler for this root: the same pool is %v, %v", same == one, err)
	}
	for _, root := range []string{"/two", ""} {
		if _, err := a.acquire(c, root, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "two pools with different settings") {
			t.Errorf("a handler for %q: %v", root, err)
		}
	}
	c = PoolConfig{Mode: modeClassic, Name: "own", Ini: map[string]string{"opcache.preload": "x.php"}}
	if _, err := a.acquire(c, "/one", zap.NewNop()); err == nil || !strings.Contains(err.Error(), "exclude each other") {
		t.Errorf("beside a script of the user's: %v", err)
	}

	one.publish()
	defer one.unpublish()
	for root, want := range map[string]bool{"/one": true, "/two": false, "": false} {
		if other := (&pool{registry: one.registry, name: "app", preload: root}).substitute(); (other == one) != want {
			t.Errorf("it answers for a pool for %q: %v", root, !want)
		}
	}
}

func TestPreloadingIsForTheReleaseBeforeOnly(t *testing.T) {
	d := newDeployed(t, "1", "2")
	d.flip("1")
	first := beginRoots(nil)
	if sameRoot(nil, first) || sameRoot(first, beginRoots(first)) {
		t.Error("nobody knows for which release that would be")
	}
	d.wantLeadsTo(commonRoots(first), "1")
	second := beginRoots(first)
	if !sameRoot(first, second) {
		t.Error("it is the same release")
	}
	d.flip("2")
	if sameRoot(second, beginRoots(second)) {
		t.Error("it is another release")
	}
	if _, err := commonRoots(second).leadsTo(d.dir); err != nil {
		t.Fatal(err)
	}
	d.flip("1")
	if sameRoot(second, beginRoots(second)) {
		t.Error("there are two roots")
	}
}
