package watch

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

// compileGlob compiles a pattern that is absolute, or relative to dir. dir is
// absolute and a name, not a pattern: what means something in a pattern stands for
// itself there.
func compileGlob(pattern, dir string) (glob, error) {
	pattern = filepath.ToSlash(filepath.Clean(pattern))
	base := ""
	if !filepath.IsAbs(filepath.FromSlash(pattern)) {
		for strings.HasPrefix(pattern, "../") {
			dir, pattern = filepath.Dir(dir), pattern[len("../"):]
		}
		base = strings.TrimSuffix(filepath.ToSlash(dir), "/") + "/"
	}
	var re strings.Builder
	re.WriteString("^" + regexp.QuoteMeta(base))
	names := pattern
	if i := strings.IndexAny(pattern, "*?{"); i >= 0 {
		names = pattern[:i]
	}
	base += names[:strings.LastIndexByte(names, '/')+1]

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
