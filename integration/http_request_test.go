package integration

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"reflect"
	"strings"
	"testing"
)

// testRequests sends what browsers and programs send, and asks the application
// what has arrived.
func testRequests(t *testing.T, app front) {
	_, url := app.site(t, "workers 2", "attribute fixed yes", "attribute region {http.request.header.X-Region}", "attribute none {http.nothing}",
		"attribute json `{\"region\":{\"name\":\"{http.request.header.X-Region}\"}}`", "attribute route /users/{id}")

	t.Run("a body arrives with every method that has one", func(t *testing.T) {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} {
			r := request(t, method, url+"/", strings.NewReader("\x00raw\xff"))
			r.Header.Set("Content-Type", "application/octet-stream")
			got := tell(t, r)
			if got.Method != method || got.Body != "hex:00726177ff" || string(got.Parsed) != "null" {
				t.Errorf("%s arrived as %s with the body %q, parsed %s", method, got.Method, got.Body, got.Parsed)
			}
		}
		if got := tell(t, request(t, "OPTIONS", url+"/", nil)); got.Method != "OPTIONS" || got.Length != 0 {
			t.Errorf("OPTIONS arrived as %s with %d bytes", got.Method, got.Length)
		}
	})

	t.Run("JSON stays as it is", func(t *testing.T) {
		r := request(t, "POST", url+"/", strings.NewReader(`{"a": [1, "ü"]}`))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		if got := tell(t, r); got.Body != `{"a": [1, "ü"]}` || string(got.Parsed) != "null" {
			t.Errorf("body %q, parsed %s", got.Body, got.Parsed)
		}
	})

	t.Run("a body of unknown length arrives", func(t *testing.T) {
		r := request(t, "PUT", url+"/", io.MultiReader(strings.NewReader("in "), strings.NewReader("chunks")))
		if got := tell(t, r); got.Body != "in chunks" {
			t.Errorf("body %q", got.Body)
		}
	})

	t.Run("a form is parsed as PHP does", func(t *testing.T) {
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			for form, want := range map[string]string{
				"a=1&b[]=x&b[]=y&c[d][e]=z&plus=a+b%21": `{"a":"1","b":["x","y"],"c":{"d":{"e":"z"}},"plus":"a b!"}`,
				"a.b=1&a b=2&caf%C3%A9=%C3%BC":          `{"a_b":"2","café":"ü"}`,
				"n[5]=five&n[]=six":                     `{"n":{"5":"five","6":"six"}}`,
				"":                                      `[]`,
			} {
				r := request(t, method, url+"/", strings.NewReader(form))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				if got := tell(t, r); string(got.Parsed) != want {
					t.Errorf("%s %q arrived as %s, want %s", method, form, got.Parsed, want)
				}
			}
		}
	})

	t.Run("a form of no bytes is an empty form", func(t *testing.T) {
		for _, kind := range []string{"multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"} {
			for _, body := range []io.Reader{nil, io.MultiReader()} { // of length 0, and of unknown length
				r := request(t, "POST", url+"/", body)
				r.Header.Set("Content-Type", kind)
				if got := tell(t, r); string(got.Parsed) != "[]" || string(got.Files) != "[]" {
					t.Errorf("%s: %s, %s", kind, got.Parsed, got.Files)
				}
			}
		}
	})

	t.Run("fields and files of a multipart body arrive nested", func(t *testing.T) { testMultipart(t, app, url) })

	t.Run("the query is nested as PHP does, and keeps its bytes", func(t *testing.T) {
		for query, want := range map[string]string{
			"a[]=1&a[]=2&b[c]=d&e=%FF&a.b=1&f": `{"a":["1","2"],"b":{"c":"d"},"e":"hex:ff","a_b":"1","f":""}`,
			"x=%26%3D%2B&y=a+b&z=%00":          `{"x":"&=+","y":"a b","z":"\u0000"}`,
			"":                                 `[]`,
		} {
			if got := tell(t, request(t, "GET", url+"/?"+query, nil)); string(got.Query) != want {
				t.Errorf("%q arrived as %s, want %s", query, got.Query, want)
			}
		}
	})

	t.Run("cookies are decoded, and the first of a name counts", func(t *testing.T) {
		r := request(t, "GET", url+"/", nil)
		r.Header.Set("Cookie", "a=1; b=%20x%3B; a=2; with.dot=3; empty=; plus=a+b")
		want := map[string]any{"a": "1", "b": " x;", "with.dot": "3", "empty": "", "plus": "a+b"}
		if got := tell(t, r); !reflect.DeepEqual(got.Cookies, want) {
			t.Errorf("cookies %v, want %v", got.Cookies, want)
		}
	})

	t.Run("headers arrive with all their values, but those that no worker must see", func(t *testing.T) {
		r := request(t, "GET", url+"/", nil)
		r.Header = http.Header{
			"X-Two": {"one", "two"}, "X-Umlaut": {"für"}, "Proxy": {"http://evil.example/"}, "X_Forwarded_For": {"6.6.6.6"},
			"123": {"a number"}, "Authorization": {"Bearer token"},
		}
		got := tell(t, r)
		for name, want := range map[string][]string{
			"x-two": {"one", "two"}, "x-umlaut": {"für"}, "authorization": {"Bearer token"}, "host": {r.URL.Host},
			"proxy": nil, "x_forwarded_for": nil, "123": nil,
		} {
			if !reflect.DeepEqual(got.Headers[name], want) {
				t.Errorf("%s: %q, want %q", name, got.Headers[name], want)
			}
		}
	})

	t.Run("the URI is absolute and as it was sent", func(t *testing.T) {
		path := "/a%20b/%C3%A9/%2F;c=d/"
		got := tell(t, request(t, "GET", url+path+"?q=1&r=%2F", nil))
		if got.URI != url+path+"?q=1&r=%2F" || got.Path != path {
			t.Errorf("URI %q, path %q", got.URI, got.Path)
		}
		if got.Remote != "127.0.0.1" || got.Protocol != "1.1" {
			t.Errorf("from %q with HTTP/%s", got.Remote, got.Protocol)
		}
	})

	t.Run("attributes of the configuration arrive, placeholders filled in", func(t *testing.T) {
		r := request(t, "GET", url+"/", nil)
		r.Header.Set("X-Region", "Süd")
		got := tell(t, r).Attributes
		for name, want := range map[string]string{
			"fixed": "yes", "region": "Süd", "none": "", "json": `{"region":{"name":"Süd"}}`, "route": "/users/{id}",
		} {
			if got[name] != want {
				t.Errorf("attribute %s is %v, want %q", name, got[name], want)
			}
		}
	})
}

