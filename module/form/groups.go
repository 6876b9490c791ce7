package form

import "strings"

// leafKey is the key by which the package spiral/roadrunner-http knows a file: a
// group of files that has it breaks the request inside the worker.
const leafKey = "name"

// namesGroup reports whether path goes through a group by the key "name".
func namesGroup(path []segment) bool {
	for _, s := range path[1:] {
		if s.key == leafKey {
			return true
		}
	}
	return false
}

// liftNames returns the tree of uploads that a worker can read: what stands under
// the key "name" inside a group stands at the top level instead, under the name
// that the field was sent with, and with the index that "[]" has become. No name
// of PHP's has brackets at the top level, so nothing is in its place. A group
// that has nothing else is left out.
func liftNames(t *Tree) *Tree {
	top := new(Tree)
	for _, e := range t.entries {
		top.addLifted(e)
	}
	return top
}

func (t *Tree) addLifted(e entry) {
	if e.value.tree == nil {
		*t.at(segment{key: e.key}) = e.value
		return
	}
	var lifted []entry
	if rest, ok := withoutNames([]string{e.key}, e.value.tree, &lifted); ok {
		*t.at(segment{key: e.key}) = rest
	}
	for _, e := range lifted {
		t.addLifted(e)
	}
}

// withoutNames returns the group at path without what has to be lifted, and
// whether there is something to return.
func withoutNames(path []string, t *Tree, lifted *[]entry) (_ value, ok bool) {
	rest := new(Tree)
	for _, e := range t.entries {
		v := e.value
		switch at := append(path, e.key); {
		case e.key == leafKey:
			*lifted = append(*lifted, entry{at[0] + "[" + strings.Join(at[1:], "][") + "]", v})
			continue
		case v.tree != nil:
			if v, ok = withoutNames(at, v.tree, lifted); !ok {
				continue
			}
		}
		*rest.at(segment{key: e.key}) = v
	}
	return value{tree: rest}, rest.Len() > 0 || t.Len() == 0
}
