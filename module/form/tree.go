package form

import (
	"math"
	"strconv"
)

// linearKeys is the size up to which a Tree is searched without an index.
const linearKeys = 8

// nodeSize is about what one element of a tree occupies in memory, in bytes, without
// its text: itself, its place in the index, and the tree that it may hold.
const nodeSize = 200

// leastNode is the same where a tree has one element, and its key is there already.
const leastNode = 112

// Tree is an ordered map that behaves like a PHP array of strings and arrays.
// The zero value is empty and ready to use. A Tree is not safe for concurrent
// use while it is being built.
type Tree struct {
	entries []entry
	index   map[string]int // nil up to linearKeys entries

	next    int64 // where the next append goes, once hasNext is true
	hasNext bool
	notList bool // the keys are not 0, 1, 2, …
}

// entry is one element. Keys are kept as text: two keys are the same to PHP
// exactly when their text is the same, integers being canonical.
type entry struct {
	key   string
	value value
}

// value is a string, which may be in a file, a nested tree, or JSON text to be copied as it is.
type value struct {
	text    string
	raw     bool
	tree    *Tree
	spilled *spilled
}

// Len returns the number of elements at the top level.
func (t *Tree) Len() int { return len(t.entries) }

// find returns the position of key, or -1.
func (t *Tree) find(key string) int {
	if t.index != nil {
		if i, ok := t.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range t.entries {
		if t.entries[i].key == key {
			return i
		}
	}
	return -1
}

// at returns the value for s, creating an empty one where there is none. It
// returns nil when s appends and PHP would find no free index. The pointer is
// valid until the next call.
func (t *Tree) at(s segment) *value {
	if s.appends {
		n := int64(0)
		if t.hasNext {
			n = t.next
		}
		key := strconv.FormatInt(n, 10)
		if t.find(key) >= 0 {
			return nil // the largest integer is taken
		}
		return t.add(key)
	}
	if i := t.find(s.key); i >= 0 {
		return &t.entries[i].value
	}
	return t.add(s.key)
}

func (t *Tree) add(key string) *value {
	n := len(t.entries)
	if i, ok := integerKey(key); ok {
		if !t.hasNext || i >= t.next {
			t.next, t.hasNext = i, true
			if i < math.MaxInt64 {
				t.next++
			}
		}
		if i != int64(n) {
			t.notList = true
		}
	} else {
		t.notList = true
	}
	t.entries = append(t.entries, entry{key: key})
	switch {
	case t.index != nil:
		t.index[key] = n
	case n >= linearKeys:
		t.index = make(map[string]int, 4*linearKeys)
		for i := range t.entries {
			t.index[t.entries[i].key] = i
		}
	}
	return &t.entries[n].value
}

// put stores v at path, turning strings on the way into arrays as PHP does. A
// path that ends in a dropped segment creates what stands before it and stores
// nothing.
func (t *Tree) put(path []segment, v value) {
	for i, s := range path {
		if s.dropped {
			return
		}
		slot := t.at(s)
		if slot == nil {
			return
		}
		if i == len(path)-1 {
			*slot = v
			return
		}
		if slot.tree == nil {
			*slot = value{tree: &Tree{}}
		}
		t = slot.tree
	}
}

// integerKey reports whether PHP takes key for an integer, and which: decimal,
// in the range of 64 bits, no leading zero, no plus sign, no minus zero.
func integerKey(key string) (int64, bool) {
	digits := key
	if len(digits) > 1 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] < '0' || digits[0] > '9' {
		return 0, false
	}
	if digits[0] == '0' && len(key) > 1 {
		return 0, false
	}
	n, err := strconv.ParseInt(key, 10, 64)
	return n, err == nil
}
