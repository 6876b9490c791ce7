package httpctx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTheHeadOfACGIAnswerIsRead(t *testing.T) {
	for _, test := range []struct {
		ctx    string
		status int
		header []Pair
	}{
		{"Content-type: text/html; charset=UTF-8\r\n", 200, []Pair{{"Content-type", "text/html; charset=UTF-8"}}},
		{"Status: 404 Not Found\r\nX-Powered-By: PHP/8.2\r\nContent-type: text/html\r\n\r\n", 404, []Pair{{"X-Powered-By", "PHP/8.2"}, {"Content-type", "text/html"}}},
		{"X: 1\nStatus: 500\nY: 2", 500, []Pair{{"X", "1"}, {"Y", "2"}}},
		{"sTATUS:201\r\nX: 1", 201, []Pair{{"X", "1"}}},
		{"Status: 200 OK\r\nStatus: 403 No\r\n", 403, nil},
		{"Location: /x\r\n", 302, []Pair{{"Location", "/x"}}},
		{"LOCATION: http://example.com/\r\nContent-type: text/html\r\n", 302, []Pair{{"LOCATION", "http://example.com/"}, {"Content-type", "text/html"}}},
		{"Location: /x\r\nStatus: 201 Created\r\n", 201, []Pair{{"Location", "/x"}}},
		{"Location:\r\n", 200, []Pair{{"Location", ""}}},
		{"Set-Cookie: a=1; path=/\r\nSet-Cookie: b=2\r\n", 200, []Pair{{"Set-Cookie", "a=1; path=/"}, {"Set-Cookie", "b=2"}}},
		{"HTTP/1.1 404 Not Found\r\nX: 1\r\n", 404, []Pair{{"X", "1"}}},
		{"HTTP/1.0 204\r\nX: 1\r\n", 204, []Pair{{"X", "1"}}},
		{"X: 1\r\nHTTP/1.1 404 Not Found\r\n", 200, []Pair{{"X", "1"}, {"HTTP/1.1 404 Not Found", ""}}},
		{"no colon\r\nX:a:b\r\nY:  \t spaced \t\r\n", 200, []Pair{{"no colon", ""}, {"X", "a:b"}, {"Y", "spaced"}}},
		{"Status: abc\r\n", 0, nil},
		{"Status:\r\n", 0, nil},
		{"Status: -1\r\n", 0, nil},
		{"Status: 99999999999999999999\r\n", 0, nil},
		{"Status: 103 Early\r\nLink: x\r\n", 103, []Pair{{"Link", "x"}}},
		{": nameless\r\n bad name: x\r\nX: \x00\xff\r\n", 200, []Pair{{"", "nameless"}, {" bad name", "x"}, {"X", "\x00\xff"}}},
	} {
		var r Response
		if err := r.DecodeCGI([]byte(test.ctx)); err != nil {
			t.Errorf("%q: %v", test.ctx, err)
		}
		if r.Status != test.status || !slices.Equal(r.Header, test.header) {
			t.Errorf("%q: got %d %q, want %d %q", test.ctx, r.Status, r.Header, test.status, test.header)
		}
	}
}

func TestACGIAnswerWithoutAHeadOrWithTooMuchOfItIsRefused(t *testing.T) {
	for reason, ctx := range map[string]string{
		"no header at all":           "",
		"no header at all at byte 0": "\r\n\r\n",
		tooManyHeaders:               strings.Repeat("X: 1\r\n", MaxHeaders+1),
		headersTooLarge:              "X: " + strings.Repeat("a", MaxHeaderBytes) + "\r\n",
	} {
		r := Response{Status: 1, Header: []Pair{{"old", "old"}}}
		err := r.DecodeCGI([]byte(ctx))
		if !errors.Is(err, ErrBadContext) || !strings.Contains(fmt.Sprint(err), reason) {
			t.Errorf("%.20q: %v does not say %q", ctx, err, reason)
		}
		if r.Status != 0 || len(r.Header) != 0 {
			t.Errorf("%.20q: left %+v behind", ctx, r)
		}
	}
	var r Response
	if err := r.DecodeCGI([]byte(strings.Repeat("X: 1\r\n", MaxHeaders))); err != nil || len(r.Header) != MaxHeaders {
		t.Errorf("as many headers as may be: %v, %d", err, len(r.Header))
	}
}

func FuzzDecodeCGI(f *testing.F) {
	f.Add("Status: 404 Not Found\r\nContent-type: text/html\r\n")
	f.Add("HTTP/1.1 200 OK\nLocation: /\n\nX")
	f.Fuzz(func(t *testing.T, ctx string) {
		var r Response
		err := r.DecodeCGI([]byte(ctx))
		if err != nil && (r.Status != 0 || len(r.Header) != 0) {
			t.Errorf("%q: %v left %+v behind", ctx, err, r)
		}
		for _, p := range r.Header {
			if strings.ContainsAny(p.Name+p.Value, "\n") || !strings.Contains(ctx, p.Name) || !strings.Contains(ctx, p.Value) {
				t.Errorf("%q: %+v does not stand there", ctx, p)
			}
		}
	})
}