func testMultipart(t *testing.T, app front, url string) {
	deepest := "name"
	if app.folder != "" {
		deepest = "other" // the packages take any group with a "name" for a file
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	field := func(name, value string) {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name, filename, mime, content string) {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, name, filename))
		h.Set("Content-Type", mime)
		part, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, content); err != nil {
			t.Fatal(err)
		}
	}
	field("title", "für Élise")
	field("tags[]", "a")
	field("tags[]", "b")
	field("meta[x][y]", "z")
	file("avatar", "me.png", "image/png", "\x89PNG")
	file("docs[]", "1.txt", "text/plain", "one")
	file("docs[]", "2.txt", "text/plain", "")
	file("deep[x]["+deepest+"]", "naïve.txt", "text/plain", "deep")
	file("left", "", "application/octet-stream", "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := request(t, "POST", url+"/", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	got := tell(t, r)
	if want := `{"title":"für Élise","tags":["a","b"],"meta":{"x":{"y":"z"}}}`; string(got.Parsed) != want {
		t.Errorf("fields %s, want %s", got.Parsed, want)
	}
	left := 4
	if app.folder != "" { // the field is not there, see docs/http.md
		left = 0
	}
	type upload struct {
		Name, Type, SHA1, Path string
		Size, Error            int
	}
	var files struct {
		Avatar, Left upload
		Docs         []upload
		Deep         struct{ X map[string]upload }
	}
	decode(t, got.Files, &files)
	for _, c := range []struct {
		got  upload
		want upload
	}{
		{files.Avatar, upload{Name: "me.png", Type: "image/png", Size: 4, SHA1: sum("\x89PNG")}},
		{files.Docs[0], upload{Name: "1.txt", Type: "text/plain", Size: 3, SHA1: sum("one")}},
		{files.Docs[1], upload{Name: "2.txt", Type: "text/plain", SHA1: sum("")}},
		{files.Deep.X[deepest], upload{Name: "naïve.txt", Type: "text/plain", Size: 4, SHA1: sum("deep")}},
	} {
		if path := c.got.Path; path == "" {
			t.Errorf("%s lies nowhere", c.want.Name)
		} else if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there after the response (%v)", path, err)
		}
		c.got.Path = ""
		if c.got != c.want {
			t.Errorf("uploaded %+v, want %+v", c.got, c.want)
		}
	}
	if files.Left.Error != left || files.Left.Path != "" {
		t.Errorf("a field without a file arrived as %+v, want error %d", files.Left, left)
	}
}
