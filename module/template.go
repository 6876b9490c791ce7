package module

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// template is a value of the configuration in which placeholders are replaced. A
// placeholder is a name in braces that Caddy knows. Other braces stay as they are: JSON, and
// the {id} of a URL template. \{ and \} are always braces, as everywhere in Caddy.
//
// A name that begins with a namespace (http.auth.user.id) is a placeholder even where it
// has no value: such a text must not reach an application in place of a user's name.
type template []templatePart

type templatePart struct {
	text string
	name bool // text is the name of what takes its place
}

var (
	// braced is an escaped brace, or a text in braces that can be a name.
	braced = regexp.MustCompile(`\\[{}]|\{([^{}"'\n]*[^{}"'\n\\])\}`)
	// namespaced is a name that nothing but a placeholder has.
	namespaced = regexp.MustCompile(`^[A-Za-z][\w-]*\.\S`)
)

func parseTemplate(s string) (t template) {
	var text strings.Builder
	end := 0
	for _, at := range braced.FindAllStringSubmatchIndex(s, -1) {
		text.WriteString(s[end:at[0]])
		end = at[1]
		if at[2] < 0 {
			text.WriteByte(s[at[0]+1])
			continue
		}
		t = append(t, templatePart{text: text.String()}, templatePart{text: s[at[2]:at[3]], name: true})
		text.Reset()
	}
	text.WriteString(s[end:])
	return append(t, templatePart{text: text.String()})
}

// fill replaces the placeholders; those without a value become nothing.
func (t template) fill(repl *caddy.Replacer) string {
	filled, _ := t.replace(repl)
	return filled
}

// replace is fill, and gives the name of the first placeholder that is not known.
func (t template) replace(repl *caddy.Replacer) (filled, unknown string) {
	if len(t) == 1 {
		return t[0].text, ""
	}
	var b strings.Builder
	for _, part := range t {
		value, known := any(part.text), true
		if part.name {
			value, known = repl.Get(part.text)
		}
		switch {
		case known:
			b.WriteString(caddy.ToString(value))
		case !namespaced.MatchString(part.text):
			b.WriteString("{" + part.text + "}")
		case unknown == "":
			unknown = part.text
		}
	}
	return b.String(), unknown
}

// fillNow replaces the placeholders of a value that is needed when the configuration is
// loaded. It refuses those that are not known then, such as one of a request.
func fillNow(s string) (string, error) {
	filled, unknown := parseTemplate(s).replace(caddy.NewReplacer())
	if unknown != "" {
		return "", fmt.Errorf(`the placeholder {%s} in %q has no value when the configuration is loaded; if it is none, write \{%s\}`, unknown, s, unknown)
	}
	return filled, nil
}
