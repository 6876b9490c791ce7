package form

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// partsOf is what somebody reads in a multipart body: values as JSON, files as
// "name=file name (type) content", in the order of their names.
type partsOf struct{ values, files string }

func rrParts(body string) partsOf {
	tree, files, err := rrMultipart(body, "AaB03x")
	if err != nil {
		return partsOf{"400", ""}
	}
	var lines []string
	for name, f := range files {
		lines = append(lines, fmt.Sprintf("%s=%s (%s) %s", name, f.name, f.mime, digest(f.content)))
	}
	slices.Sort(lines)
	return partsOf{text(listed(tree)), strings.Join(lines, ", ")}
}

// ourParts reads it twice: as RoadRunner's packages get it, and as our own does.
func ourParts(t *testing.T, body string) (packages, own partsOf) {
	t.Helper()
	f, err := ReadMultipart(strings.NewReader(body), testType, options(t))
	if err != nil {
		return partsOf{"400", ""}, partsOf{"400", ""}
	}
	defer f.Remove()
	own = partsOf{sorted(values(t, f)), filesIn(digested(t, uploads(t, f)))}
	packages = partsOf{sorted(decodeJSON(t, f.Values.AppendJSON(nil))), ""}
	if f.Uploads != nil {
		packages.files = filesIn(digested(t, decodeJSON(t, f.Uploads)))
	}
	return packages, own
}

func phpParts(t *testing.T, body string) partsOf {
	t.Helper()
	got := cgi(t, testType, body, "")
	post, _ := parseDump(t, asJSONKeepsIt(t, got.post)[1:])
	files, _ := parseDump(t, asJSONKeepsIt(t, got.files)[1:])
	return partsOf{sorted(post), filesIn(files)}
}

