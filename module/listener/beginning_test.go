package listener

import "testing"

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

func TestBeginnings(t *testing.T) {
	const (
		v1    = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n"
		v2    = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x12\x67\x00\x50"
		hello = "\x16\x03\x01\x00\x08\x01\x00\x00\x04\n\n\n\n"
	)
	for text, want := range map[string]struct{ head, hello bool }{
		"":                                 {},
		"\r":                               {},
		"GET / HTTP/1.1\r\nHost: a\r\n":    {},
		"GET / HTTP/1.1\r\nHost: a\r\n\r":  {},
		get:                                {head: true},
		get[:len(get)-2] + "X: y\n\n":      {head: true},
		"GET / HTTP/1.0\n\n":               {head: true},
		"GET / HTTP/1.0\n\r\n":             {head: true},
		"\r\n" + get:                       {head: true},
		"PROXY / HTTP/1.0\r\n\r\n":         {head: true}, // a method of that name
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": {head: true},
		v1[:20]:                            {},
		v1:                                 {},
		v1 + get[:len(get)-1]:              {},
		v1 + get:                           {head: true},
		v2[:4]:                             {},
		v2[:13]:                            {},
		v2[:20]:                            {},
		v2:                                 {},
		v2 + get[:20]:                      {},
		v2 + get:                           {head: true},
		hello[:1]:                          {},
		hello[:5]:                          {},
		hello[:len(hello)-1]:               {},
		hello:                              {hello: true},
		v1 + hello:                         {hello: true},
		v2 + hello:                         {hello: true},
	} {
		b := afterProxy([]byte(text))
		if head, hello := endsHead(b), wholeHello(b); head != want.head || hello != want.hello {
			t.Errorf("%q: whole head %v, whole ClientHello %v; want %v", text, head, hello, want)
		}
	}
}
