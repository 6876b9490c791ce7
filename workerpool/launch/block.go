package launch

import (
	"regexp"
	"strings"
)

// block joins lines that belong together: what var_dump and its like print of an array or an object, an
// uncaught error of PHP with its trace, an exception that a logger wrote with its trace. It
// goes by what the lines say, never by when they come, and is a pure state machine: lines in,
// groups of lines out, each line in exactly one group and in their order.
type block struct {
	lines []string // begun, and not known to be complete
	size  int      // bytes
	kind  blockKind
}

// blockKind is what the next line must be to belong to the block.
type blockKind uint8

const (
	noBlock    blockKind = iota
	dumpBlock            // begins with a blank, or closes it
	fatalBlock           // anything; "  thrown in ..." is the last one
	logBlock             // anything; what begins with "} is the last one
	maybeTrace           // "Stack trace:", or it was no block
	traceBlock           // begins with #; "#9 {main}" is the last one
)

// blockLines bounds the lines of a block; its size is bounded by maxLine.
const blockLines = 1000

// What of a line is looked at, so that a long one costs no more than a short one: its beginning and
// its end.
const (
	lookBegin = 300 // bytes
	lookEnd   = 1000
)

var (
	dumpBegins = regexp.MustCompile(`(?:[{(\[]|\{#\d+|\bArray|\S Object)$`)
	logBegins  = regexp.MustCompile(`^\[` + logDate + `\] [\w.-]+: `)
	mayTrace   = regexp.MustCompile(` in \S.*:\d+$`)
	traceEnds  = regexp.MustCompile(`^#\d+ \{main\}`)
)

// kindOf is the kind of the block that the line begins.
func kindOf(line string) blockKind {
	begin, end := line[:min(len(line), lookBegin)], line[max(0, len(line)-lookEnd):]
	switch {
	case isFatal(begin) && strings.Contains(begin, "Uncaught "):
		return fatalBlock
	case logBegins.MatchString(begin) && strings.Contains(line, `{"exception":"[object] (`) && !strings.HasSuffix(line, `"}`):
		return logBlock
	case !isBlank(line[0]) && dumpBegins.MatchString(end[max(0, len(end)-20):]):
		return dumpBlock
	case mayTrace.MatchString(end):
		return maybeTrace
	}
	return noBlock
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// add takes the next line and returns the groups that are complete now.
func (b *block) add(line string) (complete [][]string) {
	belongs, last := b.judge(line)
	if !belongs && len(b.lines) > 0 {
		complete = append(complete, b.take())
	}
	if len(b.lines) == 0 {
		b.kind = kindOf(line)
		last = b.kind == noBlock
	}
	b.lines = append(b.lines, line)
	b.size += len(line)
	if last || len(b.lines) == blockLines || b.size >= maxLine {
		complete = append(complete, b.take())
	}
	return complete
}

// judge says whether the line belongs to the block, and is its last one.
func (b *block) judge(line string) (belongs, last bool) {
	switch b.kind {
	case dumpBlock:
		opens := len(b.lines) == 1 && line == "("
		closes := strings.ContainsAny(line[:1], "})]")
		return opens || closes || isBlank(line[0]), closes
	case fatalBlock:
		return true, strings.HasPrefix(line, "  thrown in ")
	case logBlock:
		return true, strings.HasPrefix(line, `"}`)
	case maybeTrace:
		if line == "Stack trace:" {
			b.kind = traceBlock
			return true, false
		}
	case traceBlock:
		return line[0] == '#', traceEnds.MatchString(line)
	}
	return false, false
}

// take returns what has come of the block, and begins anew.
func (b *block) take() []string {
	lines := b.lines
	*b = block{}
	return lines
}
