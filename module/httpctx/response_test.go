package httpctx_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestJSONContextsOfEveryShapeAreRead(t *testing.T) {
	for ctx, want := range map[string]string{
		`{}`:                             "0 []",
		` { "status" : 204 } `:           "204 []",
		`{"status":200,"headers":{}}`:    "200 []",
		`{"status":200,"headers":[]}`:    "200 []",
		`{"status":200,"headers":[ ]}`:   "200 []",
		`{"status":200,"headers":null}`:  "200 []",
		`{"status":null,"headers":null}`: "0 []",
		`{"status":"404"}`:               "404 []",
		`{"status":200.0}`:               "200 []",
		`{"status":"200.00"}`:            "200 []",
		`{"status":-1}`:                  "-1 []",
		`{"status":99999}`:               "99999 []",
		`{"headers":{"A":["1","2"],"B":["3"]},"status":200}`:                     "200 [{A 1} {A 2} {B 3}]",
		`{"headers":{"A":"1"}}`:                                                  "0 [{A 1}]",
		`{"headers":{"A":1,"B":[2.50,-3e+2,0],"C":true,"D":[false]}}`:            "0 [{A 1} {B 2.50} {B -3e+2} {B 0} {C true} {D false}]",
		`{"headers":{"A":null,"B":[null,"2",null]}}`:                             "0 [{B 2}]",
		`{"headers":{"A":[],"B":{},"C":[""]}}`:                                   "0 [{C }]",
		`{"headers":{"A":{"1":"x","7":"y"}}}`:                                    "0 [{A x} {A y}]",
		`{"headers":{"A":["1"],"A":["2"],"a":["3"]}}`:                            "0 [{A 1} {A 2} {a 3}]",
		`{"headers":{"A":["1"]},"headers":{"B":["2"]}}`:                          "0 [{B 2}]",
		`{"headers":{"A":["1"]},"headers":null,"status":1,"status":2}`:           "2 []",
		`{"st\u0061tus":200,"\u0068eaders":{"\u0041":["\u0042"]}}`:               "200 [{A B}]",
		`{"x":[1,{"y":[[],{}]},"]}",null,true,false,-0.5e-3],"status":200,"":0}`: "200 []",
		`{"headers":{"":["no name"]}}`:                                           "0 [{ no name}]",
		`{"headers":{"A":["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"]}}`:               "0 [{A \"\\/\b\f\n\r\té😀}]",
		`{"headers":{"A":["\ud83d","\ude00","\ud83dx","\ud83d\ud83d\ude00"]}}`:   "0 [{A \ufffd} {A \ufffd} {A \ufffdx} {A \ufffd😀}]",
		"{\"headers\":{\"A\":[\"caf\xe9 \u2028\"]}}":                             "0 [{A caf\xe9 \u2028}]",
	} {
		var r httpctx.Response
		if err := r.DecodeJSON([]byte(ctx)); err != nil {
			t.Errorf("%s: %v", ctx, err)
		} else if got := fmt.Sprint(r.Status, r.Header); got != want {
			t.Errorf("%s: got %q, want %q", ctx, got, want)
		}
	}
}

