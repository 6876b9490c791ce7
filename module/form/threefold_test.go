package form

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
)

// The rows of docs/http.md about forms, by their first column.
const (
	rowDots      = "`a.b`, `a b` in names"
	rowBehind    = "text behind a bracket: `a[c]p`"
	rowUnmatched = "brackets that do not match: `a[b`, `a]b`, `a[b[c]`"
	rowAppend    = "`[]` before the last bracket: `a[][b]`"
	rowBeside    = "`a[]` beside `a[5]`"
	rowGroup     = "`a=1` beside `a[b]=2`"
	rowNoName    = "a name that is empty, or begins with a bracket"
	rowSpace     = "white space in brackets: `a[ b]`"
	rowNUL       = "a NUL in a name"
	rowPrefix    = "`_.Host-a`, `a[__Host-b]` and `__Secure-` likewise"
	rowEscape    = "`;`, or a bad `%`, in a urlencoded form"
	rowBytes     = "bytes that are not UTF-8 in a form"
	rowTwice     = "a field sent twice"
	rowFields    = "1001 fields"
	rowDeep      = "a field of 65 levels"

	rowUnchosen    = "a file field left empty"
	rowEncoding    = "`Content-Transfer-Encoding` of a part"
	rowDisposition = "a `Content-Disposition` that is not `form-data`"
	rowStar        = "`filename*`"
	rowPath        = "`C:\\dir\\a.txt` as a file name"
	rowType        = "`text/plain; charset=x` as the type of a file"
	rowTwoFiles    = "two files in a field that is no list"
	rowQuotes      = "`name='a'`"
	rowBehindEnd   = "parts behind the closing delimiter"
	rowNoEnd       = "no closing delimiter"
	rowNameless    = "a part without a name"
)

// text is anything as JSON with its keys in order.
func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// listed turns lists of RoadRunner into what json_decode makes of them.
func listed(v any) any {
	switch v := v.(type) {
	case []string:
		out := map[string]any{}
		for i, s := range v {
			out[text(i)] = s
		}
		return out
	case rrTree:
		out := map[string]any{}
		for key, v := range v {
			out[key] = listed(v)
		}
		return out
	}
	return v
}

// readings are what the three make of a urlencoded body, keys in order.
type readings struct{ rr, php, ours string }

func readThree(t *testing.T, bodies []string) []readings {
	t.Helper()
	out := make([]readings, len(bodies))
	var questions []question
	for i, body := range bodies {
		switch tree, undecided, err := rrURLEncoded(body); {
		case undecided:
			out[i].rr = "by chance"
		case err != nil:
			out[i].rr = "400"
		default:
			out[i].rr = text(listed(tree))
		}
		tree, err := ParseURLEncoded(body, Limits{})
		ours := []byte("{}")
		switch {
		case errors.Is(err, ErrTooDeep), errors.Is(err, ErrTooManyVars):
			out[i].ours = "400"
		case err != nil:
			t.Fatal(err)
		default:
			ours = tree.AppendJSON(nil)
			out[i].ours = sorted(decodeJSON(t, ours))
		}
		questions = append(questions, question{body, ours})
	}
	for i, a := range askQuietly(t, questions) {
		php, _ := parseDump(t, asJSONKeepsIt(t, a.parsed)[1:])
		out[i].php = sorted(php)
	}
	return out
}

// askQuietly is ask for bodies that PHP warns of.
func askQuietly(t *testing.T, questions []question) []answer {
	t.Helper()
	answers := make([]answer, len(questions))
	var rest []question
	var at []int
	for i, q := range questions {
		if strings.Count(q.body, "&") >= 1000 || strings.Count(q.body, "[") > 64 {
			answers[i].parsed = cgi(t, "application/x-www-form-urlencoded", q.body, "").post
			continue
		}
		rest, at = append(rest, q), append(at, i)
	}
	if len(rest) == 0 {
		return answers
	}
	for i, a := range ask(t, rest) {
		answers[at[i]] = a
	}
	return answers
}

