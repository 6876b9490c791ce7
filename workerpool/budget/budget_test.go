package budget_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/budget"
)

func TestWhatCanGoToAFileLeavesRoomForWhatCannot(t *testing.T) {
	b := budget.New(800, new(atomic.Int64))
	if !b.Take(400) || b.Take(1) {
		t.Error("bytes that can go to a file take half of the bound, and no more")
	}
	if !b.TakeFixed(300) || b.TakeFixed(1) || b.Fixed() != 700 {
		t.Error("bytes that cannot take seven eighths with the others, and no more")
	}
	if !b.TakeHead(100) || b.TakeHead(1) {
		t.Error("heads take all of it, and no more")
	}
	b.Book(50)
	if b.Held() != 850 || b.TakeHead(0) {
		t.Errorf("%d are held; beyond the bound nothing is taken, not even nothing", b.Held())
	}
	b.Book(-850)
	if b.Held() != 0 || b.Limit() != 800 {
		t.Errorf("%d of %d are held after all was given back", b.Held(), b.Limit())
	}
}

func TestPoolsOfOneNameShareTheSum(t *testing.T) {
	held := new(atomic.Int64)
	before, after := budget.New(1000, held), budget.New(100, held)
	if !before.TakeHead(100) || after.TakeHead(1) || after.Held() != 100 {
		t.Errorf("the new pool sees %d bytes of 100", after.Held())
	}
}

func TestTheBoundHoldsWhoeverAsksAtOnce(t *testing.T) {
	b := budget.New(1000, new(atomic.Int64))
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if b.TakeHead(7) {
					taken.Add(7)
				}
			}
		})
	}
	all.Wait()
	if b.Held() != 994 || taken.Load() != 994 {
		t.Errorf("%d are held, %d were given", b.Held(), taken.Load())
	}
}

func TestTakingMakesNoAllocation(t *testing.T) {
	b := budget.New(1000, new(atomic.Int64))
	if n := testing.AllocsPerRun(100, func() { b.TakeHead(10); b.Book(-10) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
