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
		{"files[]", `{}`, ``, ``},
		{"files[] files[]", `{}`, ``, ``},
		{"files[0] files[7]", `{}`, ``, ``},
		{"files[][]", `{}`, ``, ``},
		{"a.b", `{}`, ``, ``},

		{"form[photo]", `{"form":[]}`, ``, `{"form":1}`},
		{"form[files][]", `{"form":[]}`, ``, `{"form":1}`},
		{"form[files][0]", `{"form":[]}`, ``, `{"form":1}`},
		{"form[t]=a form[photo] form[doc]", `{"form":{"t":"a"}}`, ``, ``},
		{"form[a][photo] form[a][doc] form[b]", `{"form":{"a":[]}}`, ``, `{"form":1}`},
		{"form[t]=a form[a][photo]", `{"form":{"t":"a","a":[]}}`, ``, `{"form":{"a":1}}`},
		{"docs[0][file] docs[1][file]", `{"docs":[[],[]]}`, ``, `{"docs":1}`},
		{"docs[0][t]=a docs[0][file] docs[1][file]", `{"docs":[{"t":"a"},[]]}`, ``, `{"docs":{"1":1}}`},
		{"docs[][file]", `{"docs":[[]]}`, ``, `{"docs":1}`},
		{"a[0][1] a[b]", `{"a":[]}`, ``, `{"a":1}`},
		{"5[photo]", `{"5":[]}`, ``, `{"5":1}`},
		{"f[name]", `{"f":[]}`, ``, `{"f":1}`},

		// Files keep the index that they have in PHP, and their groups are there, too.
		{"files[] files[]<a.txt", `{}`, `files.1`, ``},
		{"files[]<a.txt files[]", `{}`, `files.0`, ``},
		{"form[photo] form[doc]<a.txt", `{"form":[]}`, `form.doc`, `{"form":1}`},
		{"docs[0][file]<a.txt docs[1][file]", `{"docs":[[],[]]}`, `docs.0.file`, `{"docs":1}`},
		{"docs[0][file] docs[1][file]<a.txt", `{"docs":[[],[]]}`, `docs.1.file`, `{"docs":1}`},
		{"photo form[doc]<a.txt", `{"form":[]}`, `form.doc`, `{"form":1}`},
		{"form[doc]<a.txt", `{}`, `form.doc`, ``},
		{"photo photo<a.txt", `{}`, `photo`, ``},
		{"photo<a.txt photo", `{}`, ``, ``},

		// Nothing that was sent is replaced, whichever comes first.
		{"photo=old photo", `{"photo":"old"}`, ``, ``},
		{"photo photo=old", `{"photo":"old"}`, ``, ``},
		{"photo= photo", `{"photo":""}`, ``, ``},
		{"files[]=keep files[] files[]", `{"files":["keep"]}`, ``, ``},
		{"files[] files[]=keep", `{"files":["keep"]}`, ``, ``},
		{"photo=text photo[a]", `{"photo":"text"}`, ``, ``},
		{"photo[a]=text photo", `{"photo":{"a":"text"}}`, ``, ``},
		{"form[a]=text form[a][b][photo] form[c][photo]", `{"form":{"a":"text","c":[]}}`, ``, `{"form":{"c":1}}`},
	} {
		f := read(t, theForm(c.fields), options(t))
		if got := string(f.Values.AppendJSON(nil)); got != c.values {
			t.Errorf("%q: values %s, want %s", c.fields, got, c.values)
		}
		var names []string
		if f.Uploads != nil {
			names = leaves("", decodeJSON(t, f.Uploads))
		}
		if got := strings.Join(names, " "); got != c.uploads || strings.Contains(string(f.Uploads), `"error":4`) {
			t.Errorf("%q: uploads %s, want %q", c.fields, f.Uploads, c.uploads)
		}
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

// leaves are the paths of the files.
func leaves(prefix string, a *array) []string {
	var found []string
	for _, key := range a.keys {
		v := a.values[key].(*array)
		if _, ok := v.values["tmpName"].(string); ok {
			found = append(found, prefix+key)
		} else {
			found = append(found, leaves(prefix+key+".", v)...)
		}
	}
	return found
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
