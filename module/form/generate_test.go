package form

import (
	"math/rand/v2"
	"strings"
)

// gen makes forms out of the pieces that PHP has rules for.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 1867))} }

func (g gen) pick(from ...string) string { return from[g.IntN(len(from))] }

// some returns up to n picks in a row.
func (g gen) some(n int, from ...string) string {
	var b strings.Builder
	for range g.IntN(n + 1) {
		b.WriteString(g.pick(from...))
	}
	return b.String()
}

var bases = []string{"a", "b", "a", "b", "c", "a.b", "a b", " a", "_", "1", "-7", "é", "\xff", "__Host-a", "__Secure-", "_.Host-a", ". Secure-"}

var indexes = []string{
	"[]", "[]", "[]", "[a]", "[b]", "[0]", "[1]", "[7]", "[-3]", "[-0]", "[01]", "[+1]", "[ ]", "[  ]", "[ a]", "[a ]", "[\t]", "[\v]x",
	"[a.b]", "[[]", "[]]", "[", "]", "x", " ", ".", "[\xc3]", "[ü]", "[__Host-]", "[__Secure-x]", "[9223372036854775806]",
	"[9223372036854775807]", "[9223372036854775808]", "[-9223372036854775808]", "[18446744073709551617]", "[1e3]", "[0x1]",
}

// name returns a field name, without NUL.
func (g gen) name() string {
	switch g.IntN(8) {
	case 0: // noise
		return g.some(8, "a", "b", "[", "]", "[", "]", " ", ".", "_", "0", "\t", "'", "\xc3\xa9", "\x80")
	case 1, 2: // ordinary
		return g.pick("a", "b", "c", "d") + g.some(3, "[]", "[a]", "[b]", "[0]", "[1]")
	}
	return g.pick(bases...) + g.some(4, indexes...)
}

func (g gen) text() string {
	return g.some(4, "x", "y", "long text", "é", "\xff\xfe", "\xed\xa0\x80", "\"", "\\", "/", "<", "\n", "\r\n", "\t", "\x01", "\x7f", "\u2028", "1", "😀")
}

// field returns a piece of a urlencoded body, escaped by chance.
func (g gen) field() string {
	escape := func(s string) string {
		const always = "&=%+\x00"
		var b strings.Builder
		for i := range len(s) {
			switch {
			case strings.IndexByte(always, s[i]) >= 0 && g.IntN(8) > 0, g.IntN(4) == 0:
				const digits = "0123456789abcdef0123456789ABCDEF"
				upper := byte(16 * g.IntN(2))
				b.WriteByte('%')
				b.WriteByte(digits[s[i]>>4+upper])
				b.WriteByte(digits[s[i]&15+upper])
			case s[i] == ' ' && g.IntN(2) == 0:
				b.WriteByte('+')
			default:
				b.WriteByte(s[i])
			}
		}
		return b.String()
	}
	field := escape(g.name())
	if g.IntN(12) == 0 {
		field += g.pick("%00", "%", "%4", "%zz", "%5b%5D", "+", "%%41") + escape(g.name())
	}
	if g.IntN(10) > 0 {
		field += "=" + escape(g.text()) + g.some(1, "", "%00", "%", "%a", "=", "%GG")
	}
	return field
}

// urlencoded returns a body without NUL bytes, which parse_str stops at.
func (g gen) urlencoded() string {
	var fields []string
	for range 1 + g.IntN(12) {
		fields = append(fields, g.field())
	}
	return strings.Join(fields, g.pick("&", "&", "&", "&&")) + g.some(1, "&", "")
}

// cookies returns a Cookie header with names that PHP does not mangle.
func (g gen) cookies() string {
	var b strings.Builder
	for range g.IntN(6) {
		b.WriteString(g.some(2, " ", "\t", "") + g.pick("a", "b", "c", "%61", "a-b", "7", "", "é"))
		if g.IntN(6) > 0 {
			b.WriteString("=" + g.some(4, "x", "+", "%20", "%", "%C3%A9", "=", "\"", ",", " ", "%00"))
		}
		b.WriteString(g.pick(";", "; ", ";;", " ; "))
	}
	return b.String()
}

