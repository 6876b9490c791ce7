package form

import (
	"strings"
	"testing"
)

// theForm writes a body: "name" is a file field that was left empty, "name=text" a value,
// "name<file" a file.
func theForm(fields string) string {
	var body strings.Builder
	for field := range strings.FieldsSeq(fields) {
		if name, text, ok := strings.Cut(field, "="); ok {
			body.WriteString(part(`name="`+name+`"`, text))
		} else if name, file, ok := strings.Cut(field, "<"); ok {
			body.WriteString(part(`name="`+name+`"; filename="`+file+`"`, "x"))
		} else {
			body.WriteString(part(`name="`+field+`"; filename=""`, ""))
		}
	}
	return body.String() + end
}

func TestAFileFieldLeftEmptyLeavesNothingButItsGroups(t *testing.T) {
	for _, c := range []struct{ fields, values, uploads, filled string }{
		{"photo", `{}`, ``, ``},
		{"title=a photo", `{"title":"a"}`, ``, ``},
		{"photo title=a", `{"title":"a"}`, ``, ``},
		{"files[]", `{}`, `{"files":{}}`, ``},
		{"files[] files[]", `{}`, `{"files":{}}`, ``},
		{"files[0] files[7]", `{}`, `{"files":{}}`, ``},
		{"files[][]", `{}`, `{"files":{"0":{}}}`, ``},
		{"a.b", `{}`, ``, ``},

		{"form[photo]", `{}`, `{"form":{}}`, ``},
		{"form[files][]", `{}`, `{"form":{"files":{}}}`, ``},
		{"form[files][0]", `{}`, `{"form":{"files":{}}}`, ``},
		{"form[t]=a form[photo] form[doc]", `{"form":{"t":"a"}}`, `{"form":{}}`, ``},
		{"form[a][photo] form[a][doc] form[b]", `{}`, `{"form":{"a":{}}}`, ``},
		{"form[t]=a form[a][photo]", `{"form":{"t":"a"}}`, `{"form":{"a":{}}}`, ``},
		{"5[photo]", `{}`, `{"5":{}}`, ``},
		{"f[name]", `{}`, `{"f":{}}`, ``},
		{"f[name][x]", `{}`, `{"f[name]":{}}`, ``},
		{"f[x][name][y]", `{}`, `{"f[x][name]":{}}`, ``},

		// Groups in lists are values, and so are those beside them.
		{"docs[0][file] docs[1][file]", `{"docs":[[],[]]}`, `{"docs":{"0":{},"1":{}}}`, `{"docs":1}`},
		{"docs[1][file] docs[0][file]", `{"docs":{"1":[],"0":[]}}`, `{"docs":{"0":{},"1":{}}}`, `{"docs":1}`},
		{"docs[0][t]=a docs[0][file] docs[1][file]", `{"docs":[{"t":"a"},[]]}`, `{"docs":{"0":{},"1":{}}}`, `{"docs":{"1":1}}`},
		{"docs[][file]", `{"docs":[[]]}`, `{"docs":{"0":{}}}`, `{"docs":1}`},
		{"docs[0][0][file]", `{"docs":[[[]]]}`, `{"docs":{"0":{"0":{}}}}`, `{"docs":1}`},
		{"docs[0][file] docs[x]", `{"docs":[[]]}`, `{"docs":{"0":{}}}`, `{"docs":1}`},
		{"form[photo] form[docs][0][file] other[photo]", `{"form":{"docs":[[]]}}`, `{"form":{"docs":{"0":{}}},"other":{}}`, `{"form":1}`},
		// HttpFoundation leaves what is no list, and what is not empty.
		{"docs[1][file]", `{}`, `{"docs":{"1":{}}}`, ``},
		{"docs[0][file] docs[2][file]", `{}`, `{"docs":{"0":{},"2":{}}}`, ``},
		{"docs[new][file]", `{}`, `{"docs":{"new":{}}}`, ``},
		{"docs[0][files][]", `{}`, `{"docs":{"0":{"files":{}}}}`, ``},
		{"docs[0][a][file]", `{}`, `{"docs":{"0":{"a":{}}}}`, ``},
		{"a[0][1] a[b]", `{}`, `{"a":{"0":{}}}`, ``},

		// Files keep the index that they have in PHP.
		{"files[] files[]<a.txt", `{}`, `{"files":{"1":"a.txt"}}`, ``},
		{"files[]<a.txt files[]", `{}`, `{"files":{"0":"a.txt"}}`, ``},
		{"form[photo] form[doc]<a.txt", `{}`, `{"form":{"doc":"a.txt"}}`, ``},
		{"docs[0][file]<a.txt docs[1][file]", `{"docs":[[],[]]}`, `{"docs":{"0":{"file":"a.txt"},"1":{}}}`, `{"docs":1}`},
		{"docs[0][file] docs[1][file]<a.txt", `{"docs":[[],[]]}`, `{"docs":{"0":{},"1":{"file":"a.txt"}}}`, `{"docs":1}`},
		{"photo form[doc]<a.txt", `{}`, `{"form":{"doc":"a.txt"}}`, ``},
		{"form[doc]<a.txt", `{}`, `{"form":{"doc":"a.txt"}}`, ``},
		{"photo photo<a.txt", `{}`, `{"photo":"a.txt"}`, ``},
		{"photo<a.txt photo", `{}`, ``, ``},

		// Nothing that was sent is replaced, whichever comes first.
		{"photo=old photo", `{"photo":"old"}`, ``, ``},
		{"photo photo=old", `{"photo":"old"}`, ``, ``},
		{"photo= photo", `{"photo":""}`, ``, ``},
		{"files[]=keep files[] files[]", `{"files":["keep"]}`, `{"files":{}}`, ``},
		{"files[] files[]=keep", `{"files":["keep"]}`, `{"files":{}}`, ``},
		{"photo=text photo[a]", `{"photo":"text"}`, `{"photo":{}}`, ``},
		{"photo[a]=text photo", `{"photo":{"a":"text"}}`, ``, ``},
		{"form[a]=text form[a][0][photo] form[c][0][photo]", `{"form":{"a":"text","c":[[]]}}`, `{"form":{"a":{"0":{}},"c":{"0":{}}}}`, `{"form":{"c":1}}`},
	} {
		f := read(t, theForm(c.fields), options(t))
		if got := string(f.Values.AppendJSON(nil)); got != c.values {
			t.Errorf("%q: values %s, want %s", c.fields, got, c.values)
		}
		got := ""
		if f.Uploads != nil {
			got = sorted(files(decodeJSON(t, f.Uploads)))
		}
		if got != c.uploads || strings.Contains(string(f.Uploads), `"error":4`) {
			t.Errorf("%q: uploads %s, want %q", c.fields, f.Uploads, c.uploads)
		}
		wrapped(t, f)
		if string(f.Filled) != c.filled {
			t.Errorf("%q: filled in %s, want %s", c.fields, f.Filled, c.filled)
		}
		php := cgi(t, testType, theForm(c.fields), "")
		if got := values(t, f).dump(same); got != php.post {
			t.Errorf("%q: without what is filled in the values are %s, in PHP %s", c.fields, got, php.post)
		}
		if files, _ := parseDump(t, php.files[1:]); sorted(grouped(digested(t, uploads(t, f)))) != sorted(files) {
			t.Errorf("%q: all uploads are %s, in PHP %s", c.fields, f.AllUploads, sorted(files))
		}
	}
}

