package integration

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// unchosen are forms with file fields that were left empty, as Laravel's validator and Symfony's forms read them.
var unchosen = []struct {
	question
	// packages is what a worker with RoadRunner's packages answers, in the place of what PHP-FPM does, where
	// that is not the same: docs/http.md tells of each.
	packages map[string]string
}{
	{question: question{path: "/?laravel=photo", form: [][2]string{{"photo", "@"}}}},
	{question: question{path: "/?laravel=photo", form: [][2]string{{"t", "x"}, {"photo", "@"}}}},
	{question: question{path: "/?laravel=photo", form: [][2]string{{"photo", "kept"}, {"photo", "@"}}}},
	{question: question{path: "/?laravel=photo", form: [][2]string{{"photo", "@a.txt"}}}},
	{question: question{path: "/?laravel=photos,photos.*,photos.0", form: [][2]string{{"photos[]", "@"}}}},
	{question: question{path: "/?laravel=photos,photos.*,photos.1", form: [][2]string{{"photos[]", "@"}, {"photos[]", "@b.txt"}}}},
	{question: question{path: "/?laravel=form.photo", form: [][2]string{{"form[photo]", "@"}}}},
	{question: question{path: "/?laravel=form", form: [][2]string{{"form[photo]", "@"}}}},
	{question: question{path: "/?laravel=docs.new.file,docs.*", form: [][2]string{{"docs[new][file]", "@"}}}},
	{question: question{path: "/?laravel=docs.0.files,docs.*", form: [][2]string{{"docs[0][files][]", "@"}}}},
	{question: question{path: "/?laravel=docs.*.file", form: [][2]string{{"docs[0][file]", "@"}}}, packages: map[string]string{
		`"all":[]`: `"all":{"docs":[[]]}`, `"required|file":[]`: `"required|file":["validation.required"]`, `"required|array":[]`: `"required|array":["validation.required"]`,
		`"present":[]`: `"present":["validation.present"]`,
	}},
	{question: question{path: "/?laravel=form.photo,form", form: [][2]string{{"form[t]", "x"}, {"form[photo]", "@"}}}},
	{question: question{path: "/?laravel=form.photo,form.doc,form", form: [][2]string{{"form[photo]", "@"}, {"form[doc]", "@a.txt"}}}},
	{question: question{path: "/?laravel=form.files,form.files.*", form: [][2]string{{"form[files][]", "@"}, {"form[t]", "x"}}}},
	{question: question{path: "/?laravel=a.b.c,a.b,a", form: [][2]string{{"a[b][c]", "@"}, {"a[b][t]", "x"}}}},
	{question: question{path: "/?laravel=docs.*.file,docs.0.file,docs", form: [][2]string{{"docs[0][t]", "x"}, {"docs[0][file]", "@"}}}},

	{question: question{path: "/?symfony=one", form: [][2]string{{"form[photo]", "@"}}}},
	{question: question{path: "/?symfony=one", form: [][2]string{{"form[photo]", "@a.txt"}}}},
	{question: question{path: "/?symfony=one", form: [][2]string{{"other[photo]", "@"}}}},
	{question: question{path: "/?symfony=required", form: [][2]string{{"form[photo]", "@"}}}},
	{question: question{path: "/?symfony=text", form: [][2]string{{"form[t]", "x"}, {"form[photo]", "@"}}}},
	{question: question{path: "/?symfony=two", form: [][2]string{{"form[photo]", "@"}, {"form[doc]", "@"}}}},
	{question: question{path: "/?symfony=two", form: [][2]string{{"form[photo]", "@"}, {"form[doc]", "@a.txt"}}}},
	{question: question{path: "/?symfony=several", form: [][2]string{{"form[files][]", "@"}}}},
	{question: question{path: "/?symfony=several", form: [][2]string{{"form[files][]", "@"}, {"form[files][]", "@b.txt"}}}},
	{question: question{path: "/?symfony=below", form: [][2]string{{"form[a][b][photo]", "@"}}}},
	{question: question{path: "/?symfony=collection", form: [][2]string{{"form[docs][0][file]", "@"}, {"form[docs][1][file]", "@"}}}},
	{question: question{path: "/?symfony=kept", form: [][2]string{{"form[docs][0][file]", "@"}, {"form[docs][1][file]", "@"}}}},
	{question: question{path: "/?symfony=kept", form: [][2]string{{"form[docs][0][file]", "@"}, {"form[docs][1][file]", "@b.txt"}}}},
	{question: question{path: "/?symfony=kept", form: [][2]string{{"form[docs][0][file]", "@a.txt"}, {"form[docs][1][file]", "@"}}}},
	{question: question{path: "/?symfony=kept", form: [][2]string{{"form[docs][1][file]", "@"}}}},
	{question: question{path: "/?symfony=unnamed", form: [][2]string{{"photo", "@"}, {"t", "x"}}}},
	{question: question{path: "/?symfony=unnamed+below", form: [][2]string{{"a[photo]", "@"}}}},
	{question: question{path: "/?symfony=unnamed", form: [][2]string{{"photo", "@"}}}, packages: map[string]string{`true,"data":{"photo":null,"t":null}`: `false,"data":null`}},
	{question: question{path: "/?symfony=photo", form: [][2]string{{"photo", "@"}}}, packages: map[string]string{`"submitted":true`: `"submitted":false`}},
	{question: question{path: "/?symfony=unnamed+several", form: [][2]string{{"files[]", "@"}}}},
	{question: question{path: "/?symfony=photos", form: [][2]string{{"photos[]", "@"}}}},
	{question: question{path: "/?symfony=patch+several", form: [][2]string{{"form[files][]", "@"}}}},
	{question: question{path: "/?symfony=patch", form: [][2]string{{"form[photo]", "@"}, {"form[t]", "x"}}}, packages: map[string]string{`"photo":null`: `"photo":"the old one"`}},

	{question: question{path: "/?files", form: [][2]string{{"photos[]", "@"}}}},
	{question: question{path: "/?files", form: [][2]string{{"photos[]", "@"}, {"photos[]", "@b.txt"}}}},
	{question: question{path: "/?files", form: [][2]string{{"form[files][]", "@"}, {"form[doc]", "@a.txt"}}}},
	{question: question{path: "/?files", form: [][2]string{{"photo", "@"}, {"form[photo]", "@"}}}, packages: map[string]string{`{"photo":null,"form":{"photo":null}}`: `{"form":[]}`}},
}

