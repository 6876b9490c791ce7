package caddyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// The reference of the options is written in two places, and by nobody: the list
// of the package comment comes from the tables of options, docs/options.md from
// these and from the comments of the fields that the options set.
const (
	packageComment = "doc.go"
	optionsPage    = "../docs/options.md"
)

// firstRelease brought every option that does not say since.
const firstRelease = "0.1.0"

func TestTheReferenceIsWhatTheCodeSays(t *testing.T) {
	comment, err := os.ReadFile(packageComment)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		packageComment: withSyntax(t, string(comment)),
		optionsPage:    page(t, fields(t)),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the code says: run make docs. It differs from here on:\n%s", file, difference(string(got), want))
		}
	}
}

// difference is the first line in which the two are not equal, of both.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is:\n%s\nit should be:\n%s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("it has %d lines and should have %d", len(g), len(w))
}

func TestEveryOptionHasWhatTheReferenceSaysOfIt(t *testing.T) {
	changes, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range slices.Concat(poolOptions, uploadOptions) {
		if o.block == nil && o.min > 0 && o.example == "" {
			t.Errorf("%s has no example", o.name)
		}
		if !strings.Contains(string(changes), "\n## "+o.release()) {
			t.Errorf("%s is said to have come with %s, of which CHANGELOG.md knows nothing", o.name, o.release())
		}
	}
	if poolOptions[0].begins == "" {
		t.Error("the first option stands below no heading")
	}
}

func (o option) release() string {
	if o.since == "" {
		return firstRelease
	}
	return o.since
}

// sample is the option as somebody might write it.
func (o option) sample() string {
	if o.block != nil {
		var lines []string
		for _, inner := range o.block {
			lines = append(lines, "\t"+inner.sample())
		}
		return o.name + " {\n" + strings.Join(lines, "\n") + "\n}"
	}
	return strings.TrimSpace(o.name + " " + o.example)
}

// The list of the package comment is between these two lines.
const (
	syntaxBegins = "//\tphp_worker [<matcher>] [<script> [<args...>]] {\n"
	syntaxEnds   = "//\t}\n"
)

// withSyntax is the file with the list of options as it should be.
func withSyntax(t *testing.T, file string) string {
	before, rest, ok := strings.Cut(file, syntaxBegins)
	_, after, ends := strings.Cut(rest, syntaxEnds)
	if !ok || !ends {
		t.Fatalf("%s has no list of options", packageComment)
	}
	var list strings.Builder
	for i, o := range poolOptions {
		if o.begins != "" {
			if i > 0 {
				list.WriteString("//\n")
			}
			list.WriteString("//\t\t# " + lower(o.begins) + "\n")
		}
		if o.block == nil {
			list.WriteString("//\t\t" + column(o) + "\n")
			continue
		}
		list.WriteString("//\t\t" + o.name + " {\n")
		for _, inner := range o.block {
			list.WriteString("//\t\t\t" + column(inner) + "\n")
		}
		list.WriteString("//\t\t}\n")
	}
	return before + syntaxBegins + list.String() + syntaxEnds + after
}

func column(o option) string { return strings.TrimSpace(fmt.Sprintf("%-12s %s", o.name, o.args)) }

// lower begins a text in lower case, unless its first word is an abbreviation.
func lower(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if second, _ := utf8.DecodeRuneInString(text[size:]); unicode.IsUpper(second) {
		return text
	}
	return string(unicode.ToLower(first)) + text[size:]
}

func upper(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// field is one of package module's that stands in JSON.
type field struct {
	name    string // in Go
	key     string // in JSON
	comment string // in one line
	kind    string // its Go type, where that is one word, with a * for a pointer
}

// structs are the fields by the type that they stand in.
type structs map[string][]field

// fields reads the comments of package module.
func fields(t *testing.T) structs {
	t.Helper()
	all := make(structs)
	files, err := filepath.Glob("../module/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			declared, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := declared.Type.(*ast.StructType); ok && !strings.HasSuffix(name, "_test.go") {
				all[declared.Name.Name] = fieldsOf(s)
			}
			return true
		})
	}
	all["Handler"] = append(all["Handler"], all["PoolConfig"]...) // which is embedded
	return all
}

