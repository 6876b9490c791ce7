package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// tableCase is a body with the JSON that PHP's parser and json_encode agree on.
type tableCase struct {
	Name string          `json:"name"`
	Body string          `json:"body"`
	JSON json.RawMessage `json:"json"`
}

func urlencodedTable(t testing.TB) []tableCase {
	t.Helper()
	text, err := os.ReadFile("testdata/urlencoded.json")
	if err != nil {
		t.Fatal(err)
	}
	var table []tableCase
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table) < 20 {
		t.Fatalf("only %d cases in the table", len(table))
	}
	return table
}

func TestURLEncodedTableIsWhatWeWriteAndWhatPHPReads(t *testing.T) {
	table := urlencodedTable(t)
	questions := make([]question, len(table))
	for i, c := range table {
		tree, err := ParseURLEncoded(c.Body, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		got := tree.AppendJSON(nil)
		if string(got) != string(c.JSON) {
			t.Errorf("%s: %q became %s, want %s", c.Name, c.Body, got, c.JSON)
		}
		questions[i] = question{c.Body, got}
	}
	for i, a := range ask(t, questions) {
		if want := asJSONKeepsIt(t, a.parsed); a.decoded != want {
			t.Errorf("%s: PHP reads our JSON as %s, its own parser says %s", table[i].Name, a.decoded, want)
		}
	}
}

func TestURLEncodedAgreesWithPHPOnRandomBodies(t *testing.T) {
	const batches, size = 4, 5000
	arrays, lists, merged := 0, 0, 0
	for batch := range uint64(batches) {
		questions := make([]question, size)
		for i := range questions {
			body := newGen(batch*size + uint64(i)).urlencoded()
			tree, err := ParseURLEncoded(body, Limits{})
			if err != nil {
				t.Fatalf("seed %d: %q: %v", int(batch)*size+i, body, err)
			}
			questions[i] = question{body, tree.AppendJSON(nil)}
		}
		for i, a := range ask(t, questions) {
			want := asJSONKeepsIt(t, a.parsed)
			if a.decoded != want {
				t.Fatalf("seed %d: %q\nour JSON  %s\nPHP reads %s\nwant      %s", int(batch)*size+i, questions[i].body, questions[i].json, a.decoded, want)
			}
			if strings.Contains(want[1:], "{") {
				arrays++
			}
			if strings.Contains(string(questions[i].json), "[") {
				lists++
			}
			if want != a.parsed {
				merged++
			}
		}
	}
	// A generator that makes no arrays proves nothing.
	if arrays < batches*size/4 || lists < batches*size/8 || merged < batches*size/20 {
		t.Errorf("of %d bodies only %d had arrays, %d lists, %d bytes that are not UTF-8", batches*size, arrays, lists, merged)
	}
}

func TestURLEncodedAgreesWithPOSTOfPHPWhereBytesAreNUL(t *testing.T) {
	for seed := range uint64(40) {
		g := newGen(seed)
		body := g.field() + "\x00" + g.field() + "&a\x00b=c\x00d&" + g.urlencoded() + "\x00"
		tree, err := ParseURLEncoded(body, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := decodeJSON(t, tree.AppendJSON(nil)).dump(same)
		if want := asJSONKeepsIt(t, cgi(t, "application/x-www-form-urlencoded", body, "").post); got != want {
			t.Errorf("seed %d: %q\ngot  %s\nwant %s", seed, body, got, want)
		}
	}
}

func TestAsManyFieldsAsPHPTakesPassAndOneMoreIsRefused(t *testing.T) {
	for _, piece := range []string{"a=b&", "&", "a[]=1&"} {
		body := strings.Repeat(piece, 1000)
		if _, err := ParseURLEncoded(body, Limits{}); err != nil {
			t.Errorf("1000 times %q: %v", piece, err)
		}
		if w := cgi(t, "application/x-www-form-urlencoded", body, "").warnings; strings.Contains(w, "exceeded") {
			t.Errorf("PHP does not take 1000 times %q: %s", piece, w)
		}
		body += "x"
		if _, err := ParseURLEncoded(body, Limits{}); !errors.Is(err, ErrTooManyVars) {
			t.Errorf("1000 times %q and one more: %v, want ErrTooManyVars", piece, err)
		}
		if w := cgi(t, "application/x-www-form-urlencoded", body, "").warnings; !strings.Contains(w, "Input variables exceeded 1000") {
			t.Errorf("PHP takes 1000 times %q and one more: %s", piece, w)
		}
	}
	if _, err := ParseURLEncoded("a&b&c", Limits{MaxVars: 2}); !errors.Is(err, ErrTooManyVars) {
		t.Errorf("a smaller limit does not count: %v", err)
	}
}

func TestAsManyBracketsAsPHPTakesPassAndOneMoreIsRefused(t *testing.T) {
	for _, last := range []string{"[x]", "[", "[]"} {
		for _, depth := range []int{64, 65} {
			body := "a" + strings.Repeat("[x]", depth-1) + last + "=1&b=2"
			_, err := ParseURLEncoded(body, Limits{})
			w := cgi(t, "application/x-www-form-urlencoded", body, "").warnings
			if refused := strings.Contains(w, "nesting level exceeded"); refused != errors.Is(err, ErrTooDeep) || refused != (depth > 64) {
				t.Errorf("%d brackets, the last %q: %v, and PHP says %q", depth, last, err, w)
			}
		}
	}
	if _, err := ParseURLEncoded("a[b][c]=1", Limits{MaxDepth: 1}); !errors.Is(err, ErrTooDeep) {
		t.Errorf("a smaller limit does not count: %v", err)
	}
}

func TestABracketTooManyIsOneBehindAForbiddenKeyToo(t *testing.T) {
	for _, depth := range []int{64, 65} {
		body := "a" + strings.Repeat("[x]", depth-2) + "[__Host-x][x]=1"
		_, err := ParseURLEncoded(body, Limits{})
		w := cgi(t, "application/x-www-form-urlencoded", body, "").warnings
		if refused := strings.Contains(w, "nesting level exceeded"); refused != errors.Is(err, ErrTooDeep) || refused != (depth > 64) {
			t.Errorf("%d brackets: %v, and PHP says %q", depth, err, w)
		}
	}
}

func TestManyKeysStayInOrderAndUnique(t *testing.T) {
	var body, want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&body, "k%d=a&", i)
	}
	for i := range 500 {
		fmt.Fprintf(&body, "k%d=%d&", i, i)
		fmt.Fprintf(&want, `,"k%d":"%d"`, i, i)
	}
	tree, err := ParseURLEncoded(body.String(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(tree.AppendJSON(nil)); got != "{"+want.String()[1:]+"}" || tree.Len() != 500 {
		t.Errorf("%d keys: %s", tree.Len(), got)
	}
}

func TestJSONIsAppended(t *testing.T) {
	if got := string((&Tree{}).AppendJSON([]byte("body: "))); got != "body: {}" {
		t.Errorf("got %s", got)
	}
}

func FuzzURLEncoded(f *testing.F) {
	for _, c := range urlencodedTable(f) {
		f.Add(c.Body)
	}
	for seed := range uint64(20) {
		f.Add(newGen(seed).urlencoded())
	}
	f.Fuzz(func(t *testing.T, body string) {
		l := Limits{MaxVars: 50, MaxDepth: 6}
		tree, err := ParseURLEncoded(body, l)
		if err != nil {
			if tree != nil || !errors.Is(err, ErrTooManyVars) && !errors.Is(err, ErrTooDeep) {
				t.Fatalf("tree %v, error %v", tree, err)
			}
			return
		}
		text := tree.AppendJSON(nil)
		if !json.Valid(text) {
			t.Fatalf("not JSON: %q", text)
		}
		if tree.Len() > l.MaxVars || depth(tree) > l.MaxDepth+1 {
			t.Fatalf("%d fields, %d deep", tree.Len(), depth(tree))
		}
		decodeJSON(t, text)
	})
}

func depth(t *Tree) int {
	deepest := 0
	for _, e := range t.entries {
		if e.value.tree != nil {
			deepest = max(deepest, depth(e.value.tree))
		}
	}
	return deepest + 1
}

func BenchmarkURLEncodedTenFields(b *testing.B) {
	const body = "_token=3f2504e04f8911d39a0c0305e82c3301&name=Ada+Lovelace&email=ada%40example.com&address%5Bstreet%5D=12+St+James+Square" +
		"&address%5Bcity%5D=London&address%5Bzip%5D=SW1Y&tags%5B%5D=math&tags%5B%5D=engines&newsletter=on&message=Hello%2C+world%21+This+is+a+message."
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	var dst []byte
	for b.Loop() {
		tree, err := ParseURLEncoded(body, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		dst = tree.AppendJSON(dst[:0])
	}
}
