package form

// noFile is how a file field is described for which no file was chosen.
var noFile = string(file{err: errNoFile}.appendJSON(nil))

const (
	// keyJSON is what stands beside a key, or an index, and its value as JSON, in bytes.
	keyJSON = 10
	// copies is how many of the tree of uploads finish has at once, beside it and less crowded; copiesJSON is how often their
	// JSON is there, twice and as it grows.
	copies, copiesJSON = 3, 5
)

// finishing is how many bytes of memory finish needs at most, about.
func (m *multipartReader) finishing() int {
	return copies*leastNode*m.fileNodes + copiesJSON*m.fileJSON
}

// finish completes the form with its uploads. A field without a file is an upload with
// error 4 to PHP; frameworks on top of RoadRunner's packages take such an upload for one
// that has failed, and in its place those packages can carry nothing but an array. To them the
// field is not there, but its groups and lists are, as in PHP, though with nothing in them: by its group a
// form of Symfony knows that it was sent, and Laravel takes empty arrays out of uploads.
func (m *multipartReader) finish() {
	all := &m.uploads
	if all.Len() == 0 {
		return
	}
	chosen, some := withoutUnchosen(all)
	m.form.Uploads = m.appendUploads(chosen)
	if !some {
		return
	}
	m.form.AllUploads = m.appendUploads(all)
	// HttpFoundation loses groups of a list that are empty, so they are values, and with them all other groups of the
	// field: Symfony appends files to a list of values that has nothing at their index.
	groups := new(Tree)
	for _, e := range all.entries {
		if t := e.value.tree; t != nil && losesGroup(inBag(t), inBag(chosen.entries[chosen.find(e.key)].value.tree)) {
			groups.add(e.key).tree = groupsOf(t)
		}
	}
	if filled := m.form.Values.fill(groups); filled.Len() > 0 {
		m.form.Filled = filled.AppendJSON(nil)
	}
}

// appendUploads is the JSON of uploads, nil if there are none.
func (m *multipartReader) appendUploads(t *Tree) []byte {
	if m.lifts {
		t = liftNames(t)
	}
	if t.Len() == 0 {
		return nil
	}
	return t.AppendJSON(nil)
}

// withoutUnchosen returns the uploads without fields for which no file was chosen, and whether there
// are any. What is left has the index that it has in PHP.
func withoutUnchosen(t *Tree) (rest *Tree, some bool) {
	rest = new(Tree)
	for _, e := range t.entries {
		v := e.value
		if v.tree != nil {
			below := false
			v.tree, below = withoutUnchosen(v.tree)
			some = some || below
		} else if v.text == noFile {
			some = true
			continue
		}
		*rest.at(segment{key: e.key}) = v
	}
	return rest, some
}

// inBag returns what Symfony's HttpFoundation leaves of uploads: out of lists it takes empty arrays, and
// what is null, as a field without a file is to it.
func inBag(t *Tree) *Tree {
	left, list := new(Tree), t.isList()
	for _, e := range t.entries {
		v := e.value
		if v.tree != nil {
			v.tree = inBag(v.tree)
		}
		if empty := v.tree != nil && v.tree.Len() == 0 || v.text == noFile; empty && list {
			continue
		}
		*left.at(segment{key: e.key}) = v
	}
	return left
}

// isList reports whether the keys are 0, 1, 2, … in any order.
func (t *Tree) isList() bool {
	for _, e := range t.entries {
		if i, ok := integerKey(e.key); !ok || i < 0 || i >= int64(t.Len()) {
			return false
		}
	}
	return true
}

// losesGroup reports whether a group of t, at any depth, is not in the other tree; a list of files is none.
func losesGroup(t, other *Tree) bool {
	for _, e := range t.entries {
		if e.value.tree == nil {
			continue
		}
		n := other.find(e.key)
		if n < 0 && groupsOf(e.value.tree) != nil || n >= 0 && losesGroup(e.value.tree, other.entries[n].value.tree) {
			return true
		}
	}
	return false
}

// groupsOf returns the groups below t, nested as they are and otherwise empty; nil if t
// is no group itself but a list of files: "a[b]" and "a[b][0]" are fields of the group
// "a", "a[0]" is one of no group.
func groupsOf(t *Tree) (groups *Tree) {
	for _, e := range t.entries {
		var below *Tree
		if e.value.tree != nil {
			below = groupsOf(e.value.tree)
		}
		if _, index := integerKey(e.key); index && below == nil {
			continue
		}
		if groups == nil {
			groups = new(Tree)
		}
		if below != nil {
			groups.add(e.key).tree = below
		}
	}
	return groups
}

// fill puts the groups into t where nothing is, and never in place of anything: a text
// field of the same name says more. It takes them over, and returns what t has got: 1 for
// a group and all below it.
func (t *Tree) fill(groups *Tree) (filled *Tree) {
	filled = new(Tree)
	for _, e := range groups.entries {
		n := t.find(e.key)
		if n < 0 {
			*t.add(e.key) = e.value
			*filled.add(e.key) = value{text: "1", raw: true}
			continue
		}
		if below := t.entries[n].value.tree; below != nil {
			if inner := below.fill(e.value.tree); inner.Len() > 0 {
				filled.add(e.key).tree = inner
			}
		}
	}
	return filled
}