// content returns what a part may hold, near misses of the delimiter included.
func (g gen) content(boundary string) string {
	if g.IntN(6) == 0 {
		return strings.Repeat(g.pick("x", "\r", "\r\n", "\n--", "-"), g.IntN(12000))
	}
	return g.some(8, "x", "some text", "\r", "\n", "\r\n", "\x00", "--", "x--"+boundary, "\r\n--"+boundary+"\r\n\r\n", "\r\n--"+boundary[1:]+"x", "\n--",
		"\r\n-"+boundary, "é", "\xff", "\r\n\r\n", "12", "\r\n--"+boundary+"x")
}

// multipart returns a body that ends with its closing delimiter.
func (g gen) multipart(boundary string) string {
	eol := g.pick("\r\n", "\r\n", "\r\n", "\n")
	var b strings.Builder
	b.WriteString(g.some(1, "", "preamble"+eol, eol, "--"+boundary+"x"+eol, "x--"+boundary+eol))
	for range 1 + g.IntN(6) {
		b.WriteString("--" + boundary + g.some(1, "", "", "", "", "\x00junk") + eol)
		b.WriteString(g.partHeader(eol) + eol + g.content(boundary) + eol)
	}
	b.WriteString("--" + boundary + "--" + g.pick("", eol, eol+"epilogue", "\t"+eol+"--"+boundary))
	return b.String()
}

func (g gen) partHeader(eol string) string {
	if g.IntN(25) == 0 {
		return g.pick("", "X-A: b"+eol, "Content-Type: text/plain"+eol)
	}
	parameter := func(key, value string) string {
		text := g.pick("; ", "; ", "; ", ";", " ;", ";"+eol+" ", ";;") + key + g.pick("=", "=", "=", "=", "==", "= ", " =")
		switch g.IntN(8) {
		case 0:
			return text + value
		case 1:
			return text + "'" + value + "'"
		case 2:
			return text + `"` + value
		}
		return text + `"` + value + `"`
	}
	lines := []string{g.pick("Content-Disposition", "Content-Disposition", "content-disposition") + g.pick(": ", ":", ":\t ") +
		g.pick("form-data", "form-data", "form-data", "attachment", "")}
	if g.IntN(15) > 0 {
		lines[0] += parameter(g.pick("name", "name", "NAME"), g.partName())
	}
	if g.IntN(2) == 0 {
		lines[0] += parameter(g.pick("filename", "filename", "filename", "Filename", "filename*"), g.filename())
	}
	if g.IntN(10) == 0 {
		lines[0] += parameter("name", g.partName())
	}
	if g.IntN(2) == 0 {
		lines = append(lines, g.pick("Content-Type: ", "content-type:", "Content-Type : ")+g.pick("text/plain", "image/png; x=y", "text/plain ;q", "", "\xff"))
	}
	if g.IntN(6) == 0 {
		lines = append(lines, g.pick("X-A: b", "no colon", " folded", "\tfolded: x", ":", "Content-Disposition: form-data; name=z", "\x0bx"))
	}
	if g.IntN(8) == 0 && len(lines) > 1 {
		lines[0], lines[1] = lines[1], lines[0]
	}
	return strings.Join(lines, eol) + eol
}

// partName leaves out the file fields whose $_FILES nobody can read.
func (g gen) partName() string {
	if g.IntN(20) == 0 {
		return g.pick("MAX_FILE_SIZE", "max_file_size", " MAX_FILE_SIZE", "x;y", `q\"q`, `b\\b`, "a\x00b")
	}
	return strings.NewReplacer("\n", "", "\r", "").Replace(g.name())
}

func (g gen) filename() string {
	return g.pick("", "f.txt", "é.png", "\xff.x", `C:\dir\f.txt`, "/etc/passwd", "../x", `a\b/c`, `q\"q.txt`, `b\\b`, "a;b", "a\x00b", "'", "x/", "noext", " ")
}