func TestAFormWithoutFieldsLeftEmptyHasOneTreeOfUploads(t *testing.T) {
	if f := read(t, theForm("a=b doc<a.txt"), options(t)); f.AllUploads != nil || f.Filled != nil {
		t.Errorf("%s, %s", f.AllUploads, f.Filled)
	}
}

// files replaces each file by its name.
func files(a *array) *array {
	for _, key := range a.keys {
		if v := a.values[key].(*array); v.values["tmpName"] != nil {
			a.values[key] = v.values["name"]
		} else {
			files(v)
		}
	}
	return a
}

func TestAMultipartBodyOfNoBytesNeedsNoBoundary(t *testing.T) {
	for _, contentType := range []string{"multipart/form-data", "multipart/form-data; boundary=", testType} {
		f, err := ReadMultipart(strings.NewReader(""), contentType, options(t))
		if err != nil || f.Values.Len() != 0 || f.Uploads != nil {
			t.Errorf("%q: %v", contentType, err)
		}
		if php := cgi(t, contentType, "", ""); php.post != "{}" || php.files != "{}" {
			t.Errorf("%q: PHP has %v", contentType, php)
		}
	}
	if _, err := ReadMultipart(strings.NewReader("a"), "multipart/form-data", options(t)); err == nil {
		t.Error("a body without a boundary can be read")
	}
}
