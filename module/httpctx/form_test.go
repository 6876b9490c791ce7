package httpctx_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

func TestAFormIsToldAsItWasSentToOurPackageAlone(t *testing.T) {
	for form, want := range map[string]string{
		"":               `{}`,
		`a=1&b[]="\x`:    `{"form":"a=1&b[]=\"\\x"}`,
		"a=\xff":         `{"form64":"YT3/"}`,
		"a=\x00":         `{"form64":"YT0A"}`,
		"a=\u00e4&b=%C3": `{"form64":"YT3DpCZiPSVDMw=="}`,
	} {
		var got map[string]json.RawMessage
		text := httpctx.AppendJSON(nil, &httpctx.Request{Method: "POST", Parsed: true, Form: form})
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v in %s", form, err, text)
		}
		told := make(map[string]json.RawMessage)
		for _, name := range []string{"form", "form64"} {
			if value, ok := got[name]; ok {
				told[name] = value
			}
		}
		if text, _ := json.Marshal(told); !sameJSON(t, text, want) {
			t.Errorf("%q is told as %s, want %s", form, text, want)
		}
		if proto := httpctx.AppendProto(nil, &httpctx.Request{Method: "POST", Form: form}); string(proto) != string(httpctx.AppendProto(nil, &httpctx.Request{Method: "POST"})) {
			t.Errorf("%q is in %q, which that package does not speak", form, proto)
		}
	}
}

func sameJSON(t *testing.T, got []byte, want string) bool {
	t.Helper()
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatalf("not JSON: %s or %s", got, want)
	}
	return reflect.DeepEqual(a, b)
}