func TestEveryDifferenceOfUrlencodedFormsIsARowOfTheTable(t *testing.T) {
	cases := []struct{ row, body, rr, php string }{
		{rowDots, "a.b=1", `{"a.b":"1"}`, `{"a_b":"1"}`},
		{rowDots, "a+b=1", `{"ab":"1"}`, `{"a_b":"1"}`},
		{rowBehind, "arr[c]p=1", `{"arr":{"c":{"p":"1"}}}`, `{"arr":{"c":"1"}}`},
		{rowUnmatched, "a[b=1", `{"a":{"b":"1"}}`, `{"a_b":"1"}`},
		{rowUnmatched, "a]b=1", `{"a":{"b":"1"}}`, `{"a]b":"1"}`},
		{rowUnmatched, "a[b[c]=1", `{"a":{"b":{"c":"1"}}}`, `{"a":{"b[c":"1"}}`},
		{rowAppend, "a[][b]=1&a[][b]=2", `{"a":{"":{"b":"2"}}}`, `{"a":{"0":{"b":"1"},"1":{"b":"2"}}}`},
		{rowBeside, "a[5]=x&a[]=y", "400", `{"a":{"5":"x","6":"y"}}`},
		{rowGroup, "a=1&a[b]=2", "400", `{"a":{"b":"2"}}`},
		{rowGroup, "a[b]=2&a=", `{"a":{"b":"2"}}`, `{"a":""}`},
		{rowGroup, "a=1&a[]=2", "by chance", `{"a":{"0":"2"}}`},
		{rowNoName, "[a]=2", `{"":{"a":"2"}}`, `{}`},
		{rowSpace, "a[+b]=1", `{"a":{"b":"1"}}`, `{"a":{" b":"1"}}`},
		{rowNUL, "a%00b=1", `{"a\u0000b":"1"}`, `{"a":"1"}`},
		{rowPrefix, "a[__Host-b]=1", `{"a":{"__Host-b":"1"}}`, `{"a":{}}`},
		{rowEscape, "a=1;b=2", "400", `{"a":"1;b=2"}`},
		{rowEscape, "a=%zz", "400", `{"a":"%zz"}`},
		{rowBytes, "a=%E9", "{\"a\":\"\ufffd\"}", `{"a":"é"}`},
	}
	var bodies []string
	for _, c := range cases {
		bodies = append(bodies, c.body)
	}
	rows := table(t)
	for i, got := range readThree(t, bodies) {
		c := cases[i]
		if got.rr = strings.ReplaceAll(got.rr, `\ufffd`, "\ufffd"); got.rr != c.rr || got.php != c.php || got.ours != c.php {
			t.Errorf("%s: %q is to RoadRunner %s, to PHP %s, to us %s; want %s and %s", c.row, c.body, got.rr, got.php, got.ours, c.rr, c.php)
		}
		if c.rr == c.php {
			t.Errorf("%s: %q shows no difference", c.row, c.body)
		}
		if !rows[c.row] {
			t.Errorf("docs/http.md has no row %q", c.row)
		}
		if c.row == rowEscape {
			continue
		}
		if kinds := kindsOf(t, c.body); !kinds[c.row] {
			t.Errorf("%q belongs to %v, not to %q", c.body, kinds, c.row)
		}
	}

	// Refused here, where PHP takes a part.
	for row, body := range map[string]string{rowFields: strings.Repeat("a=1&", 1001) + "b=2", rowDeep: "a" + strings.Repeat("[b]", 65) + "=1&c=2"} {
		got := readThree(t, []string{body})[0]
		if got.ours != "400" || got.php == got.rr || !rows[row] {
			t.Errorf("%s: RoadRunner %s, PHP %s, we %s, a row: %t", row, got.rr, got.php, got.ours, rows[row])
		}
	}
	// Order is lost on the way through maps, which JSON with sorted keys does not show.
	if tree, _, _ := rrURLEncoded("b=1&a=2&b=3"); text(tree) != `{"a":"2","b":"3"}` || !rows[rowTwice] {
		t.Error(text(tree))
	}
}

// kindsOf are the kinds of differences of a body without bad escapes.
func kindsOf(t *testing.T, body string) map[string]bool {
	t.Helper()
	var names, values []string
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		for _, s := range []*string{&name, &value} {
			var err error
			if *s, err = url.QueryUnescape(*s); err != nil {
				t.Fatal(err)
			}
		}
		names, values = append(names, name), append(values, value)
	}
	return differences(names, values)
}

func TestNoFormDiffersOutsideTheTable(t *testing.T) {
	var bodies []string
	for seed := range uint64(8_000) {
		g := newGen(seed)
		var pairs []string
		for range 1 + g.IntN(4) {
			name := g.name()
			if seed%2 == 0 { // what a form of today has
				name = g.pick("a", "b", "c", "é", "_", "1") + g.some(3, "[a]", "[b]", "[0]", "[1]", "[-3]", "[01]", "[a.b]", "[ü]", "[1e3]") + g.some(1, "[]")
			}
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(g.text()))
		}
		bodies = append(bodies, strings.Join(pairs, "&"))
	}
	alike, different := 0, 0
	for i, got := range readThree(t, bodies) {
		if got.ours != got.php {
			t.Errorf("%q is to us %s, to PHP %s", bodies[i], got.ours, got.php)
		}
		kinds := kindsOf(t, bodies[i])
		switch {
		case got.rr != got.php && len(kinds) == 0:
			t.Errorf("%q is to RoadRunner %s, to PHP %s, and no row of the table says so", bodies[i], got.rr, got.php)
		case got.rr != got.php:
			different++
		case len(kinds) == 0:
			alike++
		}
	}
	t.Logf("%d forms are alike, %d differ", alike, different)
	if alike < 1600 || different < 1600 {
		t.Error("the generator makes forms that prove too little")
	}
}

// digest stands for the content of a file.
func digest(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])
}

// table holds the first columns of the table in docs/http.md.
func table(t *testing.T) map[string]bool {
	t.Helper()
	doc, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(doc), "## Where others differ")
	if !ok {
		t.Fatal("docs/http.md has no such section")
	}
	rows := map[string]bool{}
	for line := range strings.SplitSeq(section, "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 4 {
			rows[strings.TrimPrefix(cells[0], "| ")] = true
		}
	}
	return rows
}
