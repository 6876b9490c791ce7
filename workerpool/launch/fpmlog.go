package launch

import (
	"regexp"
	"strconv"
	"strings"
)

// fpmSaid is what a line of php-fpm's log says.
type fpmSaid struct {
	level string // NOTICE, WARNING, ...
	text  string
	child int // the process that it is about; 0: the parent
	// printed is what the child has printed, without php-fpm's words around it, to that stream; "" if it is about
	// something else.
	printed, stream string
	exit            string // how the child ended; "" if it is about something else
	orderly         bool
}

// phpMessage is what php-fpm puts in front of what PHP logs.
const phpMessage = "PHP message: "

var (
	fpmLine = regexp.MustCompile(`^\[[^\]]{10,50}\] (DEBUG|NOTICE|WARNING|ERROR|ALERT): (?:pid \d+, [^ ]+, line \d+: )?(.*)$`)
	// fpmChild is what is said of a child. The name of the pool is ours.
	fpmChild = regexp.MustCompile(`^\[pool [^\]]*\] child (\d+) (?:said into (stdout|stderr): "(.*)"|exited (?:with code (\d+)|on signal (\d+) \((.*)\)) after .*|(.*))$`)
	// fpmWords stand in front of what PHP logs in a child.
	fpmWords = regexp.MustCompile(`^(?:DEBUG|NOTICE|WARNING|ERROR|ALERT): ` + phpMessage)
)

// parseFPM takes a line of php-fpm's log apart; false: it is none.
func parseFPM(line string) (s fpmSaid, ok bool) {
	m := fpmLine.FindStringSubmatch(line)
	if m == nil {
		return s, false
	}
	s.level, s.text = m[1], m[2]
	c := fpmChild.FindStringSubmatch(strings.TrimSuffix(s.text, ", pipe is closed"))
	if c == nil {
		return s, true
	}
	s.child, _ = strconv.Atoi(c[1])
	switch {
	case c[2] != "":
		s.stream, s.printed = c[2], fpmWords.ReplaceAllString(c[3], "")
	case c[4] != "":
		s.exit, s.orderly = "exit status "+c[4], c[4] == "0"
	case c[5] != "":
		// Such as "SIGSEGV", or "SIGSEGV - core dumped".
		s.exit = signalText(c[5], c[6])
	}
	return s, true
}
