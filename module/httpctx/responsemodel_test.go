package httpctx_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"google.golang.org/protobuf/encoding/protowire"
)

// readProtoResponse reads a response context with protowire.
func readProtoResponse(b []byte) (r httpctx.Response, ok bool) {
	m, err := readMessage(b)
	if err != nil {
		return r, false
	}
	for _, f := range m {
		switch {
		case f.number == 1 && f.kind == protowire.VarintType:
			r.Status = int(f.varint)
		case f.number == 2 && f.kind == protowire.BytesType:
			name, values, err := readEntry(f.bytes)
			if err != nil {
				return r, false
			}
			for _, v := range values {
				r.Header = append(r.Header, httpctx.Pair{Name: name, Value: v})
			}
		}
	}
	return r, true
}

var integer = regexp.MustCompile(`^(-?)([0-9]+)(\.0+)?$`)

// readJSONResponse reads a response context with encoding/json.
func readJSONResponse(text []byte) (r httpctx.Response, ok bool) {
	if !json.Valid(text) {
		return r, false
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	next := func() json.Token {
		t, _ := d.Token() // valid, as checked above
		return t
	}
	if next() != json.Delim('{') {
		return r, false
	}
	for d.More() {
		switch next() {
		case "status":
			t := next()
			if t == nil {
				r.Status = 0
				continue
			}
			s, isString := t.(string)
			if n, isNumber := t.(json.Number); isNumber {
				s = n.String()
			} else if !isString {
				return r, false
			}
			parts := integer.FindStringSubmatch(s)
			if parts == nil {
				return r, false
			}
			n, err := strconv.Atoi(parts[2])
			if err != nil {
				return r, false
			}
			if parts[1] != "" {
				n = -n
			}
			r.Status = n
		case "headers":
			if r.Header, ok = readJSONHeaders(d, next); !ok {
				return r, false
			}
		default:
			var v json.RawMessage
			if d.Decode(&v) != nil || depth(v) >= 512 {
				return r, false
			}
		}
	}
	return r, true
}

func readJSONHeaders(d *json.Decoder, next func() json.Token) (header []httpctx.Pair, ok bool) {
	switch next() {
	case nil:
		return nil, true
	case json.Delim('['):
		return nil, next() == json.Delim(']')
	case json.Delim('{'):
	default:
		return nil, false
	}
	for d.More() {
		name := next().(string)
		add := func(t json.Token) bool {
			switch v := t.(type) {
			case string:
				header = append(header, httpctx.Pair{Name: name, Value: v})
			case json.Number:
				header = append(header, httpctx.Pair{Name: name, Value: v.String()})
			case bool:
				header = append(header, httpctx.Pair{Name: name, Value: strconv.FormatBool(v)})
			default:
				return v == nil
			}
			return true
		}
		t := next()
		if t != json.Delim('[') && t != json.Delim('{') {
			if !add(t) {
				return nil, false
			}
			continue
		}
		for d.More() {
			if t == json.Delim('{') {
				next()
			}
			if !add(next()) {
				return nil, false
			}
		}
		next()
	}
	next()
	return header, true
}

// depth is how deep the arrays and objects of a valid document are nested.
func depth(text []byte) int {
	d := json.NewDecoder(bytes.NewReader(text))
	deepest, now := 0, 0
	for {
		t, err := d.Token()
		if err != nil {
			return deepest
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			now++
		case json.Delim(']'), json.Delim('}'):
			now--
		}
		deepest = max(deepest, now)
	}
}

// lossy is what encoding/json makes of bytes that are not UTF-8.
func lossy(r httpctx.Response) httpctx.Response {
	replace := func(s string) string { return string([]rune(s)) }
	out := httpctx.Response{Status: r.Status}
	for _, p := range r.Header {
		out.Header = append(out.Header, httpctx.Pair{Name: replace(p.Name), Value: replace(p.Value)})
	}
	return out
}

// mutate changes, removes or adds one byte, or cuts the rest off.
func mutate(random *rand.Rand, doc []byte) []byte {
	at := random.IntN(len(doc))
	c := byte(random.IntN(256))
	if random.IntN(2) == 0 {
		c = `{}[]":,\u0-.etfn `[random.IntN(17)]
	}
	switch random.IntN(4) {
	case 0:
		return slices.Insert(bytes.Clone(doc), at, c)
	case 1:
		return slices.Delete(bytes.Clone(doc), at, at+1)
	case 2:
		return doc[:at]
	}
	doc = bytes.Clone(doc)
	doc[at] = c
	return doc
}

// randomContext is a valid JSON context in one of the many ways to write it.
func randomContext(random *rand.Rand) []byte {
	var b []byte
	space := func() {
		for random.IntN(4) == 0 {
			b = append(b, " \t\n\r"[random.IntN(4)])
		}
	}
	put := func(tokens ...string) {
		for _, s := range tokens {
			space()
			b = append(b, s...)
		}
		space()
	}
	str := func() string { return randomString(random) }
	scalar := func() string {
		all := []string{"0", "-1", "12.50", "1e5", "2E-7", "true", "false", "null", str(), str(), str()}
		return all[random.IntN(len(all))]
	}
	list := func(opening, closing string, item func()) {
		put(opening)
		for i := range random.IntN(4) {
			if i > 0 {
				put(",")
			}
			item()
		}
		put(closing)
	}
	value := func() { put(scalar()) }
	member := func() { put(str(), ":", scalar()) }
	list("{", "}", func() {
		switch random.IntN(4) {
		case 0:
			all := []string{"200", `"301"`, "404.0", "-5", "null", "500"}
			put(`"status"`, ":", all[random.IntN(len(all))])
		case 1:
			put(str(), ":")
			list("[", "]", func() { list("{", "}", member) })
		default:
			put(`"headers"`, ":")
			list("{", "}", func() {
				put(str(), ":")
				switch random.IntN(3) {
				case 0:
					value()
				case 1:
					list("{", "}", member)
				default:
					list("[", "]", value)
				}
			})
		}
	})
	return b
}

// randomString is a JSON string with escapes of all kinds.
func randomString(random *rand.Rand) string {
	b := []byte{'"'}
	for range random.IntN(12) {
		switch random.IntN(6) {
		case 0:
			b = append(b, '\\', `"\/bfnrt`[random.IntN(8)])
		case 1:
			b = fmt.Appendf(b, `\u%04x`, random.IntN(0x10000))
		case 2:
			b = fmt.Appendf(b, `\uD8%02X\udc%02x`, random.IntN(256), random.IntN(256))
		case 3:
			b = append(b, byte(0x80+random.IntN(128)))
		default:
			b = append(b, string(rune('#'+random.IntN(50)))...)
		}
	}
	return string(append(b, '"'))
}
