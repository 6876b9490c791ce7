package module

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

func TestConfigurationsThatSayTheSameShareAPool(t *testing.T) {
	one, giveUp := acquired(t, ours("app", Workers{Max: 1}))
	same, _ := acquired(t, ours("app", Workers{Max: 1}))
	other, _ := acquired(t, ours("app", Workers{Max: 2}))
	if one != same || one == other {
		t.Error("equal settings must make one pool, different ones two")
	}
	giveUp()
	if one.ended.Load() {
		t.Error("the pool ends although a configuration holds it")
	}
	again, _ := acquired(t, ours("app", Workers{Max: 1}))
	if again != one {
		t.Error("a pool that is still held was made anew")
	}
}

func TestAPoolThatNobodyHoldsEndsAndIsMadeAnew(t *testing.T) {
	p, giveUp := acquired(t, ours("app", Workers{Max: 1}))
	p.publish()
	giveUp()
	if !p.ended.Load() || slices.Contains(shared.names(), "app") {
		t.Errorf("ended: %v, serving: %v", p.ended.Load(), shared.names())
	}
	if next, _ := acquired(t, ours("app", Workers{Max: 1})); next == p {
		t.Error("a configuration has got a pool that has ended")
	}
}

func TestAPoolOfBadSettingsIsNotKept(t *testing.T) {
	bad := ours("app", Workers{Max: 1})
	bad.Relay = "pigeon"
	for range 2 {
		if _, err := shared.acquire("bad", bad, "", zap.NewNop()); err == nil {
			t.Fatal("an unknown relay was accepted")
		}
	}
	p, err := shared.acquire("bad", ours("app", Workers{Max: 1}), "", zap.NewNop())
	if err != nil {
		t.Fatal("its key is spoilt:", err)
	}
	p.release()
}

// A configuration that Caddy rejects after it has started has taken the name.
func TestTheNameGoesBackToThePoolBeforeIfThatStillServes(t *testing.T) {
	for _, test := range []struct {
		name  string
		ended bool
		want  bool
	}{{"it serves", false, true}, {"it has ended", true, false}} {
		t.Run(test.name, func(t *testing.T) {
			before, giveUpBefore := acquired(t, ours("app", Workers{Max: 1}))
			before.publish()
			after, giveUpAfter := acquired(t, ours("app", Workers{Max: 2}))
			after.publish()
			if shared.serving("app") != after {
				t.Fatal("the newer pool does not serve")
			}
			if test.ended {
				giveUpBefore()
			}
			giveUpAfter()
			if p := shared.serving("app"); (p != nil) != test.want || test.want && p != before {
				t.Errorf("the name is known: %v, want %v", p != nil, test.want)
			}
		})
	}
}

func TestAnOlderPoolThatEndsTakesNoNameAway(t *testing.T) {
	before, giveUp := acquired(t, ours("app", Workers{Max: 1}))
	before.publish()
	after, _ := acquired(t, ours("app", Workers{Max: 2}))
	after.publish()
	giveUp()
	if shared.serving("app") != after {
		t.Error("the newer pool has lost its name")
	}
}

func TestAPoolLogsAsTheNewestConfigurationSays(t *testing.T) {
	p, _ := acquired(t, ours("app", Workers{Max: 1}))
	logger := func() (*zap.Logger, *observer.ObservedLogs) {
		core, logs := observer.New(zap.InfoLevel)
		return zap.New(core), logs
	}
	old, oldLines := logger()
	young, youngLines := logger()
	p.useLogger(old)
	p.Log().Info("1")
	p.useLogger(young)
	p.Log().Info("2")
	p.dropLogger(old) // the usual order of a reload
	p.Log().Info("3")
	p.useLogger(old)
	p.dropLogger(old) // a reload that Caddy has rejected
	p.Log().Info("4")
	if oldLines.Len() != 1 || youngLines.Len() != 3 {
		t.Errorf("the old one has %d lines, want 1; the young one %d, want 3", oldLines.Len(), youngLines.Len())
	}
}

func TestAPoolThatIsNotReadyLendsTheOneThatServes(t *testing.T) {
	request := func(p *pool) (*workerpool.Turn, error) {
		frame, _, err := exchange.Warmup("/", p.codec)
		if err != nil {
			t.Fatal(err)
		}
		return p.exec(t.Context(), &workerpool.Request{Frame: frame})
	}
	serving := serves(t, ours("app", Workers{Min: 1, Max: 1}))
	next, _ := acquired(t, ours("app", Workers{Min: 1, Max: 2}))
	turn, err := request(next)
	if err != nil {
		t.Fatal(err)
	}
	if pid := serving.Stats().Workers[0].PID; turn.PID != pid {
		t.Errorf("worker %d has answered, not %d of the pool that serves", turn.PID, pid)
	}
	turn.Close()

	// The request is encoded already: one of another codec cannot take it.
	proto := ours("app", Workers{Min: 1, Max: 2})
	proto.Codec = "proto"
	other, _ := acquired(t, proto)
	if other.substitute() != nil {
		t.Error("a pool with another codec lends its workers")
	}

	if err := next.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	next.publish()
	if err := serving.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	turn, err = request(serving) // of a connection that is older than the reload
	if err != nil {
		t.Fatal(err)
	}
	if pid := next.Stats().Workers[0].PID; turn.PID != pid {
		t.Errorf("worker %d has answered, not %d of the newer pool", turn.PID, pid)
	}
	turn.Close()
}

func TestAConfigurationFillsItsPoolsFromItsDefaults(t *testing.T) {
	a := &App{
		Defaults: &PoolConfig{Ini: map[string]string{"memory_limit": "256M", "precision": "10"}, MaxRequests: 500},
		byName:   make(map[string]*pool), loggers: make(map[string]*zap.Logger),
	}
	t.Cleanup(func() { _ = a.Cleanup() })
	plain, err := a.acquire(ours("plain", Workers{Max: 1}), "", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	own := ours("own", Workers{Max: 1})
	own.MaxRequests, own.Ini = 7, map[string]string{"precision": "14"}
	special, err := a.acquire(own, "", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[*pool][3]any{plain: {500, "256M", "10"}, special: {7, "256M", "14"}} {
		if c := p.Config(); c.MaxRequests != want[0] || c.Ini["memory_limit"] != want[1] || c.Ini["precision"] != want[2] {
			t.Errorf("the pool %s has %d requests and %v, want %v", p.name, c.MaxRequests, c.Ini, want)
		}
	}
	if same, err := a.acquire(ours("plain", Workers{Max: 1}), "", zap.NewNop()); err != nil || same != plain {
		t.Errorf("a second handler that says the same has another pool, or the error %v", err)
	}
	if _, err := a.acquire(ours("plain", Workers{Max: 2}), "", zap.NewNop()); err == nil || !strings.Contains(err.Error(), `two pools with different settings are named "plain"`) || !strings.Contains(err.Error(), "shared pool") {
		t.Errorf("two pools of one name: %v", err)
	}
}