func TestBadJSONContextsAreRefusedWithAReason(t *testing.T) {
	deep := strings.Repeat("[", 512)
	for ctx, want := range map[string]string{
		"":                                `no context at byte 0 of 0`,
		" \n":                             `no context at byte 2 of 2: " \n"`,
		"Warning: x":                      `not an object at byte 0 of 10: "Warning: x"`,
		"\ufeff{}":                        `not an object at byte 0`,
		`[]`:                              `not an object at byte 0`,
		`null`:                            `not an object at byte 0`,
		`{`:                               `no key at byte 1`,
		`{,}`:                             `no key at byte 1`,
		`{"status"`:                       `no colon after a key at byte 9`,
		`{"status":`:                      `status is no number at byte 10`,
		`{"status":200`:                   `no comma at byte 13`,
		`{"status":200,}`:                 `nothing after a comma at byte 14`,
		`{"status":200 "headers":{}}`:     `no comma at byte 14`,
		`{"status":200}}`:                 `more after the end at byte 14`,
		`{"status":200} x`:                `more after the end at byte 15`,
		`{"status":true}`:                 `status is no number at byte 10`,
		`{"status":[200]}`:                `status is no number at byte 10`,
		`{"status":nul}`:                  `no value at byte 10`,
		`{"status":""}`:                   `status is no number at byte 10`,
		`{"status":"OK"}`:                 `status is no number at byte 10`,
		`{"status":"200 OK"}`:             `status is no integer at byte 10`,
		`{"status":"200."}`:               `status is no integer at byte 10`,
		`{"status":200.5}`:                `status is no integer at byte 10`,
		`{"status":2e2}`:                  `status is no integer at byte 10`,
		`{"status":99999999999999999999}`: `status is too large at byte 10`,
		`{"status":0200}`:                 `no comma at byte 11`,
		`{"status":-}`:                    `a number without digits at byte 11`,
		`{"status":1.}`:                   `a number without digits at byte 12`,
		`{"x":1e+}`:                       `a number without digits at byte 8`,
		`{"status`:                        `a string without end at byte 1`,
		`{"a\`:                            `a broken escape at byte 3`,
		`{"\x":1}`:                        `a broken escape at byte 2`,
		`{"\u12g4":1}`:                    `a broken escape at byte 2`,
		`{"\u12":1}`:                      `a broken escape at byte 2`,
		"{\"a\nb\":1}":                    `a control character in a string at byte 3`,
		`{"headers":"x"}`:                 `headers are no object at byte 11`,
		`{"headers":["A: b"]}`:            `headers without names at byte 12`,
		`{"headers":{"A":[["b"]]}}`:       `a header value is no text at byte 17`,
		`{"headers":{"A":[{"b":1}]}}`:     `a header value is no text at byte 17`,
		`{"headers":{"A":["b",]}}`:        `nothing after a comma at byte 21`,
		`{"headers":{"A":["b"}}`:          `no comma at byte 20`,
		`{"headers":{"A":tru}}`:           `no value at byte 16`,
		`{"headers":{"A":"b"`:             `no comma at byte 19`,
		`{"x":[1}`:                        `no comma at byte 7`,
		`{"x":[1,]}`:                      `nothing after a comma at byte 8`,
		`{"x":?}`:                         `no value at byte 5`,
		`{"x":` + deep + `}`:              `too deep at byte 516 of 518: "{\"x\":` + deep[:59] + `"...`,
	} {
		r := httpctx.Response{Status: 7, Header: []httpctx.Pair{{Name: "old", Value: "old"}}}
		err := r.DecodeJSON([]byte(ctx))
		if !errors.Is(err, httpctx.ErrBadContext) {
			t.Errorf("%s: got %v, want a bad context", ctx, err)
			continue
		}
		if want = "bad response context: json: " + want; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %s, want %s", ctx, err, want)
		}
		if r.Status != 0 || len(r.Header) != 0 {
			t.Errorf("%s: the response is %v after the error", ctx, r)
		}
		if e, ok := errors.AsType[*httpctx.DecodeError](err); !ok || e.Codec != "json" || e.Len != len(ctx) {
			t.Errorf("%s: the error is %#v", ctx, err)
		}
	}
}

func TestNestingIsReadUpToItsBound(t *testing.T) {
	ctx := `{"x":` + strings.Repeat(`[`, 511) + strings.Repeat("]", 511) + `,"status":200}`
	var r httpctx.Response
	if err := r.DecodeJSON([]byte(ctx)); err != nil || r.Status != 200 {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestResetForgetsStringsAndKeepsMemory(t *testing.T) {
	var r httpctx.Response
	if err := r.DecodeJSON([]byte(usualResponse)); err != nil {
		t.Fatal(err)
	}
	room := cap(r.Header)
	r.Reset()
	if r.Status != 0 || len(r.Header) != 0 || cap(r.Header) != room {
		t.Errorf("got %v with room for %d", r, cap(r.Header))
	}
	for _, p := range r.Header[:room] {
		if p != (httpctx.Pair{}) {
			t.Errorf("%v is still there", p)
		}
	}
}

func TestStringsOutliveContextAndResponse(t *testing.T) {
	ctx := []byte(usualResponse)
	var r httpctx.Response
	if err := r.DecodeJSON(ctx); err != nil {
		t.Fatal(err)
	}
	first := slices.Clone(r.Header)
	want := fmt.Sprint(first)
	clear(ctx)
	if err := r.DecodeJSON([]byte(`{"headers":{"Other":["` + strings.Repeat("z", 600) + `"]}}`)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(first); got != want {
		t.Errorf("the strings became %s", got)
	}
}

func TestAKnownStringIsTheOneThatWasSent(t *testing.T) {
	// Every quoted string of the list must come out as itself.
	var r httpctx.Response
	for _, s := range knownStrings(t) {
		if err := r.DecodeJSON([]byte(`{"headers":{"` + s + `":["` + s + `"]}}`)); err != nil {
			t.Fatal(err)
		}
		if want := (httpctx.Pair{Name: s, Value: s}); len(r.Header) != 1 || r.Header[0] != want {
			t.Errorf("%q became %q", s, r.Header)
		}
	}
}

// protoContext is a http.v1.Response.
func protoContext(status int64, header ...httpctx.Pair) []byte {
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(status))
	for _, p := range header {
		b = protowire.AppendTag(b, 2, protowire.BytesType)
		b = protowire.AppendBytes(b, protoEntry(p.Name, p.Value))
	}
	return b
}

func protoEntry(name string, values ...string) []byte {
	var list []byte
	for _, v := range values {
		list = protowire.AppendTag(list, 1, protowire.BytesType)
		list = protowire.AppendString(list, v)
	}
	b := protowire.AppendTag(nil, 1, protowire.BytesType)
	b = protowire.AppendString(b, name)
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	return protowire.AppendBytes(b, list)
}

func TestProtoContextsOfEveryShapeAreRead(t *testing.T) {
	header := func(entry ...byte) []byte { return append([]byte{0x12, byte(len(entry))}, entry...) }
	for name, c := range map[string]struct {
		ctx  []byte
		want string
	}{
		"nothing":                {nil, "0 []"},
		"a status":               {protoContext(204), "204 []"},
		"a negative status":      {protoContext(-1), "-1 []"},
		"the last status":        {slices.Concat(protoContext(1), protoContext(2)), "2 []"},
		"all bytes":              {protoContext(200, httpctx.Pair{Name: "A", Value: "\x00\xff"}), "200 [{A \x00\xff}]"},
		"several values":         {header(protoEntry("A", "1", "", "3")...), "0 [{A 1} {A } {A 3}]"},
		"no values":              {header(protoEntry("A")...), "0 []"},
		"the value before a key": {header(0x12, 3, 0x0a, 1, 'v', 0x0a, 1, 'K'), "0 [{K v}]"},
		"no key":                 {header(0x12, 3, 0x0a, 1, 'v'), "0 [{ v}]"},
		"two keys":               {header(0x0a, 1, 'J', 0x12, 3, 0x0a, 1, 'v', 0x0a, 1, 'K'), "0 [{K v}]"},
		"two lists":              {header(0x0a, 1, 'K', 0x12, 3, 0x0a, 1, 'v', 0x12, 3, 0x0a, 1, 'w'), "0 [{K v} {K w}]"},
		"unknown fields": {
			slices.Concat([]byte{0x18, 0x80, 1, 0x19}, make([]byte, 8), []byte{0x1d, 0, 0, 0, 0, 0x1a, 1, 'x'}, protoContext(200)),
			"200 []",
		},
		"other wire types": {[]byte{0x0a, 1, 'x', 0x10, 1}, "0 []"},
	} {
		var r httpctx.Response
		if err := r.DecodeProto(c.ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := fmt.Sprint(r.Status, r.Header); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestBadProtoContextsAreRefusedWithAReason(t *testing.T) {
	for ctx, want := range map[string]string{
		"\x08": `a number without end at byte 1 of 1: "\b"`,
		"\x80": `a number without end at byte 0`,
		"\x08" + strings.Repeat("\xff", 10) + "\x01": `a number of more than 64 bits at byte 1`,
		"\x12\x02\x0a":             `a field longer than its message at byte 0`,
		"\x12\x03\x0a\x02A":        `a field longer than its message at byte 2`,
		"\x12\x04\x12\x02\x0a\x01": `a field longer than its message at byte 4`,
		"\x1d\x00":                 `a field longer than its message at byte 0`,
		"\x19\x00":                 `a field longer than its message at byte 0`,
		"\x00\x00":                 `an invalid field number at byte 0`,
		"\x1b\x1c":                 `an unknown wire type at byte 0`,
		`{"status":200}`:           `an unknown wire type at byte 0 of 14: "{\"status\":200}"`,
	} {
		r := httpctx.Response{Status: 7, Header: []httpctx.Pair{{Name: "old", Value: "old"}}}
		err := r.DecodeProto([]byte(ctx))
		if !errors.Is(err, httpctx.ErrBadContext) {
			t.Errorf("%q: got %v, want a bad context", ctx, err)
			continue
		}
		if want = "bad response context: proto: " + want; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %s, want %s", ctx, err, want)
		}
		if r.Status != 0 || len(r.Header) != 0 {
			t.Errorf("%q: the response is %v after the error", ctx, r)
		}
	}
}

// TestThousandsOfJSONContextsAreReadAsEncodingJSONDoes covers documents that
// are right, and the same with a byte changed, removed or added.
func TestThousandsOfJSONContextsAreReadAsEncodingJSONDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	good, bad := 0, 0
	for range 5000 {
		doc := randomContext(random)
		if compareJSON(t, doc) {
			good++
		}
		for range 4 {
			if !compareJSON(t, mutate(random, doc)) {
				bad++
			}
		}
	}
	if good != 5000 || bad < 5000 {
		t.Errorf("the documents prove little: %d good ones accepted, %d broken ones refused", good, bad)
	}
}

// compareJSON reads doc in two ways and reports whether both accept it.
func compareJSON(t *testing.T, doc []byte) bool {
	t.Helper()
	want, ok := readJSONResponse(doc)
	var got httpctx.Response
	err := got.DecodeJSON(bytes.Clone(doc))
	if !bounded(t, &got, err, doc) {
		return false
	}
	if ok != (err == nil) {
		t.Fatalf("encoding/json accepts: %v, DecodeJSON says %v\n%s", ok, err, doc)
	}
	if got = lossy(got); ok && (got.Status != want.Status || !slices.Equal(got.Header, want.Header)) {
		t.Fatalf("\n got %v\nwant %v\n doc %s", got, want, doc)
	}
	return ok
}

// bounded reports whether ctx is not refused for its number of headers, or their size, which
// the models do not judge.
func bounded(t *testing.T, r *httpctx.Response, err error, ctx []byte) bool {
	t.Helper()
	size := 0
	for _, p := range r.Header {
		size += len(p.Name) + len(p.Value)
	}
	if len(r.Header) > httpctx.MaxHeaders || size > httpctx.MaxHeaderBytes {
		t.Fatalf("%d headers of %d bytes are read", len(r.Header), size)
	}
	e, ok := errors.AsType[*httpctx.DecodeError](err)
	return !ok || !strings.HasPrefix(e.Reason, "more than ") || len(ctx) < httpctx.MaxHeaders
}

func TestHeadersBeyondTheBoundsAreRefused(t *testing.T) {
	pairs := func(n int, name, value string) (list []httpctx.Pair) {
		for range n {
			list = append(list, httpctx.Pair{Name: name, Value: value})
		}
		return list
	}
	long := strings.Repeat("n", 1<<10)
	for name, c := range map[string]struct {
		header []httpctx.Pair
		want   string
	}{
		"as many as may be":           {pairs(httpctx.MaxHeaders, "A", ""), ""},
		"one more":                    {pairs(httpctx.MaxHeaders+1, "A", ""), "more than 1000 headers at byte "},
		"very many":                   {pairs(100_000, "A", "b"), "more than 1000 headers at byte "},
		"as large as may be":          {pairs(1, "A", strings.Repeat("v", httpctx.MaxHeaderBytes-1)), ""},
		"a byte more":                 {pairs(1, "A", strings.Repeat("v", httpctx.MaxHeaderBytes)), "more than 256 KiB of headers at byte "},
		"a known name":                {pairs(1, "Content-Type", strings.Repeat("v", httpctx.MaxHeaderBytes-11)), "more than 256 KiB of headers at byte "},
		"several":                     {pairs(3, "A", strings.Repeat("v", httpctx.MaxHeaderBytes/2)), "more than 256 KiB of headers at byte "},
		"a name that many values use": {pairs(900, long+long, ""), "more than 256 KiB of headers at byte "},
	} {
		values := make(map[string][]string)
		for _, p := range c.header {
			values[p.Name] = append(values[p.Name], p.Value)
		}
		ctx, err := json.Marshal(map[string]any{"status": 200, "headers": values})
		if err != nil {
			t.Fatal(err)
		}
		var r httpctx.Response
		for codec, err := range map[string]error{"json": r.DecodeJSON(ctx), "proto": r.DecodeProto(protoContext(200, c.header...))} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), codec+": "+c.want) {
				t.Errorf("%s, %s: %v", name, codec, err)
			}
			if err != nil && !errors.Is(err, httpctx.ErrBadContext) {
				t.Errorf("%s, %s: %v is no bad context", name, codec, err)
			}
		}
	}
	var r httpctx.Response
	twice := `{"headers":{"A":["` + strings.Repeat(`","`, 999) + `"]},"headers":{"A":["` + strings.Repeat(`","`, 999) + `"]}}`
	if err := r.DecodeJSON([]byte(twice)); err != nil || len(r.Header) != httpctx.MaxHeaders {
		t.Errorf("of two members the last counts: %d headers, %v", len(r.Header), err)
	}
}

// compareProto reads ctx in two ways.
func compareProto(t *testing.T, ctx []byte) bool {
	t.Helper()
	want, ok := readProtoResponse(ctx)
	var got httpctx.Response
	err := got.DecodeProto(bytes.Clone(ctx))
	if !bounded(t, &got, err, ctx) {
		return false
	}
	if ok != (err == nil) {
		t.Fatalf("protowire accepts: %v, DecodeProto says %v\n%x", ok, err, ctx)
	}
	if ok && (got.Status != want.Status || !slices.Equal(got.Header, want.Header)) {
		t.Fatalf("\n got %v\nwant %v\n ctx %x", got, want, ctx)
	}
	return ok
}

func TestThousandsOfProtoContextsAreReadAsProtowireDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	bad := 0
	for range 5000 {
		var header []httpctx.Pair
		for range random.IntN(5) {
			header = append(header, httpctx.Pair{Name: randomName(random), Value: randomText(random)})
		}
		ctx := protoContext(int64(random.IntN(700)), header...)
		if !compareProto(t, ctx) {
			t.Fatalf("a good context is refused: %x", ctx)
		}
		for range 4 {
			if !compareProto(t, mutate(random, ctx)) {
				bad++
			}
		}
	}
	if bad < 2000 {
		t.Errorf("the contexts prove little: only %d are broken", bad)
	}
}
