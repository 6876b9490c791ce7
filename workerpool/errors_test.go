package workerpool

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestNoErrorThatAWorkerReportsControlsATerminal(t *testing.T) {
	text := (&SoftError{Text: "thrown: \x1b]0;title\x07\x1b[2J\r\x00\u009b\x7f\n#0 {main}"}).Error()
	if strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), unicode.IsControl) || !strings.Contains(text, "\n#0 {main}") {
		t.Errorf("%q", text)
	}
}

func TestAFailedStartNamesNoCommandWhereTheSettingsNameNone(t *testing.T) {
	err := &BootError{Pool: "classic", Err: errors.New("no memory"), Output: []string{"a line"}}
	if got, want := err.Error(), `starting a worker of pool "classic": no memory; it printed: a line`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
