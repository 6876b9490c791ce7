package launch

import (
	"fmt"
	"slices"
	"testing"
)

func TestTheBeginningTheEndAndTheFatalErrorAreRemembered(t *testing.T) {
	var all transcript
	add := func(n int) {
		for range n {
			all.add(fmt.Sprint("line ", all.total+1))
		}
	}
	add(50)
	all.add("[29-Nov-2026 03:00:00 UTC] PHP Fatal error:  Uncaught Oops")
	add(49)
	want := []string{"line 1", "line 10", "(40 more lines)", "Fatal error:  Uncaught Oops", "(29 more lines)", "line 81", "line 100"}
	lines := all.lines(true)
	if got := slices.Concat(lines[:1], lines[9:14], lines[len(lines)-1:]); !slices.Equal(got, want) {
		t.Errorf("of a start: %q; want %q", lines, want)
	}
	lines = all.lines(false)
	if got := slices.Concat(lines[:3], lines[len(lines)-1:]); !slices.Equal(got, want[3:]) || len(lines) != keptLines+2 {
		t.Errorf("of an end: %q; want %q", lines, want[3:])
	}
	var few transcript
	for _, line := range []string{"one", "PHP Parse error:  two", "three"} {
		few.add(line)
	}
	for _, beginning := range []bool{true, false} {
		if got := few.lines(beginning); !slices.Equal(got, []string{"one", "PHP Parse error:  two", "three"}) {
			t.Errorf("of three lines are left %q", got)
		}
	}
}
