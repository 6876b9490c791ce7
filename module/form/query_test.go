package form

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// queries are made by hand, around PHP's own limits.
func queries() map[string]string {
	q := map[string]string{
		"none":                             "",
		"only separators":                  strings.Repeat("&", 5000),
		"separators do not count":          strings.Repeat("a[]=1&&&", 1000) + "&&&",
		"names without a value":            strings.Repeat("a&", 1001),
		"values without a name":            strings.Repeat("=&", 999) + "a=1&b=2",
		"a very long value":                "a=" + strings.Repeat("x", 100_000),
		"a very long name":                 strings.Repeat("a[b]", 25_000) + "=1",
		"a value of brackets":              "a=" + strings.Repeat("[", 200) + "&b=" + strings.Repeat("%5B", 200),
		"a value of escapes":               "a=" + strings.Repeat("%D1%84", 1000),
		"many brackets, none deep":         strings.Repeat("a[b][c]=1&", 900),
		"semicolons":                       strings.Repeat("a=1;", 2000),
		"deep, after others of the name":   "a=1&b=2&a" + strings.Repeat("[x]", 65) + "=3&c=4",
		"deep, and then again":             "a[]=1&b=2&a" + strings.Repeat("[x]", 65) + "=3&a[]=4",
		"deep, by another spelling":        "a_b=1&c=2&a.b" + strings.Repeat("[]", 65) + "=3&a+b=4",
		"deep, behind spaces":              "a=1&++a" + strings.Repeat("[]", 65) + "=3",
		"deep, a number":                   "7=1&b=2&7" + strings.Repeat("[x]", 65) + "=3",
		"deep behind a NUL":                "a%00" + strings.Repeat("[x]", 65) + "=1&a=2",
		"deep before a NUL":                "a=1&a" + strings.Repeat("[x]", 65) + "%00[x]=1&b=2",
		"deep, but no array":               "a" + strings.Repeat("[", 200) + "=1&a" + strings.Repeat("]", 200) + "=1",
		"deep, but forbidden":              "a=1&a[__Host-x]" + strings.Repeat("[x]", 70) + "=1",
		"deep, a forbidden name":           "__Host-a=1&_.Host-a" + strings.Repeat("[x]", 70) + "=1",
		"deep, at a full array":            "a[9223372036854775807]=1&a[]" + strings.Repeat("[x]", 70) + "=1&b=2",
		"deep, within a full array":        "a[9223372036854775807][9223372036854775807]=1&a[9223372036854775807][]" + strings.Repeat("[x]", 70) + "=1&b=2",
		"deep and too late":                strings.Repeat("a[]=1&", 1000) + "a" + strings.Repeat("[x]", 65) + "=1",
		"deep as the last that counts":     strings.Repeat("a[]=1&", 998) + "b=2&a" + strings.Repeat("[x]", 65) + "=1&c=3",
		"text behind the brackets":         "a" + strings.Repeat("[b]c", 70) + "=1",
		"half an escape":                   strings.Repeat("%5", 100) + "&a=" + strings.Repeat("[", 65) + "%5",
		"brackets both ways":               "a" + strings.Repeat("[x%5D%5bx]", 40) + "=1&b=2",
		"closing brackets first":           strings.Repeat("]", 100) + strings.Repeat("[x]", 65) + "=1&_=2",
		"no name before the brackets":      strings.Repeat("[x]", 65) + "=1&a=2",
		"brackets, a separator in a value": "a=" + strings.Repeat("[x]", 70) + "%26b" + strings.Repeat("[x]", 70) + "=c",
	}
	for _, n := range []int{999, 1000, 1001, 5000} {
		var names strings.Builder
		for i := range n {
			fmt.Fprintf(&names, "a%d=%d&", i, i)
		}
		q[fmt.Sprintf("%d variables", n)] = names.String()
		q[fmt.Sprintf("%d variables, appended", n)] = strings.Repeat("&&a[]=1", n)
		q[fmt.Sprintf("%d variables of one name", n)] = strings.Repeat("a=1&", n-1) + "a=2"
	}
	for _, n := range []int{63, 64, 65, 200} {
		for _, index := range []string{"[]", "[x]", "%5Bx%5d", "[%00]", "[+", "[ ]", "[7]"} {
			q[fmt.Sprintf("%d times %s", n, index)] = "b=1&a" + strings.Repeat(index, n) + "=2&c=3"
			q[fmt.Sprintf("%d times %s and one left open", n, index)] = "b=1&a" + strings.Repeat(index, n) + "[=2&c=3"
		}
	}
	return q
}

