package fastcgi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

type param struct{ name, value string }

// encode makes a request of parameters.
func encode(t testing.TB, params ...param) []byte {
	t.Helper()
	buf := BeginRequest(nil)
	for _, p := range params {
		buf = AppendParam(buf, p.name, p.value)
	}
	buf, err := FinishRequest(buf, 0)
	if err != nil {
		t.Fatal(err)
	}
	return buf
}

// decode reads a request as PHP does: no parameter goes over the end of a record.
func decode(t testing.TB, request []byte) (params []param) {
	t.Helper()
	next := func() (typ byte, content []byte) {
		if len(request) < headerSize || request[0] != 1 || request[2] != 0 || request[3] != 1 || request[6] != 0 {
			t.Fatalf("no record: %.20q", request)
		}
		n := int(binary.BigEndian.Uint16(request[4:]))
		typ, content = request[1], request[headerSize:headerSize+n]
		request = request[headerSize+n:]
		return typ, content
	}
	if typ, content := next(); typ != 1 || !bytes.Equal(content, []byte{0, 1, 1, 0, 0, 0, 0, 0}) {
		t.Fatalf("it begins with a record of type %d: %q", typ, content)
	}
	for {
		typ, content := next()
		if typ != 4 {
			t.Fatalf("a record of type %d", typ)
		}
		if len(content) == 0 {
			break
		}
		for len(content) > 0 {
			length := func() int {
				if content[0] < 128 {
					n := int(content[0])
					content = content[1:]
					return n
				}
				n := int(binary.BigEndian.Uint32(content) & 0x7fffffff)
				content = content[4:]
				return n
			}
			name, value := length(), length()
			if name+value > len(content) {
				t.Fatalf("a parameter of %d and %d bytes in a record that has %d left", name, value, len(content))
			}
			params = append(params, param{string(content[:name]), string(content[name : name+value])})
			content = content[name+value:]
		}
	}
	if len(request) > 0 {
		t.Fatalf("behind it stand %d bytes", len(request))
	}
	return params
}

func same(t testing.TB, got, want []param) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d parameters came of %d", len(got), len(want))
	}
	for i, p := range want {
		if got[i] != p {
			t.Fatalf("parameter %d is %.50q=%.50q; want %.50q=%.50q", i, got[i].name, got[i].value, p.name, p.value)
		}
	}
}

func TestParametersComeAsTheyWere(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, params := range [][]param{
		nil,
		{{"SCRIPT_FILENAME", "/srv/index.php"}, {"QUERY_STRING", ""}},
		{{"", ""}, {"A", ""}, {"", "b"}},
		{{long, long}, {strings.Repeat("n", 127), strings.Repeat("v", 128)}},
		{{"LONGEST", strings.Repeat("v", MaxParam-1-4-len("LONGEST"))}},
		{{"A", strings.Repeat("a", 40_000)}, {"B", strings.Repeat("b", 40_000)}, {"C", "c"}},
		{{"A", strings.Repeat("a", 65_000)}, {"B", strings.Repeat("b", 65_000)}, {"C", strings.Repeat("c", 65_000)}, {"D", "d"}},
	} {
		same(t, decode(t, encode(t, params...)), params)
	}
}

func TestARequestMayStandBehindSomethingElse(t *testing.T) {
	buf := AppendParam(BeginRequest([]byte("before")), "A", strings.Repeat("a", 60_000))
	buf = AppendParam(buf, "B", strings.Repeat("b", 60_000))
	buf, err := FinishRequest(buf, 6)
	if err != nil || string(buf[:6]) != "before" {
		t.Fatalf("%q, %v", buf[:6], err)
	}
	same(t, decode(t, buf[6:]), []param{{"A", strings.Repeat("a", 60_000)}, {"B", strings.Repeat("b", 60_000)}})
}

func TestAParameterThatFitsNoRecordIsRefused(t *testing.T) {
	buf := AppendParam(BeginRequest(nil), "A", "a")
	buf = AppendParam(buf, "TOO_LONG", strings.Repeat("v", MaxParam-1-4-len("TOO_LONG")+1))
	if _, err := FinishRequest(buf, 0); !errors.Is(err, ErrParamTooLong) {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsAllocatedForAnOrdinaryRequest(t *testing.T) {
	buf := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		b := BeginRequest(buf[:0])
		for range 30 {
			b = AppendParam(b, "HTTP_ACCEPT_LANGUAGE", "de,en;q=0.5")
		}
		if _, err := FinishRequest(b, 0); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParametersComeAsTheyWere(f *testing.F) {
	f.Add("SCRIPT_NAME", "/index.php", uint(1), uint(0))
	f.Add("A", "b", uint(65_530), uint(3))
	f.Add("", "", uint(128), uint(2000))
	f.Fuzz(func(t *testing.T, name, value string, longer, times uint) {
		p := param{name, value + strings.Repeat("v", int(longer%70_000))}
		var params []param
		for range times%5 + 1 {
			params = append(params, p, param{value, name})
		}
		buf := BeginRequest(nil)
		fits := true
		for _, p := range params {
			before := len(buf)
			buf = AppendParam(buf, p.name, p.value)
			fits = fits && len(buf)-before <= MaxParam
		}
		buf, err := FinishRequest(buf, 0)
		if !fits {
			if !errors.Is(err, ErrParamTooLong) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, decode(t, buf), params)
	})
}
