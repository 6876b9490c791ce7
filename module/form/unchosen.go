package form

// noFile is how a file field is described for which no file was chosen.
var noFile = string(file{err: errNoFile}.appendJSON(nil))

// finish completes the form with its uploads. A field without a file is an upload with
// error 4 to PHP; frameworks on top of RoadRunner's packages take such an upload for one
// that has failed. To them the field is not there at all, but the groups of its name are:
// by its group a form of Symfony knows that it was sent.
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
	// Those of fields with a file, too: Symfony appends files to a list of values that has
	// nothing at their index.
	if groups := groupsOf(all); groups != nil {
		if filled := m.form.Values.fill(groups); filled.Len() > 0 {
			m.form.Filled = filled.AppendJSON(nil)
		}
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

// withoutUnchosen returns the uploads that have a file or an error of one, with the
// indexes that they have in PHP, and whether there are others.
func withoutUnchosen(t *Tree) (rest *Tree, some bool) {
	rest = new(Tree)
	for _, e := range t.entries {
		v := e.value
		switch {
		case v.tree != nil:
			empty, below := v.tree.Len() == 0, false
			v.tree, below = withoutUnchosen(v.tree)
			some = some || below
			if v.tree.Len() == 0 && !empty {
				continue
			}
		case v.text == noFile:
			some = true
			continue
		}
		*rest.at(segment{key: e.key}) = v
	}
	return rest, some
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
