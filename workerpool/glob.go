package workerpool

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// glob is a pattern of file names: * and ? stay within a folder, ** crosses
// folders, {a,b} is either. The part before the first of them is the folder to
// watch.
type glob struct {
	base string
	re   *regexp.Regexp
}

// compileGlob makes a pattern that is relative to dir absolute.
func compileGlob(pattern, dir string) (glob, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(dir, pattern)
	}
	pattern = filepath.ToSlash(filepath.Clean(pattern))
	base := pattern
	if i := strings.IndexAny(pattern, "*?{"); i >= 0 {
		base = pattern[:i]
	}
	base = base[:strings.LastIndexByte(base, '/')+1]

	var re strings.Builder
	re.WriteByte('^')
	braces := 0
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			re.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			re.WriteString(".*")
			i++
		case c == '*':
			re.WriteString("[^/]*")
		case c == '?':
			re.WriteString("[^/]")
		case c == '{':
			re.WriteString("(?:")
			braces++
		case c == '}' && braces > 0:
			re.WriteByte(')')
			braces--
		case c == ',' && braces > 0:
			re.WriteByte('|')
		default:
			re.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re.WriteByte('$')
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return glob{}, fmt.Errorf("watch pattern %q: %w", pattern, err)
	}
	return glob{base: filepath.FromSlash(base), re: compiled}, nil
}

func (g glob) matches(path string) bool { return g.re.MatchString(filepath.ToSlash(path)) }
