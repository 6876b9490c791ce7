package migrate

import (
	"errors"
	"regexp"
	"strings"
)

// pattern is a regular expression of nginx for Caddy, whose engine is Go's.
type pattern struct {
	re *regexp.Regexp
	// text must match, and none of except.
	text   string
	except []string
}

var (
	errRegexp = errors.New("a regular expression that Go has not")
	// lookahead is where one begins.
	lookahead = "(?!"
)

// newPattern translates a regular expression. A negative look-ahead, which Go has not, becomes an exception.
func newPattern(text string, fold bool) (p pattern, err error) {
	if len(text) > 1000 {
		return p, errRegexp
	}
	prefix := ""
	if fold {
		prefix = "(?i)"
	}
	for range 10 {
		begin := strings.Index(text, lookahead)
		if begin < 0 {
			break
		}
		end := closing(text, begin)
		if end < 0 || strings.Contains(text[:begin], "|") && !strings.Contains(text[:begin], "(") {
			return p, errRegexp
		}
		inner := text[begin+len(lookahead) : end]
		p.except = append(p.except, prefix+closeGroups(text[:begin]+"(?:"+inner+")"))
		text = text[:begin] + text[end+1:]
	}
	if text == "" {
		text = "^"
	}
	p.text = prefix + text
	for _, one := range append([]string{p.text}, p.except...) {
		re, err := regexp.Compile(one)
		if err != nil {
			return p, errRegexp
		}
		if p.re == nil {
			p.re = re
		}
	}
	return p, nil
}

// closing is where the group that begins at i ends, -1 if it does not.
func closing(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// closeGroups closes the groups that are open at the end of a text.
func closeGroups(text string) string {
	open := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			open++
		case ')':
			open--
		}
	}
	return text + strings.Repeat(")", max(open, 0))
}

// matches says whether a path matches, exceptions and all.
func (p pattern) matches(path string) bool {
	if !p.re.MatchString(path) {
		return false
	}
	for _, except := range p.except {
		if regexp.MustCompile(except).MatchString(path) {
			return false
		}
	}
	return true
}

// anyScript says whether the pattern matches whatever PHP script there is.
func (p pattern) anyScript() bool {
	for _, probe := range []string{"/index.php", "/x.php", "/a/b/c.php", "/wp-admin/admin-ajax.php"} {
		if !p.matches(probe) {
			return false
		}
	}
	return true
}

// aboutScripts says whether the pattern speaks of PHP's files.
func (p pattern) aboutScripts() bool {
	return strings.Contains(p.text, "ph") && p.re.MatchString("/index.php")
}

var (
	// scriptsBelow is what stands behind the folder in a pattern for scripts below it.
	scriptsBelow = regexp.MustCompile(`/(?:\([^()]*\))?\.[*+]\\\.(?:php|\((?:\?:)?(?:[a-z0-9|\[\]?-]*\|)?php[a-z0-9|\[\]?-]*\))\$$`)
	plainFolder  = regexp.MustCompile(`^/[A-Za-z0-9_/-]*$`)
	oneGroup     = regexp.MustCompile(`^([^()]*)\((?:\?:)?([A-Za-z0-9_|/-]+)\)([^()]*)$`)
)

// foldersWithout are the folders below which the pattern matches every script, nil if it is no such pattern.
func (p pattern) foldersWithout() (folders []string) {
	text := strings.TrimPrefix(p.text, "(?i)")
	end := scriptsBelow.FindStringIndex(text)
	if end == nil || !strings.HasPrefix(text, "^/") || len(p.except) > 0 {
		return nil
	}
	folder := text[1:end[0]]
	all := []string{folder}
	if m := oneGroup.FindStringSubmatch(folder); m != nil {
		all = nil
		for one := range strings.SplitSeq(m[2], "|") {
			all = append(all, m[1]+one+m[3])
		}
	}
	for _, folder := range all {
		if !plainFolder.MatchString(folder) || folder == "/" {
			return nil
		}
	}
	return all
}
