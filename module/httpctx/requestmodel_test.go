package httpctx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"google.golang.org/protobuf/encoding/protowire"
)

// This file says a second time, as plainly as possible, what the package does
// for speed, so that the two can be compared.

// context is a request context after its way through a codec.
type context struct {
	RemoteAddr, Protocol, Method, URI, RawQuery string
	Headers                                     map[string][]string
	Cookies, Attributes                         []httpctx.Pair
	Parsed                                      bool
	Uploads                                     string
}

var (
	tokenName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	numberName = regexp.MustCompile(`^-?[0-9]+$`)
)

// expect says what a worker reads from the context of r.
func expect(r *httpctx.Request) context {
	c := context{
		RemoteAddr: latin1(r.RemoteAddr),
		Protocol:   latin1(r.Protocol),
		Method:     latin1(r.Method),
		URI:        percent(r.URI),
		RawQuery:   percent(r.RawQuery),
		Headers:    map[string][]string{},
		Parsed:     r.Parsed,
		Uploads:    string(r.Uploads),
	}
	if r.Host != "" {
		c.Headers["Host"] = []string{latin1(r.Host)}
	}
	for name, values := range r.Header {
		if len(values) == 0 || !tokenName.MatchString(name) || numberName.MatchString(name) ||
			strings.EqualFold(name, "Proxy") || r.Host != "" && strings.EqualFold(name, "Host") {
			continue
		}
		for _, v := range values {
			c.Headers[name] = append(c.Headers[name], latin1(v))
		}
	}
	for _, p := range r.Cookies {
		same := func(q httpctx.Pair) bool { return q.Name == latin1(p.Name) }
		if p.Name != "" && !slices.ContainsFunc(c.Cookies, same) {
			c.Cookies = append(c.Cookies, httpctx.Pair{Name: latin1(p.Name), Value: latin1(p.Value)})
		}
	}
	for _, p := range r.Attributes {
		if p.Name == "" || numberName.MatchString(p.Name) {
			continue
		}
		p = httpctx.Pair{Name: latin1(p.Name), Value: latin1(p.Value)}
		c.Attributes = slices.DeleteFunc(c.Attributes, func(q httpctx.Pair) bool { return q.Name == p.Name })
		c.Attributes = append(c.Attributes, p)
	}
	return c
}

func equal(a, b context) bool {
	return a.RemoteAddr == b.RemoteAddr && a.Protocol == b.Protocol && a.Method == b.Method &&
		a.URI == b.URI && a.RawQuery == b.RawQuery && a.Parsed == b.Parsed && a.Uploads == b.Uploads &&
		maps.EqualFunc(a.Headers, b.Headers, slices.Equal) &&
		slices.Equal(a.Cookies, b.Cookies) && slices.Equal(a.Attributes, b.Attributes)
}

func latin1(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			r = rune(s[0])
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return b.String()
}

func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c > ' ' && c < 0x7f {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(0x100|uint64(c), 16)[1:]))
		}
	}
	return b.String()
}

// pairs is a JSON object of strings, with order and duplicates.
type pairs []httpctx.Pair

func (p *pairs) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("not an object")
	}
	*p = nil
	for d.More() {
		name, _ := d.Token()
		value, _ := d.Token()
		s, ok := value.(string)
		if !ok {
			return errors.New("not a string")
		}
		*p = append(*p, httpctx.Pair{Name: name.(string), Value: s})
	}
	return nil
}

// readJSON reads a request context with encoding/json.
func readJSON(text []byte) (context, error) {
	if !utf8.Valid(text) {
		return context{}, errors.New("invalid UTF-8")
	}
	var v struct {
		RemoteAddr, Protocol, Method, URI, RawQuery string
		Headers                                     map[string][]string
		Cookies, Attributes                         pairs
		Parsed                                      bool
		Uploads                                     json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return context{}, err
	}
	if d.More() || !json.Valid(text) {
		return context{}, errors.New("more than an object")
	}
	c := context{v.RemoteAddr, v.Protocol, v.Method, v.URI, v.RawQuery, v.Headers, v.Cookies, v.Attributes, v.Parsed, ""}
	if s := string(v.Uploads); s != "null" {
		c.Uploads = s
	}
	return c, nil
}

// message is a proto message: its fields in order.
type message []protoField

type protoField struct {
	number protowire.Number
	kind   protowire.Type
	varint uint64
	bytes  []byte
}

// readMessage splits a message with protowire.
func readMessage(b []byte) (message, error) {
	var m message
	for len(b) > 0 {
		f := protoField{}
		var n int
		f.number, f.kind, n = protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		if f.number > protowire.MaxValidNumber || f.kind == protowire.StartGroupType {
			return nil, errors.New("a field we refuse")
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(f.number, f.kind, b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		switch f.kind {
		case protowire.VarintType:
			f.varint, _ = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, _ = protowire.ConsumeBytes(b)
		}
		m = append(m, f)
		b = b[n:]
	}
	return m, nil
}

// readEntry reads an entry of a map<string, HeaderValue>.
func readEntry(b []byte) (name string, values []string, err error) {
	entry, err := readMessage(b)
	if err != nil {
		return "", nil, err
	}
	for _, f := range entry {
		switch {
		case f.number == 1 && f.kind == protowire.BytesType:
			name = string(f.bytes)
		case f.number == 2 && f.kind == protowire.BytesType:
			list, err := readMessage(f.bytes)
			if err != nil {
				return "", nil, err
			}
			for _, item := range list {
				if item.number == 1 && item.kind == protowire.BytesType {
					values = append(values, string(item.bytes))
				}
			}
		}
	}
	return name, values, nil
}

// readProto reads a request context with protowire.
func readProto(b []byte) (context, error) {
	c := context{Headers: map[string][]string{}}
	m, err := readMessage(b)
	if err != nil {
		return c, err
	}
	texts := map[protowire.Number]*string{
		1: &c.RemoteAddr, 2: &c.Protocol, 3: &c.Method, 4: &c.URI, 7: &c.RawQuery, 9: &c.Uploads,
	}
	for _, f := range m {
		if f.number == 8 {
			c.Parsed = f.varint == 1
			continue
		}
		if s := texts[f.number]; s != nil {
			if f.number != 9 && !utf8.Valid(f.bytes) {
				return c, errors.New("invalid UTF-8 in a string field")
			}
			*s = string(f.bytes)
			continue
		}
		name, values, err := readEntry(f.bytes)
		if err != nil || len(values) == 0 || !utf8.ValidString(name) {
			return c, errors.New("bad map entry")
		}
		switch f.number {
		case 5:
			if c.Headers[name] != nil {
				return c, errors.New("a header twice")
			}
			c.Headers[name] = values
		case 6:
			c.Cookies = append(c.Cookies, httpctx.Pair{Name: name, Value: values[0]})
		case 10:
			c.Attributes = append(c.Attributes, httpctx.Pair{Name: name, Value: values[0]})
		default:
			return c, errors.New("unknown field")
		}
	}
	return c, nil
}