// smallPHP has limits that random queries reach.
var smallPHP = Limits{MaxVars: 6, MaxDepth: 3}

// query makes a query that goes beyond the limits of smallPHP now and then.
func (g gen) query() string {
	var b strings.Builder
	for range g.IntN(9) {
		b.WriteString(g.pick("a", "a", "a", "b", "a.b", "a_b", "+a", "7", "", "a]", "[a]", "%00", "__Host-a", "_.Host-a", "%ff"))
		b.WriteString(g.some(5, "[]", "[]", "[x]", "[x]", "%5bx%5D", "[9223372036854775807]", "[9223372036854775807]", "[", "]", "c", "%00", "[+x]", "[__Host-a]", ";", "%5"))
		b.WriteString(g.pick("=1", "=[[[[", "", "=a=b", "=%5B%5B%5B%5B"))
		b.WriteString(g.pick("&", "&", "&", "&&", ";", "&;"))
	}
	return b.String()
}

func limitsOf(l Limits) []string {
	l = l.withDefaults()
	return []string{
		"-d", fmt.Sprint("max_input_vars=", l.MaxVars), "-d", fmt.Sprint("max_input_nesting_level=", l.MaxDepth),
		"-d", fmt.Sprintf("arg_separator.input=%q", l.Separators),
	}
}

// parseBoth has PHP, with these limits, parse each query as it was sent and as we
// pass it on, and compares.
func parseBoth(t *testing.T, l Limits, sent []string) (warned int) {
	t.Helper()
	var in strings.Builder
	passed := make([]string, len(sent))
	for i := range sent {
		passed[i] = Query(sent[i], l)
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString([]byte(sent[i]))+" "+base64.StdEncoding.EncodeToString([]byte(passed[i])))
	}
	// PHP warns of the nesting only where errors are not displayed.
	args := append([]string{"-n", "-d", "display_errors=0"}, limitsOf(l)...)
	cmd := exec.CommandContext(t.Context(), program(t, "php"), append(args, "testdata/query.php")...)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("php: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(sent) {
		t.Fatalf("php answered %d of %d questions", len(lines), len(sent))
	}
	for i, line := range lines {
		var want, got string
		var complaints, left int
		if _, err := fmt.Sscan(line, &want, &complaints, &got, &left); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if left > 0 || got != want {
			t.Errorf("%.300q\nis passed on as %.300q\nPHP warns %d times of it and reads\n%.300s\nnot\n%.300s", sent[i], passed[i], left, got, want)
		}
		if complaints > 0 {
			warned++
		} else if passed[i] != sent[i] && !strings.Contains(sent[i], "9223372036854775807") {
			t.Errorf("%.300q is changed to %.300q, and PHP has nothing against it", sent[i], passed[i])
		}
	}
	return warned
}

