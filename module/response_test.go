package module

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// answered lets h pass on an answer in one frame.
func answered(t *testing.T, h *Handler, w http.ResponseWriter, method, head, body string) error {
	t.Helper()
	frame := append(goridge.BeginRequest(nil), head+body...)
	goridge.FinishRequest(frame, 0, goridge.CodecJSON, len(head), len(body))
	turn := &workerpool.Turn{PID: 1}
	if err := goridge.NewConn(io.NopCloser(strings.NewReader(string(frame))), nil, goridge.Options{}).ReadFrame(&turn.Frame); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(turn.Frame.Release)
	return h.respond(w, httptest.NewRequest(method, "/", nil), turn)
}

func TestHeadersOfPHPReplaceOrAddToWhatIsThere(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Set-Cookie", "before=1")
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("X-Own", "before")
	head := `{"status":201,"headers":{"set-cookie":["a=1","b=2"],"vary":["Cookie"],"X-OWN":["php","two"],"Connection":["close"],"X-Bad":["a\nb"],"Content-Length":["1"]}}`
	if err := answered(t, unpooled(t), w, "GET", head, "the body"); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Set-Cookie": {"before=1", "a=1", "b=2"}, "Vary": {"Accept-Encoding", "Cookie"}, "X-Own": {"php", "two"},
		"Content-Length": {"8"}, "Content-Type": defaultContentType,
	}
	if w.Code != 201 || w.Body.String() != "the body" || !reflect.DeepEqual(w.Header(), want) {
		t.Errorf("%d, %q, %v", w.Code, w.Body, w.Header())
	}
}

func TestStatusesThatHTTPDoesNotHaveAreBadGateways(t *testing.T) {
	for _, head := range []string{`{"status":0}`, `{"status":99}`, `{"status":600}`, `{"status":101}`, `{"status":103}`, `{"status":-200}`, `{}`, `[]`, ``, `{"status":"x"}`} {
		w := httptest.NewRecorder()
		err := answered(t, unpooled(t), w, "GET", head, "body")
		if handled, ok := errors.AsType[caddyhttp.HandlerError](err); !ok || handled.StatusCode != http.StatusBadGateway || w.Body.Len() > 0 {
			t.Errorf("%s: %v, %q", head, err, w.Body)
		}
	}
}

func TestAnAnswerThatIsKeptBackHasNoLength(t *testing.T) {
	w := httptest.NewRecorder()
	recorder := caddyhttp.NewResponseRecorder(w, new(bytes.Buffer), func(int, http.Header) bool { return true })
	if err := answered(t, unpooled(t), &caddyhttp.ResponseWriterWrapper{ResponseWriter: recorder}, "GET", `{"status":404}`, "the body"); err != nil {
		t.Fatal(err)
	}
	if length := w.Header()["Content-Length"]; length != nil || recorder.Status() != 404 {
		t.Errorf("length %q, status %d", length, recorder.Status())
	}
}

func TestALengthIsPassedOnAsHTTPWritesIt(t *testing.T) {
	for told, want := range map[string]string{"100": "100", "0100": "100", "+100": "", "-1": "", "1e3": "", "": "", " 5": "", "9223372036854775808": ""} {
		w := httptest.NewRecorder()
		if err := answered(t, unpooled(t), w, "HEAD", `{"status":200,"headers":{"Content-Length":["`+told+`"]}}`, ""); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Content-Length"); got != want {
			t.Errorf("%q became %q, want %q", told, got, want)
		}
	}
}
