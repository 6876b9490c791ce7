package workerpool

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// PHP's command line writes a dump in many small pieces.
func TestWhatPHPDumpsAndHowItDiesAreOneRecordEach(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	c := self(1)
	c.Ini = map[string]string{"display_errors": "0", "log_errors": "1", "error_log": "", "html_errors": "0"}
	c.Command = phpFile(t, `<?php
		var_dump(['a' => ['b' => new ArrayObject([1])]]);
		print_r(['x' => ['y' => 2]]);
		echo var_export(['z' => [3]], true), "\n", json_encode(['j' => [4]], JSON_PRETTY_PRINT), "\n";
		fwrite(STDERR, new LogicException('as a string')."\n");
		function f($n) { if ($n > 0) { f($n - 1); } else { throw new RuntimeException("of two\nlines"); } }
		f(30);`)
	p, err := New(c, zap.New(core), Events{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, p) })
	if err := p.Start(t.Context()); err == nil {
		t.Fatal("it started")
	}
	want := map[string]int{ // the beginning of each record, and the lines that belong to it
		"array(1) {": 12, "Array": 6, "array (": 5, "{": 4, "LogicException: as a string in ": 2, "PHP Fatal error:  Uncaught RuntimeException: of two": 35,
	}
	for _, entry := range logs.All() {
		more, _ := entry.ContextMap()["more"].([]any)
		known := false
		for begin, n := range want {
			if strings.HasPrefix(entry.Message, begin) {
				known = true
				if len(more) != n {
					t.Errorf("%q came with %d lines, want %d: %q", entry.Message, len(more), n, more)
				}
				delete(want, begin)
			}
		}
		if !known {
			t.Errorf("a record of its own is %q, with %q", entry.Message, more)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing are %v", want)
	}
}