func TestPHPReadsTheQueryWithoutAWarningAndToWhatItMakesOfTheOneThatWasSent(t *testing.T) {
	var sent []string
	for _, q := range queries() {
		sent = append(sent, q)
	}
	if warned := parseBoth(t, Limits{}, sent); warned < 20 {
		t.Errorf("PHP warns of %d queries only, as they were sent", warned)
	}
	for _, l := range []Limits{smallPHP, {MaxVars: 6, MaxDepth: 1}, {MaxVars: 5, MaxDepth: 2, Separators: ";&"}, {MaxVars: 1}, {MaxVars: 5000, MaxDepth: 500}} {
		parseBoth(t, l, sent)
		random := make([]string, 5000)
		for i := range random {
			random[i] = newGen(uint64(i)).query()
		}
		if warned := parseBoth(t, l, random); l.MaxVars < 10 && warned < len(random)/8 {
			t.Errorf("%+v: PHP warns of %d random queries only", l, warned)
		}
	}
}

// The same, with the PHP behind a web server.
func TestTheQueryBecomesWhatPHPHasInGET(t *testing.T) {
	script, err := filepath.Abs("testdata/get.php")
	if err != nil {
		t.Fatal(err)
	}
	get := func(query string, l Limits) string {
		cmd := exec.CommandContext(t.Context(), program(t, "php-cgi"), append([]string{"-n", "-q", "-d", "display_errors=0"}, limitsOf(l)...)...)
		cmd.Env = []string{"REDIRECT_STATUS=1", "REQUEST_METHOD=GET", "SCRIPT_FILENAME=" + script, "QUERY_STRING=" + query}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("php-cgi: %v", err)
		}
		_, text, _ := bytes.Cut(out, []byte("\r\n\r\n"))
		return string(text)
	}
	compare := func(name, sent string, l Limits) {
		passed := Query(sent, l)
		if want, got := get(sent, l), get(passed, l); got != want || got == "" {
			t.Errorf("%s: %.300q\nis passed on as %.300q\n%.300s\nnot\n%.300s", name, sent, passed, got, want)
		}
	}
	for name, sent := range queries() {
		compare(name, sent, Limits{})
	}
	for seed := range uint64(60) {
		compare(fmt.Sprint("seed ", seed), newGen(1e6+seed).query(), smallPHP)
	}
}

func TestAQueryWithinTheLimitsCostsNoMemory(t *testing.T) {
	for name, query := range map[string]string{
		"short":                 "page=2&sort=name",
		"long":                  "redirect=" + strings.Repeat("x", 4000),
		"1000 variables":        strings.Repeat("a[]=1&", 1000),
		"cut":                   strings.Repeat("a[]=1&", 2000),
		"100 filters":           strings.Repeat("filter[x]=1&", 100),
		"escapes":               "q=" + strings.Repeat("%D1%84", 100),
		"brackets in the value": "q=" + strings.Repeat("[x]", 100),
	} {
		if n := testing.AllocsPerRun(100, func() { Query(query, Limits{}) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(newGen(seed).query())
	}
	f.Fuzz(func(t *testing.T, sent string) {
		for _, l := range []Limits{smallPHP.withDefaults(), {MaxVars: 3, MaxDepth: 1, Separators: ";&"}} {
			passed := Query(sent, l)
			if len(passed) > len(sent) || Query(passed, l) != passed {
				t.Fatalf("%q is passed on as %q, and that as %q", sent, passed, Query(passed, l))
			}
			n := 0
			for rest := passed; rest != ""; n++ {
				var variable string
				if variable, rest = nextVariable(rest, l.Separators); variable == "" {
					break
				}
				name, _, _ := strings.Cut(variable, "=")
				if _, err := parseName(nil, unescape(name, true), l.MaxDepth); errors.Is(err, ErrTooDeep) {
					t.Fatalf("%q is passed on as %q", sent, passed)
				}
			}
			if n > l.MaxVars {
				t.Fatalf("%q is passed on as %q: %d variables", sent, passed, n)
			}
		}
	})
}

func BenchmarkQuery(b *testing.B) {
	for name, query := range map[string]string{"short": "page=2&sort=name", "1KB": "redirect=" + strings.Repeat("%D1%84", 170)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Query(query, Limits{})
			}
		})
	}
}
