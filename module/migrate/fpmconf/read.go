package fpmconf

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/conffile"
)

const (
	// maxBytes is how much of text is read, maxFiles how many files, includes and all.
	maxBytes = 8 << 20
	maxFiles = 500
)

// Pos is a place in a file, which has the last element of its path as name.
type Pos struct {
	File string
	Line int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Setting is a line key = value, or key[index] = value.
type Setting struct {
	Pos
	Key, Index, Value string
	// Quoted says that the value stood in quotes.
	Quoted bool
}

// Text is the value as PHP-FPM passes it on: without quotes, yes is 1 and no is nothing.
func (s Setting) Text() string {
	if s.Quoted {
		return s.Value
	}
	switch strings.ToLower(s.Value) {
	case "yes", "on", "true":
		return "1"
	case "no", "off", "false", "none", "null":
		return ""
	}
	return s.Value
}

// String is the setting as it is written.
func (s Setting) String() string {
	if s.Index != "" {
		return fmt.Sprintf("%s[%s] = %s", s.Key, s.Index, s.Value)
	}
	return fmt.Sprintf("%s = %s", s.Key, s.Value)
}

// Section is a pool, or "global". Settings before the first heading are in a section without a name.
type Section struct {
	Pos
	Name     string
	Settings []Setting
}

// Load reads files of which each may have several sections, and include others. The order is that of the text.
func Load(paths ...string) ([]Section, error) {
	r := &reader{}
	for _, path := range paths {
		if err := r.file(path, 0); err != nil {
			return nil, err
		}
	}
	return r.sections, nil
}

// Parse reads one text. An include in it is a setting like any other.
func Parse(name string, text []byte) ([]Section, error) {
	r := &reader{plain: true}
	err := r.text(name, "", text, 0)
	return r.sections, err
}

type reader struct {
	sections []Section
	plain    bool // includes are not followed
	files    int
	bytes    int
}

func (r *reader) file(path string, depth int) error {
	if r.files++; r.files > maxFiles || depth > 20 {
		return fmt.Errorf("%s: too many files are included", path)
	}
	read := conffile.Read // a person may pipe something in
	if depth > 0 {
		read = conffile.ReadRegular
	}
	text, err := read(path, maxBytes-r.bytes)
	if err != nil {
		return err
	}
	return r.text(filepath.Base(path), filepath.Dir(path), text, depth)
}

func (r *reader) text(name, folder string, text []byte, depth int) error {
	if r.bytes += len(text); r.bytes > maxBytes {
		return fmt.Errorf("%s: larger than %d bytes", name, maxBytes)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return fmt.Errorf("%s: it has a NUL byte, so it is no configuration", name)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		pos := Pos{name, n}
		switch {
		case line == "" || line[0] == ';' || line[0] == '#':
			continue
		case line[0] == '[':
			heading, _, ok := strings.Cut(line[1:], "]")
			if !ok {
				return fmt.Errorf("%v: the heading %q has no end", pos, line)
			}
			r.sections = append(r.sections, Section{Pos: pos, Name: strings.TrimSpace(heading)})
			continue
		}
		s, err := setting(line)
		if err != nil {
			return fmt.Errorf("%v: %w", pos, err)
		}
		s.Pos = pos
		if s.Key == "include" && !r.plain {
			if err := r.include(s.Value, folder, depth); err != nil {
				return fmt.Errorf("%v: %w", pos, err)
			}
			continue
		}
		if len(r.sections) == 0 {
			r.sections = append(r.sections, Section{Pos: pos})
		}
		last := &r.sections[len(r.sections)-1]
		last.Settings = append(last.Settings, s)
	}
	return nil
}

func (r *reader) include(pattern, folder string, depth int) error {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(folder, pattern)
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := r.file(path, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// setting reads key = value and key[index] = value.
func setting(line string) (s Setting, err error) {
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		return s, fmt.Errorf("%q is no setting: it has no =", line)
	}
	s.Key = strings.TrimSpace(key)
	if name, index, ok := strings.Cut(s.Key, "["); ok {
		index, rest, ok := strings.Cut(index, "]")
		if !ok || strings.TrimSpace(rest) != "" {
			return s, fmt.Errorf("%q has a [ without a ]", line)
		}
		s.Key, s.Index = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(index), `"'`)
	}
	if s.Key == "" {
		return s, errors.New("a setting has no name")
	}
	s.Value, s.Quoted = unquoted(strings.TrimSpace(value))
	return s, nil
}

// unquoted takes the quotes off a value, or the comment behind one without quotes.
func unquoted(v string) (text string, quoted bool) {
	if v != "" && (v[0] == '"' || v[0] == '\'') {
		if inner, rest, ok := strings.Cut(v[1:], v[:1]); ok && (rest == "" || strings.HasPrefix(strings.TrimSpace(rest), ";")) {
			return inner, true
		}
	}
	before, _, _ := strings.Cut(v, ";")
	return strings.TrimSpace(before), false
}
