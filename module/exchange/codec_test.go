package exchange

import (
	"net/http/httptest"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
)

func TestARequestIsEncodedWithTheCodecThatIsChosen(t *testing.T) {
	for name, codec := range map[string]Codec{"json": JSON, "proto": Proto} {
		if CodecNamed(name) != codec {
			t.Errorf("%s is another codec", name)
		}
		o := testOptions(t)
		o.Codec = codec
		q, err := Read(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil), Info{}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		var head goridge.Header
		if _, err := goridge.ParseHeader(goridge.PlainRequest(q.Frame), &head); err != nil {
			t.Fatal(err)
		}
		if got := head.Flags.Codec(); got != codec.Flags() {
			t.Errorf("%s: the frame names the codec %v, not %v", name, got, codec.Flags())
		}
		if got := codecOf(&goridge.Frame{Header: goridge.Header{Flags: codec.Flags()}}); got != codec {
			t.Errorf("%s: an answer that names it is read with %T", name, got)
		}
	}
	if CodecNamed("xml") != nil {
		t.Error("there is a codec xml")
	}
	if codecOf(new(goridge.Frame)) != JSON {
		t.Error("an answer that names no codec is not JSON")
	}
}
