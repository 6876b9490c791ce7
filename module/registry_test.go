package module

import (
	"slices"
	"testing"

	"go.uber.org/zap"
)

func TestAPoolIsStartingUntilItServesOrIsGivenUp(t *testing.T) {
	g := newRegistry()
	var held []*pool
	for _, name := range []string{"serves", "given up", "waits"} {
		p, err := g.acquire(name, ours(name, Workers{Max: 1}), "", zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		g.starts(p)
		held = append(held, p)
	}
	g.publish(held[0])
	held[1].release()
	if names := g.startingNames(); !slices.Equal(names, []string{"waits"}) {
		t.Errorf("starting: %q", names)
	}
	if g.serving("serves") != held[0] || g.serving("waits") != nil || g.find("waits") != held[2] || g.find("given up") != nil {
		t.Error("one serves, and one is about to")
	}
	if names := g.names(); !slices.Equal(names, []string{"serves", "waits"}) {
		t.Errorf("known: %q", names)
	}
	next, err := g.acquire("next", ours("serves", Workers{Max: 2}), "", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	g.starts(next)
	g.starts(held[0]) // a configuration that has not changed it
	if all := g.ofName("serves"); !slices.Equal(all, []*pool{held[0], next}) || !slices.Equal(g.known(), []*pool{held[0], held[2]}) {
		t.Errorf("of one name, and all: %v, %v", all, g.known())
	}
	held[0].release()
	held[2].release()
	next.release()
	if names := append(g.names(), g.startingNames()...); len(names) > 0 {
		t.Errorf("in the end there are %q", names)
	}
	g.stopDraining()
}

func TestAPoolCountsOnWhereThatOfItsNameStopsAndNobodyKeepsCountsForEver(t *testing.T) {
	g := newRegistry()
	p := &pool{name: "app", totals: newTotals("app"), registry: g}
	counts := func(when string, on bool) {
		t.Helper()
		if (g.totalsOf("app") == p.totals) != on || g.totalsOf("other") == p.totals {
			t.Errorf("where one %s, the next of its name counts on: %v", when, !on)
		}
	}
	g.starts(p)
	counts("is about to serve", true)
	p.publish()
	counts("serves", true)
	drained := g.drains(p)
	p.unpublish()
	counts("is on its way out", true)
	drained()
	counts("is gone", false)
}
