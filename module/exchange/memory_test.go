package exchange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/form"
)

const urlencoded = "application/x-www-form-urlencoded"

func post(kind string, length int64, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://example.com/", nil)
	r.Body, r.ContentLength = io.NopCloser(body), length
	r.Header.Set("Content-Type", kind)
	return r
}

func multipartValue(size int) string {
	return "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + strings.Repeat("v", size) + "\r\n--b--\r\n"
}

// content is what PHP gets behind the context.
func (q *Request) content(t *testing.T) string {
	t.Helper()
	if q.Body != nil {
		if _, err := q.Body.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(q.Body)
		if err != nil || int64(len(text)) != q.BodySize {
			t.Fatalf("%d bytes of %d in the file, %v", len(text), q.BodySize, err)
		}
		return string(text)
	}
	return string(q.Frame[int64(len(q.Frame))-q.BodySize:])
}

func (o *Options) wantHeld(t *testing.T, when string, want int64) {
	t.Helper()
	if got := o.Memory.Budget.Held(); got != want {
		t.Errorf("%s: %d bytes are held, want %d", when, got, want)
	}
}

// TestWhatARequestHoldsIsGivenBack sends bodies of all kinds and sizes, whole and broken off.
func TestWhatARequestHoldsIsGivenBack(t *testing.T) {
	o := testOptions(t)
	for _, size := range []int{0, 1, 100, 4095, 4096, 70_000, 1 << 20, 1<<20 + 1, 3 << 20} {
		value := strings.Repeat("v", size)
		for kind, c := range map[string]struct{ body, want string }{
			"application/json":                {value, value},
			urlencoded:                        {"a=" + value, `{"a":"` + value + `"}`},
			"multipart/form-data; boundary=b": {multipartValue(size), `{"a":"` + value + `"}`},
		} {
			for _, length := range []int64{int64(len(c.body)), -1} {
				name := fmt.Sprintf("%s, %d bytes, announced %d", kind, size, length)
				q, err := Read(httptest.NewRecorder(), post(kind, length, strings.NewReader(c.body)), Info{}, o)
				if err != nil {
					t.Fatal(name, err)
				}
				if got := q.content(t); got != c.want {
					t.Errorf("%s: PHP gets %d bytes, %.20q; want %d", name, len(got), got, len(c.want))
				}
				o.wantHeld(t, name, int64(cap(*q.buf)))
				if inFile := q.Body != nil; inFile != (len(c.want) > bodyMemory) {
					t.Errorf("%s: in a file: %v", name, inFile)
				}
				q.Sent(true)
				o.wantHeld(t, name+", sent", 0)
				q.Close()
				o.wantHeld(t, name+", closed", 0)

				broken := io.MultiReader(strings.NewReader(c.body[:len(c.body)/2]), errorReader{})
				if q, err := Read(httptest.NewRecorder(), post(kind, length, broken), Info{}, o); err == nil {
					if q.Close(); len(c.body) > 0 {
						t.Errorf("%s: a body that breaks off is no error", name)
					}
				}
				o.wantHeld(t, name+", broken off", 0)
			}
		}
	}
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWhereMemoryIsShortABodyGoesToAFile(t *testing.T) {
	o := testOptions(t)
	o.Memory.Budget.Book(memoryOfTests / 2)
	body := strings.Repeat("b", 100_000)
	for _, length := range []int64{int64(len(body)), -1} {
		q, err := Read(httptest.NewRecorder(), post("application/json", length, strings.NewReader(body)), Info{}, o)
		if err != nil {
			t.Fatal(err)
		}
		if q.Body == nil || q.content(t) != body {
			t.Errorf("announced %d: the body is in memory, or another", length)
		}
		if held := o.Memory.Budget.Held() - memoryOfTests/2; held > smallBuffer {
			t.Errorf("announced %d: the request holds %d bytes", length, held)
		}
		q.Close()
	}
	o.wantHeld(t, "at the end", memoryOfTests/2)
}

func TestWhereMemoryIsGoneRequestsAreTurnedAway(t *testing.T) {
	for what, c := range map[string]struct {
		held int64
		r    *http.Request
	}{
		"a form":              {memoryOfTests - memoryOfTests/8, post(urlencoded, 1000, strings.NewReader("a="+strings.Repeat("x", 998)))},
		"a multipart form":    {memoryOfTests - memoryOfTests/8, post("multipart/form-data; boundary=b", -1, strings.NewReader(multipartValue(10)))},
		"a request":           {memoryOfTests, httptest.NewRequest(http.MethodGet, "http://example.com/", nil)},
		"one of a large head": {memoryOfTests - 8<<10, httptest.NewRequest(http.MethodGet, "http://example.com/?"+strings.Repeat("a", 50_000), nil)},
	} {
		o := testOptions(t)
		o.Memory.Budget.Book(c.held)
		_, err := Read(httptest.NewRecorder(), c.r, Info{}, o)
		if !errors.Is(err, ErrNoMemory) {
			t.Fatalf("%s: %v", what, err)
		}
		o.wantHeld(t, what, c.held)
	}
}

func TestAFormThatIsTooLongForPHPIsRefused(t *testing.T) {
	o := testOptions(t)
	_, err := Read(httptest.NewRecorder(), post(urlencoded, -1, strings.NewReader("a="+strings.Repeat("\x01", 8<<20))), Info{}, o)
	if !errors.Is(err, form.ErrTooLarge) {
		t.Errorf("8 MiB of control bytes, 48 MiB of JSON: %v", err)
	}
	o.wantHeld(t, "refused", 0)
}

// stalled is a client that sends nothing any more.
type stalled struct{ reached, goOn chan struct{} }

func (s stalled) Read([]byte) (int, error) {
	close(s.reached)
	<-s.goOn
	return 0, io.EOF
}

func TestNoMemoryIsTakenForWhatIsOnlyAnnounced(t *testing.T) {
	for _, kind := range []string{"application/json", urlencoded} {
		o := testOptions(t)
		s := stalled{make(chan struct{}), make(chan struct{})}
		done := make(chan *Request)
		go func() {
			q, err := Read(httptest.NewRecorder(), post(kind, 1_000_000, io.MultiReader(strings.NewReader("a=b"), s)), Info{}, o)
			if err != nil {
				t.Error(err)
			}
			done <- q
		}()
		<-s.reached
		if held := o.Memory.Budget.Held(); held > smallBuffer {
			t.Errorf("%s: 3 of a million bytes have come, and %d are held", kind, held)
		}
		close(s.goOn)
		(<-done).Close()
		o.wantHeld(t, "at the end", 0)
	}
}

func TestLargeFormsWaitInFilesForTheirTurn(t *testing.T) {
	o := testOptions(t)
	o.Memory.largeForms <- struct{}{} // somebody is at it
	body := "a=" + strings.Repeat("x", 4<<20)
	ctx, cancel := context.WithCancel(t.Context())
	end := &signal{Reader: strings.NewReader(body), end: make(chan struct{})}
	gone := make(chan error)
	go func() {
		_, err := Read(httptest.NewRecorder(), post(urlencoded, -1, end).WithContext(ctx), Info{}, o)
		gone <- err
	}()
	<-end.end
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("a client that has gone waits on: %v", err)
	}
	o.wantHeld(t, "gone", 0)
	<-o.Memory.largeForms
	for range 3 { // each gives its place back
		q, err := Read(httptest.NewRecorder(), post(urlencoded, -1, strings.NewReader(body)), Info{}, o)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal([]byte(q.content(t)), []byte(`{"a":"`+body[2:]+`"}`)) {
			t.Error("PHP gets another form")
		}
		q.Close()
	}
	o.wantHeld(t, "at the end", 0)
}

// signal tells when a body has been read.
type signal struct {
	io.Reader
	end chan struct{}
}

func (s *signal) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		close(s.end)
	}
	return n, err
}

func TestWithoutMemoryAndWithoutAFolderABodyIsTurnedAway(t *testing.T) {
	o := testOptions(t)
	o.Uploads.Dir += "/missing"
	o.Memory.Budget.Book(memoryOfTests / 2)
	_, err := Read(httptest.NewRecorder(), post("application/json", 100_000, strings.NewReader(strings.Repeat("b", 100_000))), Info{}, o)
	if !errors.Is(err, ErrNoMemory) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
	o.wantHeld(t, "at the end", memoryOfTests/2)
}
