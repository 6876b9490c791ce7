package form

import "slices"

// noFile is how a file field is described for which no file was chosen.
var noFile = string(file{err: errNoFile}.appendJSON(nil))

// finish completes the form with its uploads. A field without a file is an upload
// with error 4 to PHP, and an empty value to RoadRunner; frameworks on top of
// RoadRunner's packages take such an upload for one that has failed.
func (m *multipartReader) finish() {
	all := &m.uploads
	if all.Len() == 0 {
		return
	}
	var unchosen [][]string
	chosen := withoutUnchosen(all, nil, &unchosen)
	m.form.Uploads = m.appendUploads(chosen)
	if len(unchosen) == 0 {
		return
	}
	m.form.AllUploads = m.appendUploads(all)
	var filled Tree
	for _, path := range unchosen {
		m.form.Values.fill(path, &filled)
	}
	if filled.Len() > 0 {
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

// withoutUnchosen returns the uploads that have a file or an error of one, with the
// indexes that they have in PHP, and adds the paths of all others to unchosen.
func withoutUnchosen(t *Tree, above []string, unchosen *[][]string) *Tree {
	rest := new(Tree)
	for _, e := range t.entries {
		path := append(slices.Clip(above), e.key)
		v := e.value
		switch {
		case v.tree != nil:
			empty := v.tree.Len() == 0
			if v.tree = withoutUnchosen(v.tree, path, unchosen); v.tree.Len() == 0 && !empty {
				continue
			}
		case v.text == noFile:
			*unchosen = append(*unchosen, path)
			continue
		}
		*rest.at(segment{key: e.key}) = v
	}
	return rest
}

// fill puts an empty string at path where nothing is, and never in place of
// anything: a text field of the same name says more. In filled it puts 1 at the first
// element of path that it had to make, unless that stands below one it made before.
func (t *Tree) fill(path []string, filled *Tree) {
	made := false
	for i, key := range path {
		last := i == len(path)-1
		if n := t.find(key); n >= 0 {
			v := t.entries[n].value
			if v.tree == nil || last {
				return
			}
			t = v.tree
			continue
		}
		if !made {
			made = true
			filled.mark(path[:i+1])
		}
		v := t.add(key)
		if !last {
			v.tree = new(Tree)
			t = v.tree
		}
	}
}

// mark puts the number 1 at path, unless there is one on the way.
func (t *Tree) mark(path []string) {
	for i, key := range path {
		v := t.at(segment{key: key})
		if v.raw {
			return
		}
		if i == len(path)-1 {
			*v = value{text: "1", raw: true}
			return
		}
		if v.tree == nil {
			v.tree = new(Tree)
		}
		t = v.tree
	}
}
