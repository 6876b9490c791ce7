package form

import (
	"fmt"
	"strings"
)

// segment is one step of a field name: a key, or "append".
type segment struct {
	key     string
	appends bool
	dropped bool // PHP stops here and stores nothing
}

// parseName splits a field name into the steps PHP takes, appending them to
// path. No steps means that PHP ignores the field. The only error is
// ErrTooDeep.
func parseName(path []segment, name string, maxDepth int) ([]segment, error) {
	name = strings.TrimLeft(untilNUL(name), " ")
	open := strings.IndexByte(name, '[')
	base, rest := name, ""
	if open >= 0 {
		base, rest = name[:open], name[open:]
	}
	if base == "" {
		return path, nil
	}
	base = mangle(base)
	if forbidden(base, name) {
		return path, nil
	}

	first := true
	for depth := 1; strings.HasPrefix(rest, "["); depth++ {
		if depth > maxDepth {
			return path, tooDeep(maxDepth)
		}
		inner := rest[1:]
		skip := 0
		if inner != "" && isSpace(inner[0]) {
			skip = 1
		}
		length := strings.IndexByte(inner[skip:], ']')
		if length < 0 {
			// A bracket that stays open is an ordinary character of the
			// name, or ignored text behind the last index.
			if first {
				base = mangle(name)
				if forbidden(base, name) {
					return path, nil
				}
			}
			break
		}
		if first {
			path = append(path, segment{key: base})
			first = false
		}
		if length == 0 {
			path = append(path, segment{appends: true})
		} else {
			key := inner[:skip+length]
			if forbidden(key, name) {
				// PHP looks at the key when it comes to the next bracket.
				if depth == maxDepth && strings.HasPrefix(inner[skip+length+1:], "[") {
					return path, tooDeep(maxDepth)
				}
				return append(path, segment{dropped: true}), nil
			}
			path = append(path, segment{key: key})
		}
		rest = inner[skip+length+1:]
	}
	if first {
		path = append(path, segment{key: base})
	}
	return path, nil
}

func tooDeep(most int) error { return fmt.Errorf("%w: more than %d brackets", ErrTooDeep, most) }

// mangle makes s a PHP variable name as far as PHP cares to.
func mangle(s string) string {
	if !strings.ContainsAny(s, " .[") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		if c := s[i]; c == ' ' || c == '.' || c == '[' {
			b.WriteByte('_')
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// forbidden reports whether key pretends to be a name with a cookie prefix that
// the name as it was sent does not have (CVE-2022-31629, CVE-2024-2756). PHP
// applies the rule to forms as well.
func forbidden(key, sent string) bool {
	if !strings.HasPrefix(key, "__") {
		return false
	}
	for _, prefix := range [...]string{"__Host-", "__Secure-"} {
		if strings.HasPrefix(key, prefix) && !strings.HasPrefix(sent, prefix) {
			return true
		}
	}
	return false
}

// fileFieldName is what PHP does to the names of file fields, and only to them,
// before it splits them: it mangles them, so that the rule about cookie prefixes
// no longer sees the name as it was sent, and drops white space behind an
// opening bracket.
func fileFieldName(name string) string {
	base, indexes := strings.TrimLeft(name, " "), ""
	if open := strings.IndexByte(base, '['); open >= 0 {
		base, indexes = base[:open], base[open:]
	}
	if indexes == "" {
		return mangle(base)
	}
	out := []byte(mangle(base))
	for strings.HasPrefix(indexes, "[") {
		index := strings.TrimLeft(indexes[1:], " \t\r\n")
		indexes = ""
		if end := strings.IndexByte(index, ']'); end >= 0 {
			index, indexes = index[:end+1], index[end+1:]
		}
		out = append(append(out, '['), index...)
	}
	return string(out)
}

// bracketsMatch reports whether PHP accepts the name of a file field: every
// bracket closed, none closed too often, no text behind a closing one.
func bracketsMatch(name string) bool {
	open := 0
	for i := range len(name) {
		switch name[i] {
		case '[':
			open++
		case ']':
			open--
			if open < 0 || i+1 < len(name) && name[i+1] != '[' {
				return false
			}
		}
	}
	return open == 0
}

// isSpace is isspace of the C locale.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// untilNUL cuts s where a C string ends.
func untilNUL(s string) string {
	before, _, _ := strings.Cut(s, "\x00")
	return before
}