func fieldsOf(s *ast.StructType) (list []field) {
	for _, f := range s.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		kind := ""
		switch x := f.Type.(type) {
		case *ast.Ident:
			kind = x.Name
		case *ast.SelectorExpr:
			kind = x.Sel.Name
		case *ast.StarExpr:
			if x, ok := x.X.(*ast.Ident); ok {
				kind = "*" + x.Name
			}
		}
		list = append(list, field{f.Names[0].Name, key, strings.Join(strings.Fields(f.Doc.Text()), " "), kind})
	}
	return list
}

// named finds a field by its name in Go, "Type.Field", or in JSON.
func (all structs) named(t *testing.T, name string) field {
	t.Helper()
	in, name, _ := strings.Cut(name, ".")
	for _, f := range all[in] {
		if f.name == name || f.key == name {
			return f
		}
	}
	t.Fatalf("package module has no field %s.%s", in, name)
	return field{}
}

// goName finds words that may be the name of a field.
var goName = regexp.MustCompile(`(^|[^-A-Za-z])[A-Z][A-Za-z]+\b`)

// said is what the comment of a field says, for somebody who writes a Caddyfile:
// without the name that a Go comment begins with, other fields called by their
// words, and the default apart.
func (all structs) said(t *testing.T, f field) (meaning, preset string) {
	t.Helper()
	text, ok := strings.CutPrefix(f.comment, f.name+" ")
	if !ok {
		t.Errorf("the comment of the field %s of package module does not begin with its name: %q", f.name, f.comment)
	}
	for _, verb := range []string{"is ", "are "} {
		text = strings.TrimPrefix(text, verb)
	}
	text = upper(goName.ReplaceAllStringFunc(text, func(found string) string {
		word := strings.TrimLeftFunc(found, func(r rune) bool { return !unicode.IsLetter(r) })
		for _, in := range []string{"Handler", "Workers", "Queue", "Uploads"} {
			for _, other := range all[in] {
				if other.name == word && word != strings.ToUpper(word) { // PHP and URI are words of their own
					return strings.TrimSuffix(found, word) + "`" + other.key + "`"
				}
			}
		}
		return found
	}))
	meaning, preset = apart(text)
	if preset == "" && f.kind == "bool" {
		preset = "off"
	}
	if preset == "" {
		preset = "none"
	}
	return meaning, preset
}

// apart takes the sentence on the default out of a comment.
func apart(text string) (rest, preset string) {
	before, after, ok := strings.Cut(text, "Default: ")
	if !ok {
		return text, ""
	}
	preset, after, _ = strings.Cut(after+" ", ". ")
	return strings.TrimSpace(strings.TrimSpace(before) + " " + strings.TrimSpace(after)), preset
}

// page is docs/options.md.
func page(t *testing.T, all structs) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# Options

<!-- Written by "make docs" from the tables of caddyfile/options.go and the comments of module/: change those. -->

Every word that may stand in a block of ` + "`php_worker`" + `. None is needed: without a script, a command, or the name of a pool, the mode is [classic](classic.md).
The same defaults count in JSON, where the handler ` + "`http.handlers.php_worker`" + ` and, for shared pools, the app ` + "`php_worker`" + `
have the keys that stand below each option. In a Caddyfile a size is 512KB, 64MB or 1GiB, from 10000 on without a unit bytes, and a duration
500ms, 30s, 5m or 1d, always with its unit; in JSON sizes are bytes, durations as in a Caddyfile, or nanoseconds.

How the directive becomes routes, and what contradicts what: the [package comment](../caddyfile/doc.go). What an event
or a message calls for: [operating.md](operating.md) and [troubleshooting.md](troubleshooting.md).

