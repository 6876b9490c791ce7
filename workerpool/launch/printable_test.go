package launch

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestControlCharactersAreWrittenOut(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain\ttext ü €": "plain\ttext ü €", "a\x1b[31mb": `a\x1b[31mb`, "a\rb\x00": `a\x0db\x00`, "\x7f\u009b2J": `\x7f\u009b2J`,
		"caf\xe9\xff": `caf\xe9\xff`, "a\nb": `a\x0ab`, "x\u2028y": `x\u2028y`, "\ufffd": "\ufffd", "\b\a": `\x08\x07`,
	} {
		if got := Printable(in, ""); got != want {
			t.Errorf("%q is written as %q, want %q", in, got, want)
		}
	}
	if got := Printable("a\nb\r\x1b", "\n"); got != "a\nb\\x0d\\x1b" {
		t.Errorf("%q", got)
	}
	if n := testing.AllocsPerRun(10, func() { Printable("usual text", "") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The console format writes a message as it is.
func TestNothingThatAWorkerPrintsControlsATerminal(t *testing.T) {
	const nasty = "\x1b]0;title\x07\x1b[2J\r\x00\u009b\x7f"
	var log bytes.Buffer
	core := zapcore.NewCore(zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zapcore.DebugLevel)
	logger := zap.New(core)
	o := &output{logger: func() *zap.Logger { return logger }}
	s := o.stream("stderr")
	for _, line := range []string{
		"plain " + nasty, "PHP Warning:  " + nasty, "[php error] " + nasty,
		`{"message":"\u001b[2J\r\nforged","level":"\u001b[31m","key\u001b":"\u001b"}`,
		`{"message":"m","key` + "\u009b\x7f" + `":["` + "\u009b" + `",{"k":"\u007f\u2028"}]}`,
		"array(1) {\n  [0]=> " + nasty + "\n}",
		strings.Repeat("\x1b", 3*keptLineLen), strings.Repeat("ü", keptLineLen),
	} {
		if _, err := s.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	texts := append(o.tail(), strings.Split(log.String(), "\n")...)
	if n := strings.Count(log.String(), "\n"); n != 8 {
		t.Errorf("%d lines for 8:\n%s", n, log.String())
	}
	for _, text := range texts {
		for _, r := range strings.ReplaceAll(text, "\n", "") {
			if unicode.IsControl(r) && r != '\t' || !utf8.ValidString(text) {
				t.Errorf("%q", text)
				break
			}
		}
	}
}
