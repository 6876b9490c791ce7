package httpctx_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// These tests ask PHP itself. They fail where it is missing.

func php(t *testing.T, script string, stdin []byte) []byte {
	t.Helper()
	binary, err := exec.LookPath("php")
	if err != nil {
		t.Fatal("the tests of this package need php: ", err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-n", "-d", "display_errors=stderr", "-d", "memory_limit=-1",
		"-d", "max_input_vars=100000", "testdata/"+script)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", script, err, stderr.Bytes())
	}
	if stderr.Len() > 0 {
		t.Fatalf("%s: %s", script, stderr.Bytes())
	}
	return out
}

// phpDecode has PHP decode the JSON contexts of requests and returns, for each,
// the lines that decode.php prints about it and what parse_str finds in "a".
func phpDecode(t *testing.T, requests []httpctx.Request) (dumps [][]string, queries []string) {
	t.Helper()
	var in []byte
	for i := range requests {
		doc := httpctx.AppendJSON(nil, &requests[i])
		in = binary.BigEndian.AppendUint32(in, uint32(len(doc)))
		in = append(in, doc...)
	}
	var dump []string
	for line := range strings.Lines(string(php(t, "decode.php", in))) {
		line = strings.TrimSuffix(line, "\n")
		if query, ok := strings.CutPrefix(line, "parse_str "); ok {
			b, err := hex.DecodeString(query)
			if err != nil {
				t.Fatal(err)
			}
			queries = append(queries, string(b))
		} else if line == "end" {
			dumps = append(dumps, dump)
			dump = nil
		} else {
			dump = append(dump, line)
		}
	}
	if len(dumps) != len(requests) || len(queries) != len(requests) {
		t.Fatalf("PHP decoded %d of %d requests", len(dumps), len(requests))
	}
	return dumps, queries
}

// dumper writes what decode.php prints.
type dumper []string

func (d *dumper) add(path, kind, value string) {
	*d = append(*d, path+" "+kind+" "+hex.EncodeToString([]byte(value)))
}

func (d *dumper) text(path, value string) { d.add(path, "string", value) }

func (d *dumper) array(path string, n int) { *d = append(*d, path+" array "+strconv.Itoa(n)) }

var integerKey = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

// key is a key as PHP has it: an integer where it looks like one.
func key(path, name string) string {
	if integerKey.MatchString(name) {
		return path + "/#" + name
	}
	return path + "/" + hex.EncodeToString([]byte(name))
}

func (d *dumper) pairs(path string, pairs []httpctx.Pair) {
	d.array(path, len(pairs))
	for _, p := range pairs {
		d.text(key(path, p.Name), p.Value)
	}
}

// dumpOf is what decode.php must print about a request whose uploads are none
// or noUpload.
func dumpOf(r *httpctx.Request) []string {
	var d dumper
	c := expect(r)
	d.array("", 10)
	d.text(key("", "remoteAddr"), c.RemoteAddr)
	d.text(key("", "protocol"), c.Protocol)
	d.text(key("", "method"), c.Method)
	d.text(key("", "uri"), c.URI)
	d.text(key("", "rawQuery"), c.RawQuery)
	d.add(key("", "parsed"), "bool", strconv.FormatBool(c.Parsed))
	if c.Uploads == "" {
		d.add(key("", "uploads"), "null", "null")
	} else {
		d.array(key("", "uploads"), 1)
		d.array(key(key("", "uploads"), "file"), 1)
		d.add(key(key(key("", "uploads"), "file"), "error"), "int", "4")
	}
	headers := key("", "headers")
	d.array(headers, len(c.Headers))
	for name, values := range c.Headers {
		d.array(key(headers, name), len(values))
		for i, v := range values {
			d.text(key(key(headers, name), strconv.Itoa(i)), v)
		}
	}
	d.pairs(key("", "cookies"), c.Cookies)
	d.pairs(key("", "attributes"), c.Attributes)
	return d
}

const noUpload = `{"file":{"error":4}}`

