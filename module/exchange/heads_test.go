package exchange

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// slowClient remembers what is held when the answer, and each hint before it, leaves.
type slowClient struct {
	*httptest.ResponseRecorder
	o           *Options
	hints, held int64
}

func (s *slowClient) WriteHeader(status int) {
	if status < 200 {
		s.hints = s.o.Memory.Budget.Held()
		return // the recorder would take it for the answer
	}
	s.ResponseRecorder.WriteHeader(status)
}

// Flush is where a server sends the head of a short answer.
func (s *slowClient) Flush() {
	s.held = s.o.Memory.Budget.Held()
	s.ResponseRecorder.Flush()
}

func client(o *Options) *slowClient { return &slowClient{httptest.NewRecorder(), o, 0, 0} }

func headOf(status string, size int) string {
	return `{"status":` + status + `,"headers":{"X-Large":["` + strings.Repeat("x", size) + `"]}}`
}

const largeHead = 200_000

// TestTheHeadOfAnAnswerIsHeldUntilItIsOut has answers whose body is so short that a server would send it
// after the handler has returned.
func TestTheHeadOfAnAnswerIsHeldUntilItIsOut(t *testing.T) {
	for _, c := range []struct{ method, status, body string }{
		{http.MethodGet, "200", "body"}, {http.MethodGet, "200", ""}, {http.MethodHead, "200", ""}, {http.MethodGet, "204", ""}, {http.MethodGet, "304", ""},
	} {
		o := testOptions(t)
		w := client(o)
		if err := answered(t, o, w, c.method, headOf(c.status, largeHead), c.body); err != nil {
			t.Fatal(err)
		}
		if w.held < 3*largeHead || w.held > 5*largeHead {
			t.Errorf("%v: %d bytes are held for a head of %d, which may be there four times", c, w.held, largeHead)
		}
		o.wantHeld(t, "after it", 0)
		if err := answered(t, o, w, c.method, headOf("99", 1), ""); err == nil {
			t.Error("a status that is none is no error")
		}
		o.wantHeld(t, "after a bad answer", 0)
	}
}

// TestTheHeadOfAStreamIsHeldUntilItsEnd has one whose head has left long before: net/http keeps it.
func TestTheHeadOfAStreamIsHeldUntilItsEnd(t *testing.T) {
	for _, readsAhead := range []bool{false, true} {
		o := testOptions(t)
		w := client(o)
		p := &pausing{memory: o.Memory, n: 3, size: 5}
		head := headOf("200", largeHead)
		if o.CGI = readsAhead; readsAhead {
			head = "X-Large: " + strings.Repeat("x", largeHead) + "\r\n\r\n"
		}
		p.say(head+p.part(0), len(head))
		if err := Write(w, httptest.NewRequest(http.MethodGet, "/", nil), Answer{Turn: p, Frame: &p.frame, PID: 1}, o); err != nil || w.Body.String() != p.whole() || !w.Flushed {
			t.Fatalf("%v, %q", err, w.Body)
		}
		if w.held < 3*largeHead || w.held > 5*largeHead {
			t.Errorf("read ahead %v: %d bytes are held at the end of a stream with a head of %d", readsAhead, w.held, largeHead)
		}
		o.wantHeld(t, "after it", 0)
	}
}

// keeper is a handler before us that keeps the head of an answer without a body until it is closed.
type keeper struct {
	http.ResponseWriter
	status int
}

func (k *keeper) WriteHeader(status int)      { k.status = status }
func (k *keeper) Write(p []byte) (int, error) { return len(p), nil } // it has nothing to pass on
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }
func (k *keeper) FlushError() error {
	if k.status == 0 {
		return http.NewResponseController(k.ResponseWriter).Flush()
	}
	return nil
}

func (k *keeper) Close() error {
	if k.status != 0 {
		k.ResponseWriter.WriteHeader(k.status)
		k.status = 0
	}
	return nil
}

func TestTheHeadOfAnAnswerIsHeldWhereAHandlerBeforeUsKeepsItBack(t *testing.T) {
	o := testOptions(t)
	w := client(o)
	if err := answered(t, o, &keeper{w, 0}, http.MethodGet, headOf("201", largeHead), ""); err != nil {
		t.Fatal(err)
	}
	if w.Code != 201 || w.held < 3*largeHead {
		t.Errorf("status %d has left with %d bytes held", w.Code, w.held)
	}
	// Who keeps a whole answer has something to do with it when we have returned.
	w = client(o)
	k := &keeper{w, 0}
	if err := answered(t, o, wholeKeeper{k}, http.MethodGet, headOf("201", largeHead), ""); err != nil || w.Flushed || k.status != 201 {
		t.Errorf("what is kept has left: %v", err)
	}
	o.wantHeld(t, "after it", 0)
}

// appender is a handler before us that has more for a body whenever it is closed.
type appender struct{ http.ResponseWriter }

func (a appender) Close() error {
	_, err := io.WriteString(a.ResponseWriter, " and more")
	return err
}

func TestAHandlerThatHasABodyIsClosedByWhoeverHasMadeIt(t *testing.T) {
	o := testOptions(t)
	w := client(o)
	if err := answered(t, o, appender{w}, http.MethodGet, headOf("200", largeHead), "body"); err != nil || w.Body.String() != "body" {
		t.Errorf("the client has %q: %v", w.Body, err)
	}
}

// wholeKeeper keeps a whole answer.
type wholeKeeper struct{ *keeper }

func (wholeKeeper) Buffered() bool { return true }

