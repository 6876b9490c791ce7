package launch

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

// readOutput logs what the parent prints, each line with the process that it is of.
func (p *classicParent) readOutput() {
	defer close(p.read)
	own := p.out.stream("stderr")
	lines := bufio.NewReaderSize(p.stderr, 2*maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			p.heard(own, string(line))
		}
		if err != nil && err != bufio.ErrBufferFull { // then the rest of the line counts as one
			break
		}
	}
	own.Flush()
	_, _ = io.Copy(io.Discard, p.stderr)
}

// heard takes one line.
func (p *classicParent) heard(own *stream, line string) {
	s, ok := fpmSaid{}, false
	if p.kind == sapiFPM {
		s, ok = parseFPM(strings.TrimRight(line, "\r\n"))
	}
	switch {
	case !ok:
		_, _ = own.Write([]byte(line))
	case s.stream == "stdout":
		_, _ = p.child(s.child).stdout.Write([]byte(s.printed + "\n"))
	case s.stream != "":
		_, _ = p.child(s.child).stderr.Write([]byte(s.printed + "\n"))
	case s.exit != "":
		c := p.child(s.child)
		p.forget(s.child, c)
		c.stdout.Flush()
		c.stderr.Flush()
		c.exit, c.orderly = s.exit, s.orderly
		close(c.ended)
	case strings.HasPrefix(s.text, phpMessage): // PHP's own words at the start of the parent
		_, _ = own.Write([]byte(strings.TrimPrefix(s.text, phpMessage) + "\n"))
	default:
		if s.level != "NOTICE" && s.level != "DEBUG" {
			p.out.memory.add(line)
		}
		fpmLevel(s.level)(p.out.logger(), Printable(s.text, ""), zap.Int("pid", p.PID()), zap.String("stream", "stderr"))
	}
}

// signalText is how the end by a signal is described, of which php-fpm tells the number and the name.
func signalText(number, name string) string {
	text := "signal: "
	if n, err := strconv.Atoi(number); err == nil {
		text += syscall.Signal(n).String()
	} else {
		text += name
	}
	if strings.Contains(name, "core dumped") {
		text += " (core dumped)"
	}
	return text
}
