package static

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// manifests are the files that say what an application is made of, and how to
	// get at the private parts of it.
	manifests = []string{
		"composer.json", "composer.lock", "auth.json", "symfony.lock",
		"package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml",
	}
	// forBrowsers are extensions of what is made to be shown, so that index.php.html is
	// no copy of index.php.
	forBrowsers = []string{
		"html", "htm", "txt", "md", "css", "js", "mjs", "map", "json", "xml", "pdf",
		"svg", "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "woff", "woff2",
	}
)

// hidden reports whether a file or folder of this name, directly below a
// folder of that name, is kept back. Case is folded beyond ASCII because a file
// system that ignores case may fold U+017F to s and U+212A to k as well.
func hidden(folder, name string) bool {
	if name[0] == '.' || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasSuffix(name, "~") {
		return true
	}
	for rest := name; ; {
		dot := strings.IndexByte(rest, '.')
		if dot < 0 {
			break
		}
		rest = rest[dot+1:]
		word := rest[:wordLen(rest)]
		if isSource(word) && keptBack(name, rest[len(word):]) {
			return true
		}
	}
	start := strings.TrimLeft(name, "#") // of Emacs
	for _, manifest := range manifests {
		if rest, ok := cutPrefixFold(start, manifest); ok && wordLen(rest) == 0 && keptBack(name, rest) {
			return true
		}
	}
	// What Composer has installed, in vendor/composer.
	rest, ok := cutPrefixFold(start, "installed.json")
	return ok && strings.EqualFold(folder, "composer") && wordLen(rest) == 0 && keptBack(name, rest)
}

// keptBack reports whether a name is that of a source, or of a copy of one, if the name
// of a source stands in it with rest behind it.
func keptBack(name, rest string) bool {
	return rest == "" || !slices.ContainsFunc(forBrowsers, func(extension string) bool {
		return strings.EqualFold(name[strings.LastIndexByte(name, '.')+1:], extension)
	})
}

// isSource reports whether an extension is one of PHP sources: php, php7, phps, phpt.
func isSource(extension string) bool {
	if _, ok := cutPrefixFold(extension, "php"); ok {
		return true
	}
	for _, other := range [...]string{"phtml", "phar", "pht", "inc"} {
		if strings.EqualFold(extension, other) {
			return true
		}
	}
	return false
}

// wordLen is how many bytes of letters and digits s begins with.
func wordLen(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		return len(s)
	}
	return end
}

// cutPrefixFold is strings.CutPrefix without regard to case; prefix is in lower case
// and ASCII.
func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	for i := range len(prefix) {
		r, size := utf8.DecodeRuneInString(s)
		if size == 0 {
			return "", false
		}
		switch lower := unicode.ToLower(r); {
		case lower == rune(prefix[i]):
		case r == '\u017f' && prefix[i] == 's':
		default:
			return "", false
		}
		s = s[size:]
	}
	return s, true
}

// AllowedPath reports whether the path of a URL, decoded, may name a file that is served, by
// its text alone. It allocates nothing. Short names of Windows (CONFIG~1.PHP) are left to the
// caller.
func AllowedPath(path string) bool {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c < ' ' || c == 0x7f || c == '\\' || c == ':' {
			return false
		}
	}
	first, folder := true, ""
	for element := range strings.SplitSeq(path, "/") {
		if element == "" {
			continue
		}
		if hidden(folder, element) && !(first && element == ".well-known") {
			return false
		}
		first, folder = false, element
	}
	return true
}
