package form

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// wrap walks through uploads as wrapUploads of spiral/roadrunner-http does, and
// reports what breaks it.
func wrap(tree any) error {
	nodes := map[string]any{}
	switch tree := tree.(type) {
	case map[string]any:
		nodes = tree
	case []any:
		for i, node := range tree {
			nodes[fmt.Sprint(i)] = node
		}
	default:
		return fmt.Errorf("%v is no array", tree)
	}
	for key, node := range nodes {
		file, _ := node.(map[string]any)
		if file["name"] == nil {
			if err := wrap(node); err != nil {
				return fmt.Errorf("in %q: %w", key, err)
			}
			continue
		}
		for _, property := range []string{"name", "mime", "tmpName"} {
			if _, ok := file[property].(string); !ok {
				return fmt.Errorf("%q has the %s %v", key, property, file[property])
			}
		}
		for _, property := range []string{"size", "error"} {
			if _, ok := file[property].(float64); !ok {
				return fmt.Errorf("%q has the %s %v", key, property, file[property])
			}
		}
	}
	return nil
}

func wrapped(t *testing.T, f *Form) {
	t.Helper()
	if f.Uploads == nil {
		return
	}
	var tree any
	if err := json.Unmarshal(f.Uploads, &tree); err != nil {
		t.Fatal(err)
	}
	if err := wrap(tree); err != nil {
		t.Errorf("the worker trips over %s: %v", f.Uploads, err)
	}
}

// grouped puts lifted files back where their names say.
func grouped(top *array) *array {
	out := &array{}
	for _, name := range top.keys {
		key, indexes, _ := strings.Cut(name, "[")
		at := out
		for indexes != "" {
			group, ok := at.values[key].(*array)
			if !ok {
				group = &array{}
				at.set(key, group)
			}
			at = group
			key, indexes, _ = strings.Cut(indexes, "]")
			indexes = strings.TrimPrefix(indexes, "[")
		}
		at.set(key, top.values[name])
	}
	return out
}

// sorted dumps an array with its keys in order.
func sorted(a *array) string {
	text, err := json.Marshal(plainly(a))
	if err != nil {
		panic(err)
	}
	return string(text)
}

func plainly(v any) any {
	a, ok := v.(*array)
	if !ok {
		return v
	}
	out := map[string]any{}
	for key, v := range a.values {
		out[key] = plainly(v)
	}
	return out
}

func TestAFieldCalledNameInsideAGroupStandsAtTheTopLevel(t *testing.T) {
	for _, c := range []struct {
		fields string // of files, apart by spaces
		want   string // the names under which the files come
		odd    bool
	}{
		{"f[name]", "f[name]", false},
		{"f[][name]", "f[0][name]", false},
		{"f[][name] f[][name]", "f[0][name] f[1][name]", false},
		{"a.b[name]", "a_b[name]", false},
		{"name", "name", false},
		{"name[name]", "name[name]", false},
		{"name[x]", "name.x", false},
		{"0[name]", "0[name]", false},
		{"f[name][x]", "f[name].x", false},
		{"f[name][]", "f[name].0", false},
		{"f[name][name]", "f[name][name]", false},
		{"f[name][name][x] f[name][y]", "f[name].y f[name][name].x", false},
		{"f[x][name] f[x][y] f[z]", "f.x.y f.z f[x][name]", false},
		{"f[a][b][name]", "f[a][b][name]", false},
		{"f[] f[name] f[]", "f.0 f.1 f[name]", false},
		{"f[name] f", "f", true},
		{"f f[name]", "f[name]", true},
		{"f[name] f[name][x]", "f[name].x", true},
		{"f[name]  g", "f[name] g", false},
		{"f[Name] f[names] f[mime] f[size] f[error] f[tmpName] f[type]", "f.Name f.names f.mime f.size f.error f.tmpName f.type", false},
		{"f[mime][tmpName][name]", "f[mime][tmpName][name]", false},
	} {
		var body strings.Builder
		for field := range strings.FieldsSeq(c.fields) {
			body.WriteString(part(`name="`+field+`"; filename="`+field+`"`, "x"))
		}
		f := read(t, body.String()+end, options(t))
		wrapped(t, f)
		var got []string
		var list func(prefix string, a *array)
		list = func(prefix string, a *array) {
			for _, key := range a.keys {
				v := a.values[key].(*array)
				if _, ok := v.values["tmpName"].(string); ok {
					got = append(got, prefix+key)
				} else {
					list(prefix+key+".", v)
				}
			}
		}
		list("", uploads(t, f))
		if names := strings.Join(got, " "); names != c.want {
			t.Errorf("files %q come as %q, want %q: %s", c.fields, names, c.want, f.Uploads)
		}
		if c.odd {
			continue // PHP makes a $_FILES of them that nobody can read, see doc.go
		}
		dump := cgi(t, testType, body.String()+end, "").files
		php, _ := parseDump(t, dump[1:])
		if ours := grouped(digested(t, uploads(t, f))); sorted(ours) != sorted(php) {
			t.Errorf("files %q are\n%s\nnot, as in PHP,\n%s", c.fields, sorted(ours), sorted(php))
		}
	}
}

func TestNoFileFieldTripsTheWorkerAndEachIsFoundByItsName(t *testing.T) {
	lifted := 0
	for seed := range uint64(3000) {
		g := gen{rand.New(rand.NewPCG(seed, 5))}
		var body strings.Builder
		var tree Tree
		for i := range 1 + g.IntN(6) {
			name := g.pick("f", "f", "g", "a.b", "name", "0") + g.some(4, "[name]", "[name]", "[name]", "[]", "[0]", "[x]", "[error]", "[tmpName]",
				"[size]", "[mime]", "[type]", "[ name]", "[9223372036854775807]", "[__Host-a]")
			file := g.pick("", fmt.Sprint(i), fmt.Sprint(i)) // some are left empty
			fmt.Fprintf(&body, "%s", part(fmt.Sprintf("name=%q; filename=%q", name, file), ""))
			path, err := parseName(nil, fileFieldName(name), 63)
			if err != nil {
				t.Fatal(err)
			}
			tree.put(path, value{text: file})
		}
		o := options(t)
		o.Forbid = []string{""} // no file needs to be stored
		f := read(t, body.String()+end, o)
		wrapped(t, f)
		got := grouped(named(uploads(t, f)))
		if want := decodeJSON(t, tree.AppendJSON(nil)); sorted(got) != sorted(want) {
			t.Errorf("seed %d: %q\ngot  %s\nwant %s\nfrom %s", seed, body.String(), sorted(got), sorted(want), f.Uploads)
		}
		if strings.Contains(string(f.Uploads), "[name]") {
			lifted++
		}
	}
	if lifted < 1000 {
		t.Errorf("only %d forms had such a field", lifted)
	}
}

// named replaces each file by its name.
func named(a *array) *array {
	for _, key := range a.keys {
		if sub := a.values[key].(*array); sub.values["tmpName"] == "" {
			a.values[key] = sub.values["name"]
		} else {
			named(sub)
		}
	}
	return a
}
