package launch

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// readOutput logs what the parent prints, each line with the process that it is of.
func (p *classicParent) readOutput() {
	defer close(p.read)
	own := p.out.stream("stderr")
	lines := bufio.NewReaderSize(p.stderr, 2*maxLine)
	for {
		if p.leaving != nil && p.isSilent(lines) {
			p.left()
		}
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			p.heard(own, string(line))
		}
		if err != nil && err != bufio.ErrBufferFull { // then the rest of the line counts as one
			break
		}
	}
	p.left()
	own.Flush()
	_, _ = io.Copy(io.Discard, p.stderr)
}

// lastWords is how long what a process has printed last is waited for behind the line that tells of its end: php-fpm
// reads and tells it at once.
const lastWords = 20 * time.Millisecond

// isSilent says that nothing comes for that long.
func (p *classicParent) isSilent(lines *bufio.Reader) bool {
	if lines.Buffered() > 0 {
		return false
	}
	_ = p.stderr.SetReadDeadline(time.Now().Add(lastWords))
	_, err := lines.Peek(1)
	_ = p.stderr.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// left is for the process that is leaving, if one is: nothing more comes of it.
func (p *classicParent) left() {
	c := p.leaving
	if c == nil {
		return
	}
	p.leaving = nil
	p.forget(int(c.out.pid.Load()), c)
	c.stdout.Flush()
	c.stderr.Flush()
	close(c.ended)
}

// heard takes one line.
func (p *classicParent) heard(own *stream, line string) {
	s, ok := fpmSaid{}, false
	if p.kind == sapiFPM {
		s, ok = parseFPM(strings.TrimRight(line, "\r\n"))
	}
	if c := p.leaving; c != nil && (s.stream == "" || s.child != int(c.out.pid.Load())) {
		p.left()
	}
	switch {
	case !ok:
		_, _ = own.Write([]byte(line))
	case s.stream == "stdout":
		_, _ = p.child(s.child).stdout.Write([]byte(s.printed + "\n"))
	case s.stream != "":
		_, _ = p.child(s.child).stderr.Write([]byte(s.printed + "\n"))
	case s.exit != "":
		p.leaving = p.child(s.child)
		p.leaving.exit, p.leaving.orderly = s.exit, s.orderly
	case strings.HasPrefix(s.text, phpMessage): // PHP's own words at the start of the parent
		_, _ = own.Write([]byte(strings.TrimPrefix(s.text, phpMessage) + "\n"))
	default:
		if s.level != "NOTICE" && s.level != "DEBUG" {
			p.out.memory.add(line)
		}
		fpmLevel(s.level)(p.out.logger(), Printable(s.text, ""), zap.Int64("pid", p.out.pid.Load()), zap.String("stream", "stderr"))
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
