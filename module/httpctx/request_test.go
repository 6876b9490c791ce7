package httpctx_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

func TestARequestHasExactlyTheKeysThatTheClientsRead(t *testing.T) {
	for name, c := range map[string]struct {
		request httpctx.Request
		want    string
	}{
		"empty": {
			httpctx.Request{},
			`{"remoteAddr":"","protocol":"","method":"","uri":"","headers":{},"cookies":{},"rawQuery":"",` +
				`"parsed":false,"uploads":null,"attributes":{}}`,
		},
		"full": {
			httpctx.Request{
				RemoteAddr: "2001:db8::1", Protocol: "HTTP/1.1", Method: "POST",
				URI: "http://example.com/a?b=c", RawQuery: "b=c", Host: "example.com",
				Header:  map[string][]string{"X-Forwarded-For": {"a", "b"}},
				Cookies: []httpctx.Pair{{Name: "z", Value: "1"}, {Name: "a", Value: "2"}},
				Parsed:  true, Uploads: []byte(`{"f":[]}`),
				Attributes: []httpctx.Pair{{Name: "user", Value: "42"}, {Name: "tls", Value: ""}},
			},
			`{"remoteAddr":"2001:db8::1","protocol":"HTTP/1.1","method":"POST","uri":"http://example.com/a?b=c",` +
				`"headers":{"Host":["example.com"],"X-Forwarded-For":["a","b"]},"cookies":{"z":"1","a":"2"},` +
				`"rawQuery":"b=c","parsed":true,"uploads":{"f":[]},"attributes":{"user":"42","tls":""}}`,
		},
	} {
		if got := string(httpctx.AppendJSON(nil, &c.request)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	r := minimalRequest()
	for name, appendContext := range map[string]func([]byte, *httpctx.Request) []byte{
		"json": httpctx.AppendJSON, "proto": httpctx.AppendProto,
	} {
		got := appendContext([]byte("before"), r)
		if want := "before" + string(appendContext(nil, r)); string(got) != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestTextBecomesUTF8WithoutLoss(t *testing.T) {
	for in, want := range map[string]string{
		"":                          `""`,
		"plain":                     `"plain"`,
		`say "hi" \o/`:              `"say \"hi\" \\o/"`,
		"a\x00b\x01\x1f":            `"a\u0000b\u0001\u001f"`,
		"line\r\n\ttab":             `"line\r\n\ttab"`,
		"\x7f":                      "\"\x7f\"",
		"café":                      `"café"`,
		"caf\xe9":                   `"café"`,
		"caf\xe9 und café":          `"café und café"`,
		"😀":                         `"😀"`,
		"😀"[:3]:                     `"ð` + "\u009f\u0098" + `"`,
		"\xc0\xaf overlong":         `"À¯ overlong"`,
		"\xed\xa0\x80 surrogate":    "\"í\u00a0\u0080 surrogate\"",
		"\xf4\x90\x80\x80 too far":  "\"ô\u0090\u0080\u0080 too far\"",
		"\ufffd":                    "\"\ufffd\"",
		"\ufeffbom \u2028":          "\"\ufeffbom \u2028\"",
		"eight by\"te":              `"eight by\"te"`,
		"\xff\xfe":                  `"ÿþ"`,
		"0123456\\":                 `"0123456\\"`,
		"01234567\x1f9abcdef\xe901": `"01234567\u001f9abcdefé01"`,
	} {
		if got := string(httpctx.AppendString(nil, in)); got != want {
			t.Errorf("AppendString(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestEveryByteIsEscapedAtEveryPlaceOfAWord(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			in := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("y", 16-at)
			r := httpctx.Request{RemoteAddr: in}
			got, err := readJSON(httpctx.AppendJSON(nil, &r))
			if err != nil || got.RemoteAddr != latin1(in) {
				t.Fatalf("%q became %q, %v", in, got.RemoteAddr, err)
			}
		}
	}
}

func TestAURIIsVisibleASCII(t *testing.T) {
	r := httpctx.Request{
		URI:      "http://h/a b\r\nc\x00\x7f/é\xe9?\"\\<>|%zz%41",
		RawQuery: "\"\\<>|%zz%41 \t\xff",
	}
	got, err := readJSON(httpctx.AppendJSON(nil, &r))
	if err != nil {
		t.Fatal(err)
	}
	if want := `http://h/a%20b%0D%0Ac%00%7F/%C3%A9%E9?"\<>|%zz%41`; got.URI != want {
		t.Errorf("uri is %q, want %q", got.URI, want)
	}
	if want := `"\<>|%zz%41%20%09%FF`; got.RawQuery != want {
		t.Errorf("rawQuery is %q, want %q", got.RawQuery, want)
	}
}

func TestHeadersThatWouldHarmAWorkerStayBehind(t *testing.T) {
	r := httpctx.Request{Header: map[string][]string{
		"Proxy": {"evil"}, "proxy": {"evil"}, "PROXY": {"evil"},
		"": {"no name"}, "7": {"integer key"}, "-12": {"integer key"}, "0042": {"number"},
		"No-Values": {}, "Nil-Values": nil,
		"Bad Name": {"space"}, "Bad:Name": {"colon"}, "Bad\x00": {"NUL"}, "Schlüssel": {"not ASCII"}, "Bad\xff": {"byte"},
		"Proxy-Connection": {"fine"}, "X-Proxy": {"fine"}, "Proxi": {"fine"},
		"7up": {"fine"}, "-": {"fine"}, "1-2": {"fine"}, "X_Y": {"fine"}, "!#$%&'*+-.^_`|~": {"fine"}, "Empty": {""},
		"hOsT": {"fine, without Request.Host"},
	}}
	want := map[string]bool{
		"Proxy-Connection": true, "X-Proxy": true, "Proxi": true, "7up": true, "-": true, "1-2": true, "X_Y": true,
		"!#$%&'*+-.^_`|~": true, "Empty": true, "hOsT": true,
	}
	check := func(codec string, c context, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", codec, err)
		}
		for name := range r.Header {
			if _, sent := c.Headers[name]; sent != want[name] {
				t.Errorf("%s: header %q sent: %v, want %v", codec, name, sent, want[name])
			}
		}
	}
	c, err := readJSON(httpctx.AppendJSON(nil, &r))
	check("json", c, err)
	c, err = readProto(httpctx.AppendProto(nil, &r))
	check("proto", c, err)
}

func TestHostComesFromTheRequestAlone(t *testing.T) {
	r := httpctx.Request{
		Host:   "example.com",
		Header: map[string][]string{"Host": {"evil"}, "host": {"evil"}, "HOST": {"evil"}, "Hosts": {"fine"}},
	}
	want := expect(&httpctx.Request{Header: map[string][]string{"Host": {"example.com"}, "Hosts": {"fine"}}})
	if got, err := readJSON(httpctx.AppendJSON(nil, &r)); err != nil || !equal(got, want) {
		t.Errorf("json: got %v, %v", got, err)
	}
	if got, err := readProto(httpctx.AppendProto(nil, &r)); err != nil || !equal(got, want) {
		t.Errorf("proto: got %v, %v", got, err)
	}
}

func TestOfEqualNamesTheFirstCookieAndTheLastAttributeCount(t *testing.T) {
	list := []httpctx.Pair{
		{Name: "a", Value: "1"}, {Name: "", Value: "2"}, {Name: "7", Value: "3"}, {Name: "a", Value: "4"},
		{Name: "ÿ", Value: "5"}, {Name: "\xff", Value: "6"}, {Name: "7", Value: "7"}, {Name: "-", Value: "8"},
		{Name: "\xffÿ", Value: "9"}, {Name: "ÿ\xff", Value: "10"}, {Name: "A", Value: "11"},
	}
	got, err := readJSON(httpctx.AppendJSON(nil, &httpctx.Request{Cookies: list, Attributes: list}))
	if err != nil {
		t.Fatal(err)
	}
	cookies := "[{a 1} {7 3} {ÿ 5} {- 8} {ÿÿ 9} {A 11}]"
	attributes := "[{a 4} {ÿ 6} {- 8} {ÿÿ 10} {A 11}]"
	if s := fmt.Sprint(got.Cookies); s != cookies {
		t.Errorf("cookies are %s, want %s", s, cookies)
	}
	if s := fmt.Sprint(got.Attributes); s != attributes {
		t.Errorf("attributes are %s, want %s", s, attributes)
	}
}

func TestManyCookiesAreTreatedLikeFew(t *testing.T) {
	var r httpctx.Request
	for i := range 500 {
		name := fmt.Sprintf("c%d\xff", i%400)
		if i >= 400 {
			name = fmt.Sprintf("c%dÿ", i%400)
		}
		r.Cookies = append(r.Cookies, httpctx.Pair{Name: name, Value: fmt.Sprint(i)}, httpctx.Pair{Value: "no name"})
	}
	want := expect(&r)
	if len(want.Cookies) != 400 {
		t.Fatalf("the model has %d cookies", len(want.Cookies))
	}
	if got, err := readJSON(httpctx.AppendJSON(nil, &r)); err != nil || !equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheCostOfCookiesIsNotTheirSquare(t *testing.T) {
	var r httpctx.Request
	for i := range 300_000 {
		r.Cookies = append(r.Cookies, httpctx.Pair{Name: fmt.Sprintf("%06d", i)})
	}
	start := time.Now()
	httpctx.AppendJSON(nil, &r)
	// Comparing all with all takes minutes.
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("300,000 cookies took %v", d)
	}
}

func TestProtoCarriesEveryByteOfAValueAsText(t *testing.T) {
	all := make([]byte, 256)
	for c := range all {
		all[c] = byte(c)
	}
	for _, n := range []int{0, 1, 127, 128, 256, 16 << 10, 2 << 20} {
		value := strings.Repeat(string(all), n/256+1)[:n]
		r := httpctx.Request{
			RemoteAddr: value, Protocol: value, Method: value, URI: value, RawQuery: value, Host: value,
			Header:  map[string][]string{"A": {value, "", value}, "B": {"b"}},
			Cookies: []httpctx.Pair{{Name: "c" + value, Value: value}},
			Parsed:  n%2 == 0, Uploads: []byte(value),
			Attributes: []httpctx.Pair{{Name: "a" + value, Value: value}, {Name: "b"}},
		}
		got, err := readProto(httpctx.AppendProto(nil, &r))
		if err != nil || !equal(got, expect(&r)) {
			t.Errorf("%d bytes do not arrive: %v", n, err)
		}
	}
}

// TestThousandsOfRequestsArriveInBothCodecs compares the two codecs with the
// model.
func TestThousandsOfRequestsArriveInBothCodecs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		r := randomRequest(random)
		compareCodecs(t, &r)
	}
}

func compareCodecs(t *testing.T, r *httpctx.Request) {
	t.Helper()
	doc := httpctx.AppendJSON(nil, r)
	want := expect(r)
	if got, err := readJSON(doc); err != nil || !equal(got, want) {
		t.Fatalf("json: %v\n got %+v\nwant %+v\n doc %s", err, got, want, doc)
	}
	if got, err := readProto(httpctx.AppendProto(nil, r)); err != nil || !equal(got, want) {
		t.Fatalf("proto: %v\n got %+v\nwant %+v", err, got, want)
	}
}

// randomText is short text of all kinds, well-formed or not.
func randomText(random *rand.Rand) string {
	var b []byte
	for range random.IntN(20) {
		switch random.IntN(8) {
		case 0:
			b = append(b, byte(random.IntN(256)))
		case 1:
			b = append(b, byte(0x80+random.IntN(128)))
		case 2:
			b = append(b, string(rune(random.IntN(0x110000)))...)
		case 3:
			b = append(b, `"\/%&=+<>;`[random.IntN(10)])
		default:
			b = append(b, byte(' '+random.IntN(95)))
		}
	}
	return string(b)
}

// randomName is one of few names, so that some come twice.
func randomName(random *rand.Rand) string {
	names := []string{"a", "A", "\xff", "ÿ", "0", "12", "-3", "01", "", "proxy", "Host", "x-y", "é", "\xe9", "\x00", "b b"}
	if random.IntN(3) == 0 {
		return randomText(random)
	}
	return names[random.IntN(len(names))]
}

func randomRequest(random *rand.Rand) httpctx.Request {
	r := httpctx.Request{
		RemoteAddr: randomText(random), Protocol: randomText(random), Method: randomText(random),
		URI: randomText(random), RawQuery: randomText(random), Header: map[string][]string{},
		Parsed: random.IntN(2) == 0,
	}
	if random.IntN(2) == 0 {
		r.Host = randomText(random)
	}
	if random.IntN(3) == 0 {
		r.Uploads = []byte(`{"file":[{"name":"a","error":0},null]}`)
	}
	for range random.IntN(6) {
		var values []string
		for range random.IntN(3) {
			values = append(values, randomText(random))
		}
		r.Header[randomName(random)] = values
	}
	for range random.IntN(6) {
		r.Cookies = append(r.Cookies, httpctx.Pair{Name: randomName(random), Value: randomText(random)})
		r.Attributes = append(r.Attributes, httpctx.Pair{Name: randomName(random), Value: randomText(random)})
	}
	return r
}
