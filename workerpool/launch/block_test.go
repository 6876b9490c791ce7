package launch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// groups are the lines of each record that comes of them.
func groups(lines []string) (all [][]string) {
	var b block
	for _, line := range lines {
		all = append(all, b.add(line)...)
	}
	if rest := b.take(); rest != nil {
		all = append(all, rest)
	}
	return all
}

func TestLinesThatBelongTogetherAreOneRecord(t *testing.T) {
	for _, c := range []struct {
		name, text string // a line that begins with + belongs to the one before
	}{
		{"plain lines", "one\ntwo\n  indented\n#0 no trace"},
		{"var_dump", "array(2) {\n+  [0]=>\n+  int(1)\n+  [1]=>\n+  array(1) {\n+    [\"a\"]=>\n+    string(1) \"}\"\n+  }\n+}\nafter\nobject(Foo\\Bar)#3 (0) {\n+}\nint(3)"},
		{"print_r", "Array\n+(\n+    [x] => Array\n+        (\n+            [y] => 1\n+        )\n+)\nstdClass Object\n+(\n+)\nArray\nno dump"},
		{"var_export", "array (\n+  'a' => 1,\n+  'b' => \n+  array (\n+    0 => 2,\n+  ),\n+)\nafter"},
		{"dump", "array:2 [\n+  \"a\" => 1\n+]\nApp\\Entity\\User {#12\n+  -id: 3\n+}"},
		{"JSON", "{\n+    \"a\": [\n+        1\n+    ]\n+}\nafter"},
		{"a dump with a text of several lines ends there", "array(1) {\n+  [0]=>\n+  string(11) \"one\ntwo\"\n}"},
		{"an uncaught error", "PHP Fatal error:  Uncaught RuntimeException: in\n+several lines in /app/x.php:3\n+Stack trace:\n+#0 /app/y.php(4): f()\n+#1 {main}\n+  thrown in /app/x.php on line 3\nafter"},
		{"an uncaught error with a date", "[29-Nov-2026 03:00:00 UTC] PHP Fatal error:  Uncaught Oops in /x:1\n+#0 {main}\n+  thrown in /x on line 1\n[29-Nov-2026 03:00:00 UTC] PHP Warning:  next"},
		{"errors without a trace", "PHP Fatal error:  Allowed memory size exhausted\nPHP Parse error:  syntax error\nPHP Warning:  x"},
		{"an exception as a string", "RuntimeException: no in /app/x.php:3\n+Stack trace:\n+#0 /app/y.php(4): f()\n+#1 {main}\nLogicException: why in /app/x.php:9\nStack traces are long"},
		{"Laravel's record", "[2026-11-29 03:00:00] production.ERROR: no {\"exception\":\"[object] (RuntimeException(code: 0): no at /app/x.php:3)\n+[stacktrace]\n+#0 /app/y.php(4): f()\n+#1 {main}\n+\"} \n[2026-11-29 03:00:00] production.INFO: after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			var want [][]string
			for line := range strings.SplitSeq(c.text, "\n") {
				line, belongs := strings.CutPrefix(line, "+")
				lines = append(lines, line)
				if !belongs {
					want = append(want, nil)
				}
				want[len(want)-1] = append(want[len(want)-1], line)
			}
			if got := groups(lines); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Errorf("the records are\n%q; want\n%q", got, want)
			}
		})
	}
}

func TestNoLineIsLostOrMovedWhateverAWorkerPrints(t *testing.T) {
	pieces := []string{"array(1) {", "}", ")", "(", "Array", "  x", "PHP Fatal error:  Uncaught X in /a:1", "Stack trace:", "#0 {main}", "#1 f()",
		"  thrown in /a on line 1", `[2026-11-29 03:00:00] a.ERROR: {"exception":"[object] (`, `"}`, "E in /a:1", "plain", strings.Repeat("y", maxLine/3)}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var lines []string
		for range random.IntN(40) {
			lines = append(lines, pieces[random.IntN(len(pieces))])
		}
		got := groups(lines)
		if !slices.Equal(slices.Concat(got...), lines) {
			t.Fatalf("%q became %q", lines, got)
		}
		for _, g := range got {
			if size := len(strings.Join(g, "")); size >= 2*maxLine {
				t.Fatalf("a record of %d bytes", size)
			}
		}
	}
	if got := groups(slices.Repeat([]string{"PHP Fatal error:  Uncaught X"}, 2*blockLines)); len(got) != 2 {
		t.Errorf("a block without end became %d records", len(got))
	}
}
