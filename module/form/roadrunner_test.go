package form

import (
	"errors"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// RoadRunner's reading of forms, by its rules: net/url and mime/multipart take the body apart, names are
// split at brackets, and the fields are hung into a tree one by one, in any order.

var errRoadRunner = errors.New("RoadRunner answers 400")

type rrTree map[string]any // string, []string, file or rrTree

type rrFile struct {
	name, mime, content string
}

// rrSegments splits a name: spaces go wherever they are, a bracket of either kind ends what stands before it, and
// text behind a bracket is one more segment.
func rrSegments(name string) (path []string) {
	part, open := "", true // whether part is a segment of its own at the next "["
	for _, r := range strings.ReplaceAll(name, " ", "") {
		switch r {
		case '[':
			if open {
				path = append(path, part)
				part = ""
			}
			open = false
		case ']':
			path = append(path, part)
			part, open = "", false
		default:
			part += string(r)
			open = true
		}
	}
	if part != "" || path == nil {
		path = append(path, part)
	}
	return path
}

func rrEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []string:
		return len(v) == 1 && v[0] == ""
	}
	return false
}

// put hangs the values of one name into the tree.
func (t rrTree) put(path []string, values []string) error {
	key := path[0]
	list := len(path) == 2 && path[1] == ""
	leaf := list || len(path) == 1
	old, exists := t[key]
	below, isBranch := old.(rrTree)
	switch empty := rrEmpty(values); {
	case !exists:
	case isBranch && leaf && empty: // an empty value says nothing beside a group
		return nil
	case isBranch && leaf:
		return errRoadRunner
	case isBranch, rrEmpty(old):
	case len(path) > 1 && path[1] != "":
		return errRoadRunner
	case empty:
		return nil
	}
	switch {
	case list:
		t[key] = values
		return nil
	case leaf:
		t[key] = values[len(values)-1]
		return nil
	}
	if below == nil {
		below = rrTree{}
		t[key] = below
	}
	return below.put(path[1:], values)
}

// rrValues is the tree of a form; undecided says that it depends on the order in
// which Go walks through a map.
func rrValues(form map[string][]string) (tree rrTree, undecided bool, err error) {
	build := func(names []string) (rrTree, error) {
		tree := rrTree{}
		for _, name := range names {
			if path := rrSegments(name); len(path) <= 127 {
				if err := tree.put(path, form[name]); err != nil {
					return nil, err
				}
			}
		}
		return tree, nil
	}
	var names []string
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	tree, err = build(names)
	slices.Reverse(names)
	other, otherErr := build(names)
	return tree, (err == nil) != (otherErr == nil) || err == nil && text(tree) != text(other), err
}

func rrURLEncoded(body string) (tree rrTree, undecided bool, err error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, false, errRoadRunner
	}
	return rrValues(values)
}

// rrMultipart is the tree of values and the files, by their whole name: of several
// in a field that is no list the first.
func rrMultipart(body, boundary string) (tree rrTree, files map[string]rrFile, err error) {
	form, err := multipart.NewReader(strings.NewReader(body), boundary).ReadForm(32 << 20)
	if err != nil {
		return nil, nil, errRoadRunner
	}
	files = map[string]rrFile{}
	for name, list := range form.File {
		file, err := list[0].Open()
		if err != nil {
			return nil, nil, err
		}
		var content strings.Builder
		buf := make([]byte, 1024)
		for n := 1; n > 0; {
			n, _ = file.Read(buf)
			content.Write(buf[:n])
		}
		files[name] = rrFile{list[0].Filename, textproto.MIMEHeader(list[0].Header).Get("Content-Type"), content.String()}
	}
	tree, _, err = rrValues(form.Value)
	return tree, files, err
}

// differences names the kinds of fields in which RoadRunner and PHP differ, each
// as its row in docs/http.md is called; none for a form that both read alike.
func differences(names, values []string) map[string]bool {
	kinds := map[string]bool{}
	var paths [][]string
	for _, value := range append(slices.Clone(names), values...) {
		if !utf8.ValidString(value) {
			kinds[rowBytes] = true
		}
	}
	for _, name := range names {
		base, rest := name, ""
		if open := strings.IndexByte(name, '['); open >= 0 {
			base, rest = name[:open], name[open:]
		}
		switch {
		case strings.IndexByte(name, 0) >= 0:
			kinds[rowNUL] = true
		case strings.Trim(base, " ") == "":
			kinds[rowNoName] = true
		case strings.ContainsAny(base, " ."):
			kinds[rowDots] = true
		case strings.Contains(base, "]"):
			kinds[rowUnmatched] = true
		}
		if strings.Contains(name, "__Host-") || strings.Contains(name, "__Secure-") {
			kinds[rowPrefix] = true
		}
		path := []string{base}
		for strings.HasPrefix(rest, "[") {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				kinds[rowUnmatched] = true
				rest = ""
				break
			}
			index := rest[1:end]
			rest = rest[end+1:]
			switch {
			case strings.Contains(index, "["):
				kinds[rowUnmatched] = true
			case strings.ContainsAny(index, " \t\n\v\f\r"):
				kinds[rowSpace] = true
			case index == "" && rest != "":
				kinds[rowAppend] = true
			}
			path = append(path, index)
		}
		if rest != "" {
			kinds[rowBehind] = true
		}
		paths = append(paths, path)
	}
	for i, p := range paths {
		for j, q := range paths {
			if i == j || names[i] == names[j] {
				continue
			}
			shorter, longer := p, q
			if len(p) > len(q) {
				shorter, longer = q, p
			}
			n := len(shorter)
			switch last := shorter[n-1]; {
			case slices.Equal(shorter, longer[:n]) && len(longer) > n, last == "" && n == 1:
				kinds[rowGroup] = true
			case n > 1 && slices.Equal(shorter[:n-1], longer[:n-1]) && (last == "") != (longer[n-1] == ""):
				kinds[rowBeside] = true
			}
			if len(p) != len(q) && n > 1 && longer[n-1] == "" && slices.Equal(shorter[:n-1], longer[:n-1]) {
				kinds[rowBeside] = true
			}
		}
	}
	return kinds
}