func filesIn(a *array) string {
	var lines []string
	var walk func(prefix string, a *array)
	walk = func(prefix string, a *array) {
		for _, key := range a.keys {
			v := a.values[key].(*array)
			name := key
			if prefix != "" {
				name = prefix + "[" + key + "]"
			}
			if _, leaf := v.values["tmpName"].(string); !leaf {
				walk(name, v)
			} else if code := v.values["error"]; code != int64(0) {
				lines = append(lines, fmt.Sprintf("%s: error %d", name, code))
			} else {
				lines = append(lines, fmt.Sprintf("%s=%s (%s) %s", name, v.values["name"], v.values["mime"], v.values["tmpName"]))
			}
		}
	}
	walk("", a)
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func TestEveryDifferenceOfMultipartFormsIsARowOfTheTable(t *testing.T) {
	x := digest("x")
	raw := func(header, content string) string { return "--AaB03x\r\n" + header + "\r\n\r\n" + content + "\r\n" }
	none := partsOf{"{}", ""}
	refused := partsOf{"400", ""}
	rows := table(t)
	for _, c := range []struct {
		row, body              string
		rr, php, packages, own partsOf // zero: packages and own are as php
	}{
		{rowUnchosen, part(`name=a; filename=""`, "") + end,
			partsOf{`{"a":""}`, ""}, partsOf{"{}", "a: error 4"}, none, partsOf{"{}", "a: error 4"}},
		{rowEncoding, raw("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable", "=41") + end,
			partsOf{`{"a":"A"}`, ""}, partsOf{`{"a":"=41"}`, ""}, partsOf{}, partsOf{}},
		{rowDisposition, raw("Content-Disposition: attachment; name=a", "1") + end, none, partsOf{`{"a":"1"}`, ""}, partsOf{}, partsOf{}},
		{rowStar, raw("Content-Disposition: form-data; name=a; filename*=utf-8''b.txt", "x") + end,
			partsOf{"{}", "a=b.txt () " + x}, partsOf{`{"a":"x"}`, ""}, partsOf{}, partsOf{}},
		{rowPath, part(`name=a; filename="C:\\dir\\a.txt"`, "x") + end,
			partsOf{"{}", `a=C:\dir\a.txt (text/plain) ` + x}, partsOf{"{}", "a=a.txt (text/plain) " + x}, partsOf{}, partsOf{}},
		{rowType, raw("Content-Disposition: form-data; name=a; filename=b\r\nContent-Type: text/plain; charset=x", "x") + end,
			partsOf{"{}", "a=b (text/plain; charset=x) " + x}, partsOf{"{}", "a=b (text/plain) " + x}, partsOf{}, partsOf{}},
		{rowTwoFiles, part("name=a; filename=first", "x") + part("name=a; filename=last", "x") + end,
			partsOf{"{}", "a=first (text/plain) " + x}, partsOf{"{}", "a=last (text/plain) " + x}, partsOf{}, partsOf{}},
		{rowQuotes, part("name='a'", "1") + end, partsOf{`{"'a'":"1"}`, ""}, partsOf{`{"a":"1"}`, ""}, partsOf{}, partsOf{}},
		{rowBehindEnd, part("name=a", "1") + end + part("name=b", "2") + end, partsOf{`{"a":"1"}`, ""}, partsOf{`{"a":"1","b":"2"}`, ""}, partsOf{}, partsOf{}},
		{rowNoEnd, part("name=a", "1"), refused, partsOf{`{"a":"1"}`, ""}, refused, refused},
		{rowNameless, part("x=y", "1") + part("name=a", "1") + end, partsOf{`{"a":"1"}`, ""}, none, refused, refused},
	} {
		if c.packages == (partsOf{}) {
			c.packages, c.own = c.php, c.php
		}
		rr, php := rrParts(c.body), phpParts(t, c.body)
		packages, own := ourParts(t, c.body)
		if rr != c.rr || php != c.php || packages != c.packages || own != c.own {
			t.Errorf("%s:\nRoadRunner %q, want %q\nPHP %q, want %q\nus, RoadRunner's packages %q, want %q\nus, our package %q, want %q",
				c.row, rr, c.rr, php, c.php, packages, c.packages, own, c.own)
		}
		if c.rr == c.php {
			t.Errorf("%s shows no difference", c.row)
		}
		if !rows[c.row] {
			t.Errorf("docs/http.md has no row %q", c.row)
		}
	}
}

func TestNoMultipartFormDiffersOutsideTheTable(t *testing.T) {
	alike, different := 0, 0
	for seed := range uint64(150) {
		g := newGen(seed)
		var body strings.Builder
		var names, texts []string
		files := false
		for range 1 + g.IntN(4) {
			name, content := g.pick("a", "b", "c", "é")+g.some(2, "[a]", "[b]", "[0]", "[x.y]"), g.pick("", "x", "long text", "é")
			if g.IntN(3) == 0 {
				name += g.pick("[]", " ", "p", "[", "[ a]")
			}
			names, texts = append(names, name), append(texts, content)
			if g.IntN(4) == 0 && !slices.Contains(names[:len(names)-1], name) {
				files = true
				body.WriteString(part(`name="`+name+`"; filename="f.txt"`, content))
			} else {
				body.WriteString(part(`name="`+name+`"`, content))
			}
		}
		rr, php := rrParts(body.String()+end), phpParts(t, body.String()+end)
		packages, own := ourParts(t, body.String()+end)
		kinds := differences(names, texts)
		switch {
		case packages != php || own != php:
			t.Errorf("%q: PHP %q, we %q and %q", body.String(), php, packages, own)
		case len(kinds) > 0:
			different++
		case rr.values != php.values || !files && rr.files != php.files || files && strings.Count(rr.files, "=") != strings.Count(php.files, "="):
			t.Errorf("%q: RoadRunner %q, PHP %q, and no row of the table says so", body.String(), rr, php)
		default:
			alike++
		}
	}
	t.Logf("%d forms are alike, %d may differ", alike, different)
	if alike < 30 || different < 30 {
		t.Error("the generator makes forms that prove too little")
	}
}
