package integration

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"testing"
)

// testUnchosen sends forms whose file fields were left empty. Our package sees what
// $_POST and $_FILES are with PHP-FPM, RoadRunner's packages no such field, but its groups and lists: an upload with
// error 4 is a failed one to the frameworks on top of them.
func testUnchosen(t *testing.T, app front) {
	_, url := app.site(t, "workers 1")
	const none = `{"name":"","type":"","size":0,"error":4,"sha1":"","path":""}`
	for name, c := range map[string]struct {
		fields                         []string // file fields left empty
		values                         map[string]string
		parsed, files, rrParsed, rrAll string
	}{
		"one field":        {[]string{"photo"}, nil, `[]`, `{"photo":` + none + `}`, `[]`, `[]`},
		"beside a value":   {[]string{"photo"}, map[string]string{"title": "x"}, `{"title":"x"}`, `{"photo":` + none + `}`, `{"title":"x"}`, `[]`},
		"multiple":         {[]string{"files[]"}, nil, `[]`, `{"files":[` + none + `]}`, `[]`, `{"files":[]}`},
		"several":          {[]string{"files[]", "files[]"}, nil, `[]`, `{"files":[` + none + `,` + none + `]}`, `[]`, `{"files":[]}`},
		"nested":           {[]string{"form[photo]"}, nil, `[]`, `{"form":{"photo":` + none + `}}`, `[]`, `{"form":[]}`},
		"nested, a value":  {[]string{"form[photo]"}, map[string]string{"form[t]": "x"}, `{"form":{"t":"x"}}`, `{"form":{"photo":` + none + `}}`, `{"form":{"t":"x"}}`, `{"form":[]}`},
		"with a kept name": {[]string{"photo"}, map[string]string{"photo": "old.png"}, `{"photo":"old.png"}`, `{"photo":` + none + `}`, `{"photo":"old.png"}`, `[]`},
		"called name":      {[]string{"f[name]"}, nil, `[]`, `{"f":{"name":` + none + `}}`, `[]`, `{"f":[]}`},
		"in a collection":  {[]string{"docs[][file]"}, nil, `[]`, `{"docs":[{"file":` + none + `}]}`, `{"docs":[[]]}`, `{"docs":[[]]}`},
	} {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for field, value := range c.values {
			if err := w.WriteField(field, value); err != nil {
				t.Fatal(err)
			}
		}
		for _, field := range c.fields {
			part, err := w.CreatePart(map[string][]string{
				"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename=""`, field)},
				"Content-Type":        {"application/octet-stream"},
			})
			if err != nil || part == nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r := request(t, http.MethodPost, url+"/", &body)
		r.Header.Set("Content-Type", w.FormDataContentType())
		got := tell(t, r)
		parsed, files := c.parsed, c.files
		if app.folder != "" {
			parsed, files = c.rrParsed, c.rrAll
		}
		if string(got.Parsed) != parsed || string(got.Files) != files {
			t.Errorf("%s: parsed %s, want %s; files %s, want %s", name, got.Parsed, parsed, got.Files, files)
		}
	}
}
