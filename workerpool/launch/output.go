package launch

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const maxLine = 64 << 10 // bytes; a longer line is logged in pieces

// output turns what a worker prints into log records, one for each line but for the blocks of lines
// that belong together, and remembers of it what
// explains its end. It is safe for concurrent use by its streams.
type output struct {
	logger func() *zap.Logger
	pid    atomic.Int64
	memory transcript
}

// stream is one of a worker's two output streams. Its methods are not safe for
// concurrent use.
type stream struct {
	out  *output
	name string
	buf  []byte // the beginning of a line

	mu    sync.Mutex // guards what follows, against the timer
	block block
	since time.Time   // when its first line came
	timer *time.Timer // ends a block to which nothing comes any more
}

// blockPause is how long the next line of a block is waited for. Nothing but the beginning of a
// block is ever held back.
const blockPause = 100 * time.Millisecond

func (o *output) stream(name string) *stream { return &stream{out: o, name: name} }

// Write takes the next bytes of the stream; it never fails.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line := len(p)
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line = i
		}
		line = min(line, maxLine-len(s.buf))
		s.buf = append(s.buf, p[:line]...)
		p = p[line:]
		switch {
		case len(p) > 0 && p[0] == '\n':
			s.endLine()
			p = p[1:]
		case len(s.buf) == maxLine:
			s.endLine()
		}
	}
	return n, nil
}

// endLine takes what is there as a line.
func (s *stream) endLine() {
	line := strings.TrimRight(string(s.buf), "\r \t")
	s.buf = s.buf[:0]
	if line == "" {
		return
	}
	s.out.memory.add(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	began := len(s.block.lines) > 0
	for _, lines := range s.block.add(line) {
		s.log(lines, began)
		began = false
	}
	if len(s.block.lines) == 0 {
		return
	}
	if !began {
		s.since = time.Now()
	}
	if s.timer == nil {
		s.timer = time.AfterFunc(blockPause, s.endBlock)
	} else {
		s.timer.Reset(blockPause)
	}
}

// Flush logs what is there, a line without an end, too.
func (s *stream) Flush() {
	s.endLine()
	s.endBlock()
}

// endBlock logs the beginning of a block that has not come to its end. Unlike the other methods
// it is safe for concurrent use.
func (s *stream) endBlock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	if lines := s.block.take(); len(lines) > 0 {
		s.log(lines, true)
	}
}

// log makes one record of the lines, which have been held back or have just come. It needs the lock.
func (s *stream) log(lines []string, held bool) {
	level, message, fields := classify(lines[0])
	c := s.out.logger().Check(level, Printable(message, "")) // the console format writes it as it is
	if c == nil {
		return
	}
	if held {
		c.Time = s.since
	}
	if len(lines) > 1 {
		more := make([]string, len(lines)-1)
		for i, line := range lines[1:] {
			more[i] = Printable(line, "")
		}
		fields = append(fields, zap.Strings("more", more))
	}
	c.Write(append(fields, zap.Int64("pid", s.out.pid.Load()), zap.String("stream", s.name))...)
}

// copyFrom reads r to its end.
func (s *stream) copyFrom(r io.Reader) {
	_, _ = io.Copy(onlyWriter{s}, r)
	s.Flush()
}

type onlyWriter struct{ io.Writer }

// tail returns what explains the end of a worker that was ready: the last lines printed, with
// PHP's fatal error in front where that is older. transcript is for one that was not: it has
// the first lines, too.
func (o *output) tail() []string       { return o.memory.lines(false) }
func (o *output) transcript() []string { return o.memory.lines(true) }

// fatalLine is the last fatal error that PHP has printed, in PHP's words; "" if there is none.
func (o *output) fatalLine() string { return o.memory.fatalLine() }
