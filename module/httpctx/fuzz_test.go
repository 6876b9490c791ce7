package httpctx_test

import (
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// FuzzDecodeJSON looks for a context that DecodeJSON and encoding/json read
// differently.
func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(plainResponse))
	f.Add([]byte(usualResponse))
	f.Add([]byte(`{"status":"200.0","headers":{"A":{"1":"x"},"B":[1,true,null,"\ud83d\ude00\ud83d"]},"x":[{"y":[]}]}`))
	f.Add([]byte(`{"status":null,"headers":[]}`))
	f.Add([]byte(`{"headers":{"A":[1` + strings.Repeat(",1", httpctx.MaxHeaders) + `]}}`))
	f.Add([]byte(`{"headers":{"` + strings.Repeat("A", 1<<11) + `":[1` + strings.Repeat(",1", httpctx.MaxHeaders/2) + `]}}`))
	f.Fuzz(func(t *testing.T, ctx []byte) {
		compareJSON(t, ctx)
	})
}

// FuzzDecodeProto looks for a context that DecodeProto and protowire read
// differently.
func FuzzDecodeProto(f *testing.F) {
	f.Add(protoContext(200, httpctx.Pair{Name: "Content-Type", Value: "text/html"}, httpctx.Pair{Name: "A", Value: "\xff"}))
	f.Add([]byte("\x12\x0c\x12\x03\x0a\x01v\x0a\x01K\x12\x02\x0a\x00\x1d\x00\x00\x00\x00\x19\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, ctx []byte) {
		compareProto(t, ctx)
	})
}

// FuzzAppendJSON looks for a request whose context is not valid, or does not
// say what the model says, in either codec.
func FuzzAppendJSON(f *testing.F) {
	f.Add("127.0.0.1", "GET", "http://h/a b\xff", "a=1&b=\r\n", "h", "X-A", "v\xe9", "c", "1", "a", "2", true)
	f.Add("::1", "POST", "", "\x00", "", "host", "\"\\", "\xff", "ÿ", "ÿ", "\xff", false)
	f.Fuzz(func(t *testing.T, remote, method, uri, query, host, name1, value1, name2, value2, name3, value3 string, b bool) {
		list := []httpctx.Pair{{Name: name1, Value: value3}, {Name: name2, Value: value1}, {Name: name3, Value: value2}}
		r := httpctx.Request{
			RemoteAddr: remote, Protocol: value3, Method: method, URI: uri, RawQuery: query, Host: host, Parsed: b,
			Header:  map[string][]string{name1: {value1}, name2: {value2, value3}, name3: nil},
			Cookies: list, Attributes: list,
		}
		compareCodecs(t, &r)
	})
}