// nastyTexts are what no well-behaved client sends, one for every byte among
// them.
func nastyTexts() []string {
	texts := []string{
		"", " ", "\x00", "\x00\x00x", `"`, `\`, `\"`, `\u0000`, `\\ud800`, "</script>", "{}", "[1]", "null", "1", "1.0",
		"\r\n", "a\r\nSet-Cookie: b=c", "\u2028\u2029", "\ufeff", "\ufffd", "\ufffe\uffff", "😀", "👩‍👩‍👧‍👦", "ｆｕｌｌ",
		"caf\xe9", "caf\xc3\xa9", "caf\xe9 caf\xc3\xa9", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc0\x80", "\xc0\xaf",
		"\xed\xa0\x80", "\xed\xa0\xbd\xed\xb8\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe\xff", "\xff\xfe",
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80", "%00%0d%0a%ff%zz%", "a+b", strings.Repeat("é\xe9\"", 70_000),
		strings.Repeat("A", 1<<20),
	}
	for c := range 256 {
		b := string([]byte{byte(c)})
		texts = append(texts, b, "12345678"+b+b+"é"+b+"x")
	}
	return texts
}

func TestPHPDecodesWhatTheModelSays(t *testing.T) {
	var requests []httpctx.Request
	for i, s := range nastyTexts() {
		requests = append(requests, httpctx.Request{
			RemoteAddr: s, Protocol: s, Method: s, URI: s, RawQuery: s, Host: s, Parsed: i%2 == 0,
			Header:     map[string][]string{s: {"name"}, "X-Value": {s, "", s + s}, "x-other": {"o"}, "123": {"n"}},
			Cookies:    []httpctx.Pair{{Name: s, Value: s}, {Name: "c" + s, Value: "c"}, {Name: s, Value: "late"}},
			Attributes: []httpctx.Pair{{Name: s, Value: "early"}, {Name: "a" + s, Value: s}, {Name: s, Value: s}},
		})
	}
	for random := rand.New(rand.NewPCG(7, 8)); len(requests) < 3000; {
		r := randomRequest(random)
		if r.Uploads != nil {
			r.Uploads = []byte(noUpload)
		}
		requests = append(requests, r)
	}
	requests = append(requests, *browserRequest(), *minimalRequest(), httpctx.Request{})

	dumps, _ := phpDecode(t, requests)
	for i := range requests {
		got, want := dumps[i], dumpOf(&requests[i])
		// Headers come in any order.
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("request %d: PHP has\n%.4000s\nnot\n%.4000s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestPHPFindsEveryByteOfTheQuery(t *testing.T) {
	var requests []httpctx.Request
	var want []string
	for c := range 256 {
		if strings.IndexByte("&+%", byte(c)) >= 0 {
			continue // has a meaning of its own
		}
		value := "<" + string([]byte{byte(c)}) + "é>"
		want = append(want, value)
		requests = append(requests, httpctx.Request{RawQuery: "b=1&a=" + value + "&c=2"})
	}
	_, got := phpDecode(t, requests)
	if !slices.Equal(got, want) {
		t.Errorf("parse_str finds\n%q\nnot\n%q", got, want)
	}
}

func TestWhatPHPEncodesIsDecoded(t *testing.T) {
	in := bufio.NewReader(bytes.NewReader(php(t, "encode.php", nil)))
	frame := func() []byte {
		var n uint32
		if err := binary.Read(in, binary.BigEndian, &n); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	count, pairs := 0, 0
	var r httpctx.Response
	for {
		if _, err := in.Peek(1); err != nil {
			break
		}
		ctx, want := frame(), string(frame())
		if err := r.DecodeJSON(ctx); err != nil {
			t.Fatalf("%v\n%s", err, ctx)
		}
		got := fmt.Sprintln(r.Status)
		for _, p := range r.Header {
			got += fmt.Sprintf("%x %x\n", p.Name, p.Value)
		}
		if got != want {
			t.Fatalf("\n got %s\nwant %s\n ctx %s", got, want, ctx)
		}
		count++
		pairs += len(r.Header)
	}
	if count != 3000 || pairs < 3000 {
		t.Errorf("PHP sent %d contexts with %d headers", count, pairs)
	}
}

// knownStrings are the strings that known.go lists.
func knownStrings(t *testing.T) (list []string) {
	source, err := os.ReadFile("known.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`case ("[^"]+"):`).FindAllStringSubmatch(string(source), -1) {
		s, err := strconv.Unquote(m[1])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if len(list) < 100 {
		t.Fatalf("only %d known strings found", len(list))
	}
	return list
}
