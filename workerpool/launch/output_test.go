package launch

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheLevelOfALineIsRecognised(t *testing.T) {
	const info, warn, bad, debug = zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel, zapcore.DebugLevel
	for _, c := range []struct {
		line    string
		level   zapcore.Level
		message string // "": the line
	}{
		{"hello", info, ""},
		{"PHP Fatal error:  Uncaught Error in /app/worker.php:3", bad, ""},
		{"PHP Parse error:  syntax error", bad, ""},
		{"PHP Recoverable fatal error:  x", bad, ""},
		{"PHP Warning:  Undefined variable $x", warn, ""},
		{"PHP Notice:  x", info, ""},
		{"PHP Deprecated:  x", info, ""},
		{"Fatal error: Uncaught Error", bad, ""},
		{"Warning: Undefined variable", warn, ""},
		{"[22-Nov-2026 10:11:12 UTC] PHP Warning:  late", warn, ""},
		{"[22-Nov-2026 10:11:12 Europe/Berlin] PHP Fatal error:  worse", bad, ""},
		{"[php error] something", bad, ""},
		{"[php warning] something", warn, ""},
		{"[php debug] something", debug, ""},
		{"[php info] something", info, ""},
		{"[php without end", info, ""},
		{"[", info, ""},
		{"Warningless: text", info, ""},
		{"a Warning: in the middle", info, ""},
		{"[2026-11-29 03:00:00] production.ERROR: no key {}", bad, ""},
		{"[2026-11-29T03:00:00.123456+00:00] app.CRITICAL: Uncaught PHP Exception", bad, ""},
		{"[2026-11-29T03:00:00.123456+00:00] request.INFO: Matched route", info, ""},
		{"[2026-11-29 03:00:00] local.WARNING: slow", warn, ""},
		{"[2026-11-29 03:00:00] local.EMERGENCY: down", bad, ""},
		{"[2026-11-29 03:00:00] local.DEBUG: query", debug, ""},
		{"[2026-11-29 03:00:00] my.channel.NOTICE: x", info, ""},
		{"[2026-11-29 03:00:00] local.ERRORS: no such level", info, ""},
		{"[today] production.ERROR: no date", info, ""},
		{"production.ERROR: no date", info, ""},
		{"2026-11-29T03:00:00+00:00 [critical] Uncaught PHP Exception", bad, ""},
		{"[29-Nov-2026 03:00:00 UTC] [error] by error_log", bad, ""},
		{"[critical] Uncaught PHP Exception", bad, ""},
		{"[warning] slow", warn, ""},
		{"[debug] detail", debug, ""},
		{"[error]without a blank", info, ""},
		{"[errors] 3 of them", info, ""},
		{"text [error] in the middle", info, ""},
		{"03:00:00 CRITICAL  [console] Error thrown", bad, ""},
		{"03:00:00 WARNING   [app] slow [\"ms\" => 12]", warn, ""},
		{"03:00:00 ERROR without a channel", info, ""},
		{"2026-11-29 03:00:00 [192.0.2.1][-][-][error][yii\\db\\Exception] no", bad, ""},
		{"2026-11-29 03:00:00.123456 [warning][application] slow", warn, ""},
		{"2026-11-29 03:00:00 error: [App\\Oops] no", bad, ""},
		{"2026-11-29 03:00:00 Warning: slow", warn, ""},
		{"2026-11-29 03:00:00 an error: none", info, ""},
		{"error: no form of a logger", info, ""},
		{"ERROR no form of a logger", info, ""},
		{`{"message":"m","level_name":"CRITICAL","level":500}`, bad, "m"},
		{`{"message":"m","level":"warning"}`, warn, "m"},
		{`{"msg":"m","severity":"DEBUG"}`, debug, "m"},
		{`{"msg":"m","level":"fatal"}`, bad, "m"},
		{`{"msg":"","level":"error"}`, bad, `{"msg":"","level":"error"}`},
		{`{"other":1}`, info, `{"other":1}`},
		{`{not json`, info, ""},
	} {
		level, message, fields := classify(c.line)
		want := c.message
		if want == "" {
			want = c.line
		}
		if level != c.level || message != want {
			t.Errorf("%q is %s %q; want %s %q", c.line, level, message, c.level, want)
		}
		if isRecord := c.line[0] == '{' && strings.HasSuffix(c.line, "}"); isRecord != (len(fields) == 1) {
			t.Errorf("%q came with %d fields", c.line, len(fields))
		}
	}
}

func logged() (*output, *observer.ObservedLogs) {
	core, logs := observer.New(zap.DebugLevel)
	logger := zap.New(core)
	return &output{logger: func() *zap.Logger { return logger }}, logs
}

func TestTheFieldsOfARecordAreKept(t *testing.T) {
	o, logs := logged()
	o.pid.Store(77)
	fmt.Fprintln(o.stream("stdout"), `{"message":"slow","level":"warning","context":{"ms":12}}`)
	context := logs.All()[0].ContextMap()
	record, _ := context["record"].(map[string]any)
	if record["message"] != nil || fmt.Sprint(record["context"]) != "map[ms:12]" || context["pid"] != int64(77) || context["stream"] != "stdout" {
		t.Errorf("logged with %v", context)
	}
}

func TestLinesAreCutWhereTheyEndAndNowhereElse(t *testing.T) {
	const text = "one\r\n\n  \ntwo\nthree without end"
	for size := 1; size <= len(text); size++ {
		o, logs := logged()
		s := o.stream("stdout")
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			fmt.Fprint(s, rest[:min(size, len(rest))])
		}
		if got := logs.Len(); got != 2 {
			t.Fatalf("in pieces of %d: %d lines before the end", size, got)
		}
		s.Flush()
		s.Flush()
		if got := fmt.Sprintf("%q", o.tail()); got != `["one" "two" "three without end"]` {
			t.Errorf("in pieces of %d: kept %s", size, got)
		}
	}
}

func TestALineWithoutEndTakesNoMoreMemoryThanIsSet(t *testing.T) {
	o, logs := logged()
	s := o.stream("stdout")
	for range 10 {
		fmt.Fprint(s, strings.Repeat("x", maxLine/3))
		if len(s.buf) >= maxLine {
			t.Fatalf("%d bytes are held", len(s.buf))
		}
	}
	fmt.Fprintln(s, strings.Repeat("y", 3*maxLine))
	total := 0
	for _, e := range logs.All() {
		if len(e.Message) > maxLine {
			t.Errorf("a record of %d bytes", len(e.Message))
		}
		total += len(e.Message)
	}
	if want := 10*(maxLine/3) + 3*maxLine; total != want {
		t.Errorf("%d of %d bytes were logged", total, want)
	}
}

func TestTheLastLinesAreKeptShortAndReadable(t *testing.T) {
	o, _ := logged()
	s := o.stream("stderr")
	for i := range keptLines + 5 {
		fmt.Fprintln(s, "line", i)
	}
	fmt.Fprintln(s, strings.Repeat("é", keptLineLen), "\xff")
	tail := o.tail()
	last := tail[len(tail)-1]
	if len(tail) != keptLines || tail[0] != "line 6" || len(last) > keptLineLen+2 || !utf8.ValidString(last) {
		t.Errorf("kept %d lines from %q to one of %d bytes", len(tail), tail[0], len(last))
	}
	tail[0] = "changed"
	if o.tail()[0] == "changed" {
		t.Error("the caller got the pool's own list")
	}
}
