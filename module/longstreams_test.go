package module

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLongStreamsThatHoldAllWorkersAreWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c longStreams
		var warned []int
		begin := func() func() {
			return c.begin(func(long int) bool { return long >= 2 }, func(long int) { warned = append(warned, long) })
		}
		pass := func(d time.Duration, want ...int) {
			t.Helper()
			<-time.After(d)
			synctest.Wait()
			if !slices.Equal(warned, want) {
				t.Errorf("the warnings are for %v streams, want %v", warned, want)
			}
		}
		first, short := begin(), begin()
		pass(longStream - time.Millisecond)
		short()
		pass(2 * time.Millisecond) // one is long
		second := begin()
		pass(longStream+time.Millisecond, 2)
		third := begin() // a minute has not passed
		pass(longStream+time.Millisecond, 2)
		third()
		second()
		pass(warningPause, 2)
		second = begin()
		pass(longStream+time.Millisecond, 2, 2)
		second()
		first()
		if c.long != 0 {
			t.Errorf("in the end %d streams are counted", c.long)
		}
	})
}