// TestFileFieldsLeftEmptyAreToFrameworksAsBehindPHPFPM asks five sites the same: PHP-FPM, classic mode, our package,
// superglobals, and a worker that builds the request as RoadRunner's packages do.
func TestFileFieldsLeftEmptyAreToFrameworksAsBehindPHPFPM(t *testing.T) {
	t.Parallel()
	folder := absolute(t, "testdata/frameworks")
	for _, app := range append([]front{{name: "stand-ins", folder: filepath.Join(folder, "fakes")}}, unmodified(t)...) {
		t.Run(app.name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(folder, "unchosen.php")
			ports := freePorts(t, 5)
			var sites strings.Builder
			fmt.Fprintf(&sites, "http://127.0.0.1:%d {\n\troot %q\n\trewrite * /unchosen.php\n\tphp_fastcgi \"unix/%s\"\n}\n", ports[0], folder, startFPM(t, nil))
			fmt.Fprintf(&sites, "http://127.0.0.1:%d {\n\troot %q\n\tphp_worker {\n\t\tindex unchosen.php\n\t\tworkers 1\n\t}\n}\n", ports[1], folder)
			for i, serves := range []string{"ours", "superglobals", "packages"} {
				fmt.Fprintf(&sites, "http://127.0.0.1:%d {\n\tphp_worker * %q {\n\t\tname %s\n\t\tworkers 1\n\t\t%s\n\t\t%s\n\t}\n}\n",
					ports[2+i], script, serves, env("SERVES", serves), env("PHP_VENDOR_DIR", app.folder))
			}
			start(t, sites.String())
			for _, c := range unchosen {
				answer := func(port int) string { return c.ask(t, fmt.Sprintf("http://127.0.0.1:%d", ports[port])) }
				fpm := answer(0)
				for i, name := range []string{"classic mode", "our package", "superglobals"} {
					if got := answer(1 + i); got != fpm {
						t.Errorf("%+v: %s answered\n%s\nPHP-FPM\n%s", c.question, name, got, fpm)
					}
				}
				want := fpm
				for behindFPM, packages := range c.packages {
					if !strings.Contains(fpm, behindFPM) {
						t.Errorf("%+v: %s is not in the answer of PHP-FPM, %s", c.question, behindFPM, fpm)
					}
					want = strings.Replace(want, behindFPM, packages, 1)
				}
				if got := answer(4); got != want {
					t.Errorf("%+v: RoadRunner's packages answered\n%s\nwant\n%s", c.question, got, want)
				}
			}
		})
	}
}

// TestWhatDiffersWithRoadRunnersPackagesCannotBeOtherwise tries, for one field left empty, all that those packages can
// carry in its place. What makes both frameworks answer as behind PHP-FPM is what we send; where nothing does, docs/http.md says so.
func TestWhatDiffersWithRoadRunnersPackagesCannotBeOtherwise(t *testing.T) {
	t.Parallel()
	folder := absolute(t, "testdata/frameworks")
	port := freePorts(t, 1)[0]
	start(t, fmt.Sprintf("http://127.0.0.1:%d {\n\troot %q\n\trewrite * /unchosen.php\n\tphp_fastcgi \"unix/%s\"\n}\n", port, folder, startFPM(t, nil)))
	for _, c := range []struct {
		field, laravel, symfony string
		beside                  [][2]string
		want                    string
	}{
		{"form[photo]", "form.photo,form", "one", nil, `[{"values":[],"uploads":{"form":[]}}]`},
		{"form[files][]", "form.files,form", "several", nil, `[{"values":[],"uploads":{"form":[]}},{"values":[],"uploads":{"form":{"files":[]}}}]`},
		{"photos[]", "photos", "photos", nil, `[{"values":[],"uploads":{"photos":[]}}]`},
		{"form[docs][0][file]", "form.docs.*.file", "collection", nil, `[]`},
		{"photo", "photo", "unnamed", nil, `[]`},
		{"photo", "photo", "photo", nil, `[]`},
		{"form[photo]", "form.photo", "patch", [][2]string{{"form[t]", "x"}}, `[]`},
	} {
		q := question{path: "/?" + url.Values{"suitable": {c.field}, "laravel": {c.laravel}, "symfony": {c.symfony}}.Encode(), form: append(c.beside, [2]string{c.field, "@"})}
		var got struct {
			Symfony, Laravel int
			Both             json.RawMessage
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(q.ask(t, fmt.Sprintf("http://127.0.0.1:%d", port)), "200 ")), &got); err != nil {
			t.Fatal(err)
		}
		if string(got.Both) != c.want || got.Symfony == 0 || got.Laravel == 0 {
			t.Errorf("%s, to Laravel's %s and Symfony's %s: %d and %d encodings suit one, both\n%s\nwant %s", c.field, c.laravel, c.symfony, got.Laravel, got.Symfony, got.Both, c.want)
		}
		t.Logf("%s: %d encodings suit Symfony's %s, %d Laravel's %s", c.field, got.Symfony, c.symfony, got.Laravel, c.laravel)
	}
}
