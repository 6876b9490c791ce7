//go:build !race

package launch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnlyTheBeginningOfABlockIsHeldBackAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, logs := logged()
		s := o.stream("stdout")
		begin := time.Now()
		fmt.Fprint(s, "plain\narray(1) {\n")
		if logs.Len() != 1 {
			t.Errorf("%d records at once; want the plain line", logs.Len())
		}
		pass(blockPause - 1)
		fmt.Fprint(s, "  [0]=>\n")
		pass(blockPause - 1)
		if logs.Len() != 1 {
			t.Errorf("%d records while lines still come", logs.Len())
		}
		pass(1)
		all := logs.All()
		if len(all) != 2 || all[1].Message != "array(1) {" || !all[1].Time.Equal(begin) || fmt.Sprint(all[1].ContextMap()["more"]) != "[  [0]=>]" {
			t.Errorf("logged %v; want what came of the block, with the time of its first line", all)
		}
		if kept := len(o.tail()); kept != 3 {
			t.Errorf("%d lines are remembered; want 3 from the first moment", kept)
		}
		fmt.Fprint(s, "array(1) {\n")
		s.Flush() // the worker ends
		pass(time.Second)
		if logs.Len() != 3 {
			t.Errorf("%d records; want 3", logs.Len())
		}
	})
}

// pass lets time go by and everybody do what is to do then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
