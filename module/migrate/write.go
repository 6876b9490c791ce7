package migrate

import (
	"errors"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// node is a line of the Caddyfile, with the block that it opens. One without a text and a block is empty.
type node struct {
	text string
	from []string // places
	say  string
	// opens says that there is a block, even if it is empty.
	block []*node
}

// line is a node that comes of these directives.
func line(text string, from ...*nginxconf.Directive) *node {
	n := &node{text: text}
	n.addFrom(from...)
	return n
}

// addFrom adds directives that the node comes of.
func (n *node) addFrom(from ...*nginxconf.Directive) {
	for _, d := range from {
		if d != nil && !slices.Contains(n.from, d.Pos.String()) {
			n.from = append(n.from, d.Pos.String())
		}
	}
}

// commented adds words to the comment.
func (n *node) commented(text string) *node {
	n.say = text
	return n
}

// with gives the node a block.
func (n *node) with(block ...*node) *node {
	n.block = append([]*node{}, block...)
	return n
}

// render writes nodes as "caddy fmt" would.
func render(nodes []*node) string {
	var b strings.Builder
	renderTo(&b, nodes, 0)
	return b.String()
}

func renderTo(b *strings.Builder, nodes []*node, depth int) {
	for _, n := range nodes {
		if n.text == "" && n.block == nil {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(strings.Repeat("\t", depth))
		text := n.text
		if strings.HasPrefix(text, "#") {
			text = printable(text)
		}
		b.WriteString(text)
		if n.block != nil {
			if text != "" {
				b.WriteByte(' ')
			}
			b.WriteByte('{')
		}
		comment := places(n.from)
		if n.say != "" {
			comment = strings.TrimPrefix(comment+": "+n.say, ": ")
		}
		switch comment = printable(comment); {
		case comment != "" && n.block != nil:
			b.WriteString("\n" + strings.Repeat("\t", depth+1) + "# " + comment)
		case comment != "":
			b.WriteString(" # " + comment)
		}
		b.WriteByte('\n')
		if n.block != nil {
			renderTo(b, n.block, depth+1)
			b.WriteString(strings.Repeat("\t", depth) + "}\n")
		}
	}
}

// places are positions, those of one file together: nginx.conf:3,5, www.conf:2.
func places(from []string) string {
	var files []string
	lines := make(map[string][]string)
	for _, pos := range from {
		i := strings.LastIndexByte(pos, ':')
		if lines[pos[:i]] == nil {
			files = append(files, pos[:i])
		}
		lines[pos[:i]] = append(lines[pos[:i]], pos[i+1:])
	}
	for i, file := range files {
		files[i] = file + ":" + strings.Join(lines[file], ",")
	}
	return strings.Join(files, ", ")
}

// printable is text that can stand in a comment.
func printable(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' }), " ")
}

// errUnquotable is said of a value that no token of a Caddyfile can hold.
var errUnquotable = errors.New("a Caddyfile cannot hold this value")

// quote makes one token of a value.
func quote(value string) (string, error) {
	switch {
	case value == "{" || value == "}" || strings.Contains(value, "{$") || strings.ContainsAny(value, "\x00\r"):
		return "", errUnquotable
	case value != "" && !strings.ContainsAny(value, " \t\n\"`") && value[0] != '#' && value[0] != '@' && !strings.HasPrefix(value, "<<") &&
		!strings.HasSuffix(value, `\`) && !strings.HasSuffix(value, "{") && !strings.HasPrefix(value, "{ ") && printable(value) == value && !strings.HasPrefix(value, "}"):
		return value, nil
	case strings.ContainsAny(value, "\n") && strings.Contains(value, "`"):
		return "", errUnquotable
	case !strings.Contains(value, `"`) && !strings.HasSuffix(value, `\`):
		return `"` + value + `"`, nil
	case !strings.Contains(value, "`"):
		return "`" + value + "`", nil
	case strings.Contains(value, `\`):
		return "", errUnquotable
	}
	return `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`, nil
}
