package exchange

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// answered passes an answer in one frame on.
func answered(t *testing.T, o *Options, w http.ResponseWriter, method, head, body string) error {
	t.Helper()
	a := answerOf(t, head, body)
	t.Cleanup(a.Frame.Release)
	return Write(w, httptest.NewRequest(method, "/", nil), a, o)
}

func TestHeadersOfPHPReplaceOrAddToWhatIsThere(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Set-Cookie", "before=1")
	w.Header().Set("Vary", "Accept-Encoding")
	w.Header().Set("X-Own", "before")
	head := `{"status":201,"headers":{"set-cookie":["a=1","b=2"],"vary":["Cookie"],"X-OWN":["php","two"],"Connection":["close"],"X-Bad":["a\nb"],"Content-Length":["1"]}}`
	if err := answered(t, testOptions(t), w, "GET", head, "the body"); err != nil {
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

// What stood there before must not survive beside PHP's word.
func TestAHeaderIsReplacedAlsoWhereItsFirstValueIsDropped(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("X-Own", "before")
	w.Header().Set("X-Other", "before")
	if err := answered(t, testOptions(t), w, "GET", `{"status":200,"headers":{"x-own":["a\nb","php"],"X-Other":["a\nb"]}}`, ""); err != nil {
		t.Fatal(err)
	}
	if own, other := w.Header()["X-Own"], w.Header()["X-Other"]; !reflect.DeepEqual(own, []string{"php"}) || !reflect.DeepEqual(other, []string{"before"}) {
		t.Errorf("X-Own %q, X-Other %q", own, other)
	}
}

func TestDroppedHeadersAreOneLineInTheLog(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	o := testOptions(t)
	o.Logger = zap.New(core)
	bad := `"a\n\u009b31m` + strings.Repeat("x", 500) + `"`
	head := `{"status":200,"headers":{"X-Good":["1"],"X-Bad":[` + bad + strings.Repeat(","+bad, 499) + `],"Connection":["close"]}}`
	if err := answered(t, o, httptest.NewRecorder(), "GET", head, ""); err != nil {
		t.Fatal(err)
	}
	all := logs.All()
	if len(all) != 1 {
		t.Fatalf("%d lines", len(all))
	}
	fields := all[0].ContextMap()
	if value := fields["value"].(string); fields["dropped"] != int64(500) || fields["name"] != `"X-Bad"` || !strings.HasPrefix(value, `"a\n\u009b31mxxx`) || len(value) > 220 {
		t.Errorf("the line says %.500v", fields)
	}
}

// A log that is read on a terminal must not be able to paint over it.
func TestADroppedHeaderStandsInTheLogWithoutControlCharacters(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	o := testOptions(t)
	o.Logger = zap.New(core)
	head := `{"status":200,"headers":{"X-B\u009bad":["1\u001b[31m\u009b31m"]}}`
	if err := answered(t, o, httptest.NewRecorder(), "GET", head, ""); err != nil {
		t.Fatal(err)
	}
	if all := logs.All(); len(all) != 1 || all[0].ContextMap()["name"] != `"X-B\u009bad"` || all[0].ContextMap()["value"] != `"1\x1b[31m\u009b31m"` {
		t.Errorf("the log says %v", all)
	}
}

// manyHeaders is the head of an answer with n headers, all with names of their own.
func manyHeaders(n int, name, value string) string {
	var b strings.Builder
	b.WriteString(`{"status":200,"headers":{"trailer":["x"]`)
	for i := range n - 1 {
		fmt.Fprintf(&b, `,"%s%d":["%s"]`, name, i, value)
	}
	return b.String() + "}}"
}

// headerWork is how many allocations it takes to pass on an answer with n headers. The names
// are such that each look at one in its canonical form is an allocation.
func headerWork(t *testing.T, n int, name, value string) float64 {
	o, head := testOptions(t), manyHeaders(n, name, value)
	return testing.AllocsPerRun(2, func() {
		_ = answered(t, o, discarding{make(http.Header)}, "GET", head, "")
	})
}

type discarding struct{ header http.Header }

func (d discarding) Header() http.Header         { return d.header }
func (d discarding) Write(p []byte) (int, error) { return len(p), nil }
func (d discarding) WriteHeader(int)             {}

func TestTheWorkForHeadersGrowsNoFasterThanTheirNumber(t *testing.T) {
	few, many := headerWork(t, 100, "x-header-", "v"), headerWork(t, 1000, "x-header-", "v")
	if many > 12*few {
		t.Errorf("100 headers take %v allocations, 1000 take %v", few, many)
	}
}

func TestAnswersWithHeadersBeyondTheBoundsAreRefused(t *testing.T) {
	for name, head := range map[string]string{
		"one too many": manyHeaders(httpctx.MaxHeaders+1, "x", ""), "700,000": manyHeaders(700_000, "x", ""),
		"too large": manyHeaders(2, "x", strings.Repeat("v", httpctx.MaxHeaderBytes)),
	} {
		w := httptest.NewRecorder()
		err := answered(t, testOptions(t), w, "GET", head, "body")
		if _, ok := errors.AsType[*AnswerError](err); !ok || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%s: %v, %q", name, err, w.Body)
		} else if text := err.Error(); !strings.Contains(text, "worker 1") || !strings.Contains(text, "of headers") && !strings.Contains(text, "1000 headers") {
			t.Errorf("%s: the log says %s", name, text)
		}
	}
	w := httptest.NewRecorder()
	if err := answered(t, testOptions(t), w, "GET", manyHeaders(httpctx.MaxHeaders, "x", ""), "body"); err != nil || len(w.Header()) < httpctx.MaxHeaders-1 {
		t.Errorf("as many as may be: %v, %d headers", err, len(w.Header()))
	}
}

func TestStatusesThatHTTPDoesNotHaveAreRefused(t *testing.T) {
	for _, head := range []string{`{"status":0}`, `{"status":99}`, `{"status":600}`, `{"status":101}`, `{"status":103}`, `{"status":-200}`, `{}`, `[]`, ``, `{"status":"x"}`} {
		w := httptest.NewRecorder()
		err := answered(t, testOptions(t), w, "GET", head, "body")
		if _, ok := errors.AsType[*AnswerError](err); !ok || w.Body.Len() > 0 {
			t.Errorf("%s: %v, %q", head, err, w.Body)
		}
	}
}

// keptBack is a response writer, behind another one, that replaces the answer, perhaps.
type keptBack struct{ *httptest.ResponseRecorder }

func (keptBack) Buffered() bool { return true }

func TestAnAnswerThatIsKeptBackHasNoLength(t *testing.T) {
	w := httptest.NewRecorder()
	if err := answered(t, testOptions(t), &statusWriter{ResponseWriter: keptBack{w}}, "GET", `{"status":404}`, "the body"); err != nil {
		t.Fatal(err)
	}
	if length := w.Header()["Content-Length"]; length != nil || w.Code != 404 {
		t.Errorf("length %q, status %d", length, w.Code)
	}
}

func TestALengthIsPassedOnAsHTTPWritesIt(t *testing.T) {
	for told, want := range map[string]string{"100": "100", "0100": "100", "+100": "", "-1": "", "1e3": "", "": "", " 5": "", "9223372036854775808": ""} {
		w := httptest.NewRecorder()
		if err := answered(t, testOptions(t), w, "HEAD", `{"status":200,"headers":{"Content-Length":["`+told+`"]}}`, ""); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Content-Length"); got != want {
			t.Errorf("%q became %q, want %q", told, got, want)
		}
	}
}