// trailersOf is a head with a trailer of so many bytes.
func trailersOf(size int) string {
	return `{"status":200,"headers":{"Trailer":["X-Sum"],"X-Sum":["` + strings.Repeat("x", size) + `"]}}`
}

// TestTrailersAreSmall has trailers, which leave when we have returned, of the sizes around their bound.
func TestTrailersAreSmall(t *testing.T) {
	for size, want := range map[int]bool{0: true, 7_000: true, smallHead / headerCopies: false, largeHead: false} {
		o := testOptions(t)
		w := client(o)
		err := answered(t, o, w, http.MethodGet, trailersOf(size), "body")
		if ok := err == nil; ok != want || !ok && (!errors.Is(err, ErrBadAnswer) || len(w.Header()) > 0 || w.Body.Len() > 0) {
			t.Errorf("%d bytes: %v", size, err)
		}
		o.wantHeld(t, "after it", 0)
	}
	o := testOptions(t)
	many := `{"status":200,"headers":{"Trailer":["X"],"X":["x"` + strings.Repeat(`,"x"`, smallHead/headerOverhead) + `]}}`
	if err := answered(t, o, client(o), http.MethodGet, many, ""); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("many trailers: %v", err)
	}
	if err := answered(t, o, client(o), http.MethodGet, headOf("200", largeHead), "body"); err != nil {
		t.Errorf("a large header is no trailer: %v", err)
	}
}

func TestAHeadForWhichThereIsNoMemoryIsNotPassedOn(t *testing.T) {
	held := int64(memoryOfTests - memoryOfTests/8)
	o := testOptions(t)
	o.Memory.Budget.Book(held)
	w := client(o)
	err := answered(t, o, w, http.MethodPost, headOf("200", largeHead), "body")
	if !errors.Is(err, ErrNoMemory) || !strings.Contains(err.Error(), "worker 1") {
		t.Errorf("the error is %v", err)
	}
	if len(w.Header()) > 0 || w.Body.Len() > 0 {
		t.Errorf("%d headers and %d bytes have left", len(w.Header()), w.Body.Len())
	}
	o.wantHeld(t, "refused", held)
	o.Memory.Budget.Book(-2 * largeHead * headerCopies)
	if err := answered(t, o, w, http.MethodPost, headOf("200", largeHead), "body"); err != nil || w.Body.String() != "body" {
		t.Errorf("with room again: %v, %q", err, w.Body)
	}
}

func TestASmallHeadIsAlwaysPassedOn(t *testing.T) {
	o := testOptions(t)
	o.Memory.Budget.Book(2 * memoryOfTests)
	for what, head := range map[string]string{
		"one long value": headOf("200", 7_000),
		"many headers":   manyHeaders(100, "x", ""),
		"a usual page":   manyHeaders(40, "X-Usual", strings.Repeat("v", 100)),
	} {
		w := client(o)
		if err := answered(t, o, w, http.MethodGet, head, "body"); err != nil || w.Body.String() != "body" {
			t.Errorf("%s: %v, %q", what, err, w.Body)
		}
		if w.Flushed {
			t.Errorf("%s: it is sent in pieces", what)
		}
		o.wantHeld(t, what, 2*memoryOfTests)
	}
}

// hinted is the turn of an answer with a hint before it.
type hinted struct {
	wholeTurn
	frame *goridge.Frame // the hint, then the answer
	rest  *goridge.Frame // the answer, until it has been read
}

func (h *hinted) Open() bool { return h.rest != nil }
func (h *hinted) NextHead() error {
	if h.rest == nil {
		return io.EOF
	}
	*h.frame, h.rest = *h.rest, nil
	return nil
}

// hintedAnswer passes on a hint of so many bytes, and then an answer.
func hintedAnswer(t *testing.T, o *Options, w http.ResponseWriter, size int) error {
	t.Helper()
	a := answerOf(t, headOf("103", size), "")
	a.Turn = &hinted{frame: a.Frame, rest: answerOf(t, headOf("200", 10), "body").Frame}
	return Write(w, httptest.NewRequest(http.MethodGet, "/", nil), a, o)
}

func TestTheHeadOfAHintIsHeldUntilItIsOut(t *testing.T) {
	o := testOptions(t)
	w := client(o)
	if err := hintedAnswer(t, o, w, largeHead); err != nil || w.Body.String() != "body" {
		t.Fatalf("%v, %q", err, w.Body)
	}
	if w.hints < 3*largeHead || w.hints > 5*largeHead {
		t.Errorf("%d bytes are held for a hint of %d", w.hints, largeHead)
	}
	if w.Flushed {
		t.Error("the hint is still held with the answer")
	}
	o.wantHeld(t, "after it", 0)

	held := int64(memoryOfTests - memoryOfTests/8)
	o.Memory.Budget.Book(held)
	if err := hintedAnswer(t, o, client(o), largeHead); !errors.Is(err, ErrNoMemory) {
		t.Errorf("without room for a hint: %v", err)
	}
	if err := hintedAnswer(t, o, w, 1000); err != nil {
		t.Errorf("without room for a small hint: %v", err)
	}
	o.wantHeld(t, "at the end", held)
}

// TestNoHeadIsLargerThanBrowsersTake holds the bound of one head to what docs/http.md says.
func TestNoHeadIsLargerThanBrowsersTake(t *testing.T) {
	for size, want := range map[int]bool{256<<10 - len("X-Large"): true, 256 << 10: false} {
		err := answered(t, testOptions(t), httptest.NewRecorder(), http.MethodGet, headOf("200", size), "")
		if ok := err == nil; ok != want || !ok && !errors.Is(err, httpctx.ErrBadContext) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