`)
	for _, o := range poolOptions {
		if o.begins != "" {
			fmt.Fprintf(&b, "- %s:", o.begins)
		} else {
			b.WriteString(" ·")
		}
		fmt.Fprintf(&b, " [`%s`](#%s)", o.name, o.name)
		if i := slices.IndexFunc(poolOptions, func(other option) bool { return other.name == o.name }); i+1 == len(poolOptions) || poolOptions[i+1].begins != "" {
			b.WriteString("\n")
		}
	}
	for _, o := range poolOptions {
		if o.begins != "" {
			fmt.Fprintf(&b, "\n## %s\n", o.begins)
		}
		section(t, &b, all, o, "")
		for _, inner := range o.block {
			section(t, &b, all, inner, o.name)
		}
	}
	return b.String()
}

// section is the part of the page on one option, of the block of that name.
func section(t *testing.T, b *strings.Builder, all structs, o option, block string) {
	t.Helper()
	in := "Handler"
	if block != "" {
		in = "Uploads"
		fmt.Fprintf(b, "\n#### %s %s\n", block, o.name)
	} else {
		fmt.Fprintf(b, "\n### %s\n", o.name)
	}

	// What the parser makes of the example tells which fields it sets.
	var s settings
	lines := o.block
	if lines == nil {
		lines = []option{o}
	}
	for _, line := range lines {
		if err := line.parse(strings.Fields(line.example), &s); err != nil {
			t.Fatalf("the example of %s: %v", line.name, err)
		}
	}
	var object any = s.handler
	if block != "" {
		object = s.uploads()
	}
	keys := all.keysOf(t, in, object)

	var meaning, preset string
	var more []string // about further fields
	switch {
	case o.about != "":
		meaning, preset = apart(o.about)
	case len(keys) == 0:
		t.Fatalf("%s sets nothing in JSON, and has no about", o.name)
	default:
		first := all.named(t, in+"."+keys[0].name)
		meaning, preset = all.said(t, first)
		var others []field
		for _, key := range keys[1:] {
			others = append(others, all.named(t, in+"."+key.name))
		}
		if outer, ok := strings.CutPrefix(first.kind, "*"); ok && o.block == nil {
			others = append(others, all[outer]...)
		}
		for _, f := range others {
			text, its := all.said(t, f)
			if its != "none" {
				text += " Default: " + its + "."
			}
			more = append(more, fmt.Sprintf("  - `%s`: %s\n", f.key, text))
		}
	}

	fmt.Fprintf(b, "\n%s\n\n- Syntax: `%s`, in %s\n", meaning, o.usage(), o.places())
	if o.block == nil {
		fmt.Fprintf(b, "- Default: %s\n- Example: `%s`\n", preset, o.sample())
	}
	switch {
	case o.block != nil:
		fmt.Fprintf(b, "- JSON: `%q: {…}`\n", keys[0].name)
	case len(keys) > 0:
		var pairs []string
		for _, key := range keys {
			pairs = append(pairs, fmt.Sprintf("%q: %s", key.name, key.value))
		}
		fmt.Fprintf(b, "- JSON: `%s`\n%s", strings.Join(pairs, ", "), strings.Join(more, ""))
	default:
		b.WriteString("- JSON: the handler has no key `static`\n")
	}
	fmt.Fprintf(b, "- Since: %s\n", o.release())
}

// places are the blocks in which the option may stand.
func (o option) places() string {
	var names []string
	for _, p := range []struct {
		in   level
		name string
	}{{inDirective, "`php_worker`"}, {inPool, "`pool`"}, {inDefaults, "`defaults`"}, {inUploads, "`uploads`"}} {
		if o.in&p.in != 0 {
			names = append(names, p.name)
		}
	}
	text := strings.Join(names, ", ")
	if o.repeat {
		text += "; may be repeated"
	}
	return text
}

type jsonKey struct{ name, value string }

// keysOf are the keys of a JSON object, which a struct of that name gives, in their
// order, with their values as a person would write them.
func (all structs) keysOf(t *testing.T, in string, object any) (keys []jsonKey) {
	t.Helper()
	encoded, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, jsonKey{name.(string), all.written(t, all.named(t, in+"."+name.(string)), value)})
	}
	return keys
}

// written is the value of a field with a space here and there, and with units.
func (all structs) written(t *testing.T, f field, value json.RawMessage) string {
	t.Helper()
	if f.kind == "Duration" {
		var d time.Duration
		if err := json.Unmarshal(value, &d); err != nil {
			t.Fatal(err)
		}
		text := d.String()
		for _, none := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, none) {
				text = strings.TrimSuffix(text, none[1:])
			}
		}
		return strconv.Quote(text)
	}
	if inner, ok := strings.CutPrefix(f.kind, "*"); ok && all[inner] != nil {
		var pairs []string
		for _, key := range all.keysOf(t, inner, value) {
			pairs = append(pairs, fmt.Sprintf("%q: %s", key.name, key.value))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	}
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, value, "", ""); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("{\n", "{", "\n}", "}", "[\n", "[", "\n]", "]", "\n", " ").Replace(spaced.String())
}
