package nginxconf

import (
	"fmt"
	"strings"
)

// token is a word, or one of the signs ; { and } that were not quoted.
type token struct {
	text string
	sign byte // 0 of a word
	line int
}

// lexer cuts a text into tokens as nginx does.
type lexer struct {
	file string
	text string
	pos  int
	line int

	directives int // that have been read
}

func (l *lexer) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", l.file, l.line, fmt.Sprintf(format, args...))
}

// next returns the next token; ok is false at the end of the text.
func (l *lexer) next() (t token, ok bool, err error) {
	l.skip()
	if l.pos == len(l.text) {
		return token{line: l.line}, false, nil
	}
	line := l.line
	switch c := l.text[l.pos]; c {
	case ';', '{', '}':
		l.pos++
		return token{sign: c, line: line}, true, nil
	case '"', '\'':
		text, err := l.quoted(c)
		return token{text: text, line: line}, err == nil, err
	}
	return token{text: l.word(), line: line}, true, nil
}

// skip passes over white space and comments.
func (l *lexer) skip() {
	for ; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\n':
			l.line++
		case ' ', '\t', '\r':
		case '#':
			end := strings.IndexByte(l.text[l.pos:], '\n')
			if end < 0 {
				l.pos = len(l.text)
				return
			}
			l.pos += end - 1
		default:
			return
		}
	}
}

// quoted reads a word in quotes. Behind it must be the end of a word.
func (l *lexer) quoted(quote byte) (string, error) {
	begin := l.line
	var b strings.Builder
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; c {
		case quote:
			l.pos++
			if l.pos < len(l.text) && !strings.ContainsRune(" \t\r\n;{)", rune(l.text[l.pos])) {
				return "", l.errorf("unexpected %q behind a quoted word", l.text[l.pos])
			}
			if l.pos < len(l.text) && l.text[l.pos] == ')' { // the end of a condition
				l.pos++
				return b.String() + ")", nil
			}
			return b.String(), nil
		case '\\':
			l.escape(&b)
		case '\n':
			l.line++
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	l.line = begin
	return "", l.errorf("the quote %c that begins here has no end", quote)
}

// word reads a word without quotes. A brace behind a dollar sign belongs to it: ${name}.
func (l *lexer) word() string {
	var b strings.Builder
	for ; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; c {
		case ' ', '\t', '\r', '\n', ';':
			return b.String()
		case '{':
			if !strings.HasSuffix(b.String(), "$") {
				return b.String()
			}
			b.WriteByte(c)
		case '\\':
			l.escape(&b)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escape reads a backslash and what it makes of the next character.
func (l *lexer) escape(b *strings.Builder) {
	l.pos++
	if l.pos == len(l.text) {
		l.pos--
		b.WriteByte('\\')
		return
	}
	switch c := l.text[l.pos]; c {
	case '"', '\'', '\\':
		b.WriteByte(c)
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'n':
		b.WriteByte('\n')
	case '\n':
		l.line++
		b.WriteString("\\\n")
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
	}
}

// skipBlock passes over a block in another language, whose opening brace has been read.
func (l *lexer) skipBlock() error {
	begin := l.line
	for depth := 1; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\n':
			l.line++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				l.pos++
				return nil
			}
		}
	}
	l.line = begin
	return l.errorf("the block that begins here has no end")
}
