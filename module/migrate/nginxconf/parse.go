package nginxconf

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	// maxDepth is how many blocks may stand in one another.
	maxDepth = 64
	// maxDirectives is how many directives a text may have.
	maxDirectives = 100_000
	// maxBytes is how much text is read, includes and all.
	maxBytes = 8 << 20
)

// Pos is a place in a file.
type Pos struct {
	File string
	Line int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Directive is a name with its arguments, and a block where it has one.
type Directive struct {
	Pos
	Name string
	Args []string
	// Block is nil where there is none, and not nil where it is empty.
	Block []*Directive
}

// Arg is the argument of this number, "" where there is none.
func (d *Directive) Arg(i int) string {
	if i >= len(d.Args) {
		return ""
	}
	return d.Args[i]
}

// String is the directive in one line, without its block.
func (d *Directive) String() string {
	return strings.Join(append([]string{d.Name}, d.Args...), " ")
}

// Parse reads a text. An include in it is a directive like any other.
func Parse(name string, text []byte) ([]*Directive, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxBytes)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s: it has a NUL byte, so it is no configuration", name)
	}
	l := &lexer{file: name, text: string(text), line: 1}
	return l.block(0)
}

// block reads directives up to the end of the block, or of the text at depth 0.
func (l *lexer) block(depth int) ([]*Directive, error) {
	all := []*Directive{}
	if depth > maxDepth {
		return nil, l.errorf("more than %d blocks in one another", maxDepth)
	}
	for {
		t, ok, err := l.next()
		switch {
		case err != nil:
			return nil, err
		case !ok && depth > 0:
			return nil, l.errorf("the file ends within a block")
		case !ok:
			return all, nil
		case t.sign == '}' && depth > 0:
			return all, nil
		case t.sign == ';': // nginx itself refuses it
			continue
		case t.sign != 0:
			return nil, l.errorf("unexpected %q", t.sign)
		}
		if l.directives++; l.directives > maxDirectives {
			return nil, l.errorf("more than %d directives", maxDirectives)
		}
		d := &Directive{Pos: Pos{l.file, t.line}, Name: t.text}
		if err := l.arguments(d, depth); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
}

// arguments reads what follows the name of a directive.
func (l *lexer) arguments(d *Directive, depth int) error {
	for {
		t, ok, err := l.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return l.errorf("%s: the file ends, a semicolon is missing", d.Name)
		case t.sign == ';':
			return nil
		case t.sign == '}':
			return l.errorf("%s: a semicolon is missing", d.Name)
		case t.sign == '{' && strings.HasSuffix(d.Name, "_by_lua_block"):
			d.Block = []*Directive{}
			return l.skipBlock()
		case t.sign == '{':
			d.Block, err = l.block(depth + 1)
			return err
		}
		d.Args = append(d.Args, t.text)
	}
}
