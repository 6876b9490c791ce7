package form

import (
	"math"
	"strconv"
	"strings"
)

// Query returns a query that PHP's parse_str reads without a warning, and to
// what php-fpm makes of raw: raw itself, or less of it.
//
// Beyond its limits PHP takes a part of a query and warns: it stops at MaxVars
// variables, and one that is nested deeper than MaxDepth is forgotten together
// with all that came before under the name. A resident worker calls parse_str
// itself, on its way to the application, and an application that makes exceptions
// of warnings ends there. So PHP is not told what it would drop. Unlike half a
// form, half a query is passed on: PHP has always done that, and nobody submits
// a query.
//
// It does not allocate unless raw has a variable that is nested too deep.
func Query(raw string, l Limits) string {
	// Each variable takes two bytes, and so does each bracket.
	l = l.withDefaults()
	if len(raw) <= 2*min(l.MaxVars, l.MaxDepth) {
		return raw
	}
	raw = firstVariables(raw, l)
	if !hasDeep(raw, l) {
		return raw
	}
	return withoutDeep(raw, l)
}

// nextVariable cuts a query behind its first variable. As with strtok, several
// separators in a row are one. Without a variable first is empty.
func nextVariable(raw, separators string) (first, rest string) {
	if separators == "&" {
		for raw != "" && raw[0] == '&' {
			raw = raw[1:]
		}
		first, rest, _ = strings.Cut(raw, "&")
		return first, rest
	}
	raw = strings.TrimLeft(raw, separators)
	if i := strings.IndexAny(raw, separators); i >= 0 {
		return raw[:i], raw[i+1:]
	}
	return raw, ""
}

// firstVariables cuts a query behind its MaxVars-th variable.
func firstVariables(raw string, l Limits) string {
	if l.Separators == "&" && strings.Count(raw, "&") < l.MaxVars {
		return raw
	}
	rest := raw
	for range l.MaxVars {
		var variable string
		if variable, rest = nextVariable(rest, l.Separators); variable == "" {
			return raw
		}
	}
	if next, _ := nextVariable(rest, l.Separators); next == "" {
		return raw
	}
	return raw[:len(raw)-len(rest)]
}

// hasDeep reports whether some variable may have more than MaxDepth brackets.
func hasDeep(raw string, l Limits) bool {
	if brackets(raw) <= l.MaxDepth {
		return false
	}
	for raw != "" {
		var variable string
		variable, raw = nextVariable(raw, l.Separators)
		if name, _, _ := strings.Cut(variable, "="); brackets(name) > l.MaxDepth {
			return true
		}
	}
	return false
}

// brackets counts the opening brackets in a query, escaped ones included.
func brackets(raw string) int {
	n := strings.Count(raw, "[")
	for {
		i := strings.Index(raw, "%5")
		if i < 0 || i+2 >= len(raw) {
			return n
		}
		if c := raw[i+2]; c == 'B' || c == 'b' {
			n++
		}
		raw = raw[i+2:]
	}
}

// withoutDeep leaves out the variables that are nested too deep, and what they
// make PHP forget.
func withoutDeep(raw string, l Limits) string {
	// A top-level name: its value so far, and where kept has what it is made of.
	type variable struct {
		tree Tree
		from []int
	}
	variables := make(map[string]*variable)
	var kept []string
	var steps [8]segment
	dropped := false
	for rest := raw; rest != ""; {
		var text string
		text, rest = nextVariable(rest, l.Separators)
		name, _, _ := strings.Cut(text, "=")
		path, err := parseName(steps[:0], unescape(name, true), l.MaxDepth)
		if len(path) == 0 {
			continue
		}
		v := variables[path[0].key]
		switch {
		case err == nil:
			if v == nil {
				v = new(variable)
				variables[path[0].key] = v
			}
			v.tree.put(path, value{})
			v.from = append(v.from, len(kept))
			kept = append(kept, text)
		case v == nil:
			dropped = true
		case !v.tree.isFull(path[:l.MaxDepth]):
			dropped = true
			for _, i := range v.from {
				kept[i] = ""
			}
			delete(variables, path[0].key)
		}
	}
	if !dropped {
		return raw
	}
	var b strings.Builder
	for _, text := range kept {
		if text != "" {
			if b.Len() > 0 {
				b.WriteByte(l.Separators[0])
			}
			b.WriteString(text)
		}
	}
	return b.String()
}

// isFull reports whether PHP would give up on the way along path, at an array
// that has no index left to append at.
func (t *Tree) isFull(path []segment) bool {
	for _, s := range path {
		if s.appends {
			return t.find(strconv.FormatInt(math.MaxInt64, 10)) >= 0
		}
		i := t.find(s.key)
		if i < 0 || t.entries[i].value.tree == nil {
			return false
		}
		t = t.entries[i].value.tree
	}
	return false
}
