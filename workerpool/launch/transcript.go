package launch

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

const (
	keptFirst   = 10  // lines of the beginning
	keptLines   = 20  // lines of the end
	keptLineLen = 500 // bytes of each
	keptFatal   = 2000
)

// transcript remembers of what a worker prints the beginning, the end, and the last fatal error of
// PHP, wherever that was: its message comes before a trace that may be of any length. All
// methods are safe for concurrent use.
type transcript struct {
	mu     sync.Mutex
	total  int // lines
	first  []string
	last   []string
	fatal  string
	fatals int // the number of its line, from 1
}

// beforeFatal is how PHP's own word about an error that ends a script begins; what is in front of the
// word error_log has put there.
var beforeFatal = regexp.MustCompile(`^(?:\[[^\]]{10,50}\] )?(?:PHP )?(Fatal|Parse|Recoverable fatal) error: `)

func isFatal(line string) bool { return beforeFatal.MatchString(line) }

func (t *transcript) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total++
	if m := beforeFatal.FindStringSubmatchIndex(line); m != nil {
		t.fatal, t.fatals = beginning(line[m[2]:], keptFatal), t.total
	}
	line = beginning(line, keptLineLen)
	if len(t.first) < keptFirst {
		t.first = append(t.first, line)
	}
	if len(t.last) == keptLines {
		t.last = append(t.last[:0], t.last[1:]...)
	}
	t.last = append(t.last, line)
}

func (t *transcript) fatalLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fatal
}

// lines returns what is remembered, oldest first, the beginning only if that is asked for, and
// says how many lines are left out.
func (t *transcript) lines(beginning bool) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var kept []string
	next := 1 // the number of the next line
	skipTo := func(n int) {
		if n > next && (next > 1 || beginning) {
			kept = append(kept, fmt.Sprintf("(%d more lines)", n-next))
		}
		next = max(next, n)
	}
	if beginning {
		kept = append(kept, t.first...)
		next += len(t.first)
	}
	tail := t.total - len(t.last) + 1 // the number of its first line
	if t.fatals >= next && t.fatals < tail {
		skipTo(t.fatals)
		kept = append(kept, t.fatal)
		next = t.fatals + 1
	}
	skipTo(tail)
	return append(kept, t.last[next-tail:]...)
}

// Shortened is a text of many lines in one, its middle left out where it is long.
func Shortened(text string) string {
	var t transcript
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			t.add(line)
		}
	}
	return strings.Join(t.lines(true), " | ")
}

// beginning is that of a line, fit to be shown.
func beginning(line string, most int) string { return Printable(line[:min(len(line), most)], "") }
