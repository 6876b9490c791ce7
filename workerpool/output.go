package workerpool

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	maxLine     = 64 << 10 // bytes; a longer line is logged in pieces
	keptLines   = 20       // for diagnosis
	keptLineLen = 500      // bytes of each
)

// output turns what a worker prints into log records, line by line, and keeps
// the last lines for the message that explains its end. It is safe for
// concurrent use by its streams.
type output struct {
	logger func() *zap.Logger
	pid    atomic.Int64

	mu   sync.Mutex
	last []string
}

// stream is one of a worker's two output streams. It is not safe for
// concurrent use.
type stream struct {
	out  *output
	name string
	buf  []byte
}

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
			s.flush()
			p = p[1:]
		case len(s.buf) == maxLine:
			s.flush()
		}
	}
	return n, nil
}

// flush logs what is there as a line, also one without an end.
func (s *stream) flush() {
	line := strings.TrimRight(string(s.buf), "\r \t")
	s.buf = s.buf[:0]
	if line != "" {
		s.out.line(s.name, line)
	}
}

// copyFrom reads r to its end.
func (s *stream) copyFrom(r io.Reader) {
	_, _ = io.Copy(onlyWriter{s}, r)
	s.flush()
}

type onlyWriter struct{ io.Writer }

func (o *output) line(stream, line string) {
	o.mu.Lock()
	if len(o.last) == keptLines {
		o.last = append(o.last[:0], o.last[1:]...)
	}
	o.last = append(o.last, strings.ToValidUTF8(line[:min(len(line), keptLineLen)], "\uFFFD"))
	o.mu.Unlock()

	level, message, fields := classify(stream, line)
	if c := o.logger().Check(level, message); c != nil {
		c.Write(append(fields, zap.Int64("pid", o.pid.Load()), zap.String("stream", stream))...)
	}
}

// tail returns the last lines printed, oldest first.
func (o *output) tail() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.last...)
}

// classify finds the level that PHP or its logger gave the line: PHP's own
// "PHP Warning:  ...", the RoadRunner package's "[php error] ...", or a JSON
// record, whose fields are kept.
func classify(stream, line string) (zapcore.Level, string, []zap.Field) {
	if line[0] == '{' {
		if level, message, fields, ok := classifyJSON(line); ok {
			return level, message, fields
		}
	}
	text := line
	if rest, ok := strings.CutPrefix(text, "[php "); ok {
		if word, _, ok := strings.Cut(rest, "]"); ok {
			return levelOf(word), line, nil
		}
	}
	if text[0] == '[' { // error_log puts "[date] " in front
		if _, rest, ok := strings.Cut(text, "] "); ok {
			text = rest
		}
	}
	text = strings.TrimPrefix(text, "PHP ")
	for _, known := range phpPrefixes {
		if strings.HasPrefix(text, known.prefix) {
			return known.level, line, nil
		}
	}
	return zapcore.InfoLevel, line, nil
}

var phpPrefixes = []struct {
	prefix string
	level  zapcore.Level
}{
	{"Fatal error: ", zapcore.ErrorLevel},
	{"Parse error: ", zapcore.ErrorLevel},
	{"Recoverable fatal error: ", zapcore.ErrorLevel},
	{"Warning: ", zapcore.WarnLevel},
	{"Deprecated: ", zapcore.InfoLevel},
	{"Notice: ", zapcore.InfoLevel},
}

func classifyJSON(line string) (zapcore.Level, string, []zap.Field, bool) {
	var record map[string]any
	if json.Unmarshal([]byte(line), &record) != nil {
		return 0, "", nil, false
	}
	level, message := zapcore.InfoLevel, line
	for _, key := range []string{"level_name", "level", "severity"} { // Monolog's first
		if word, ok := record[key].(string); ok {
			level = levelOf(word)
			break
		}
	}
	for _, key := range []string{"message", "msg"} {
		if text, ok := record[key].(string); ok && text != "" {
			message = text
			delete(record, key)
			break
		}
	}
	return level, message, []zap.Field{zap.Any("record", record)}, true
}

// levelOf maps PSR-3 and PHP words to a level.
func levelOf(word string) zapcore.Level {
	switch strings.ToLower(word) {
	case "emergency", "alert", "critical", "error", "fatal", "fatal error":
		return zapcore.ErrorLevel
	case "warning", "warn":
		return zapcore.WarnLevel
	case "debug":
		return zapcore.DebugLevel
	}
	return zapcore.InfoLevel
}
