package workerpool

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

func TestAWorkerThatSaysMoreThanItsAnswerIsEnded(t *testing.T) {
	for name, extra := range map[string]string{
		"answer": "answer a stray", "two answers": "answer a stray; answer another", "stream": "chunk a stray", "pid": "here",
		"unknown message": "foreign", "done": "done",
	} {
		t.Run(name, func(t *testing.T) {
			p, logs := startLogged(t, self(1))
			for i := range 4 {
				body := fmt.Sprint("request ", i)
				turn, err := p.Exec(t.Context(), repeatable("answer; "+extra, body))
				if err != nil {
					t.Fatal(err)
				}
				if got := whole(t, turn); got != body {
					t.Fatalf("%q was answered with %q", body, got)
				}
			}
			eventually(t, "its workers are ended", func() bool { return p.Stats().Restarts[ReasonCrash] >= 3 })
			if logs.FilterMessageSnippet("what does not fit").Len() == 0 {
				t.Error("nobody was told why")
			}
			// What the last one says too much may come only now: then this is carried out again.
			turn, err := p.Exec(t.Context(), repeatable("answer", "fine"))
			if err != nil {
				t.Fatal(err)
			}
			if got := whole(t, turn); got != "fine" {
				t.Errorf("then an answer was %q", got)
			}
		})
	}
}

func TestALargeRequestIsNotAnsweredWithAStrayEither(t *testing.T) {
	p := start(t, self(1))
	for i := range 5 {
		body := fmt.Sprint(i, strings.Repeat(" ", 40<<10))
		if got := ask(t, p, "answer; answer a stray", body); got != body {
			t.Fatalf("request %d got the answer %.20q", i, got)
		}
	}
}

func TestWhatAnIdleWorkerSaysEndsIt(t *testing.T) {
	for _, says := range []string{"answer a stray", "error a stray", "here", "stop"} {
		t.Run(says, func(t *testing.T) {
			p, g := start(t, self(1)), newGate(t)
			ask(t, p, "answer; then visit "+g.path+"; then "+says+"; then visit "+g.path)
			g.next(t).release()
			v := g.next(t) // it has said it
			v.release()
			if got := ask(t, p, "answer", "next"); got != "next" {
				t.Errorf("the next request was answered with %q", got)
			}
			v.dies(t, patience)
		})
	}
}

func TestALateErrorFrameIsLoggedWithItsText(t *testing.T) {
	p, logs := startLogged(t, self(1))
	before := ask(t, p, "pid; error in a destructor\u009b2J") // which clears a terminal
	if after := ask(t, p, "pid"); after != before {
		t.Errorf("worker %s was replaced by %s", before, after)
	}
	found := logs.FilterMessageSnippet("dropped").All()
	if len(found) != 1 || found[0].ContextMap()["text"] != `in a destructor\u009b2J` {
		t.Errorf("logged %v; want the text of the error", found)
	}
}

func TestARequestThatIsPassedOverEndsItsWorker(t *testing.T) {
	p := start(t, self(1))
	for range 3 {
		if _, err := p.Exec(t.Context(), script(";")); !errors.Is(err, link.ErrPassedOver) {
			t.Errorf("got %v", err)
		}
		if got := ask(t, p, "answer", "next"); got != "next" {
			t.Errorf("the next request was answered with %q", got)
		}
	}
	booked(t, p, 3, ReasonCrash)
}

// A fork that goes on in the loop tells another process id.
func TestAnotherProcessThatAnswersEndsTheWorker(t *testing.T) {
	p := start(t, self(1))
	ask(t, p, "answer; here 1")
	if got := ask(t, p, "answer", "next"); got != "next" {
		t.Errorf("the next request was answered with %q", got)
	}
	booked(t, p, 1, ReasonCrash)
}

func TestThousandsOfRequestsGetTheirOwnAnswers(t *testing.T) {
	p := start(t, self(3))
	const clients, each = 16, 250
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				body := fmt.Sprintf("client %d request %d", client, i)
				if i%50 == 7 {
					body += strings.Repeat(".", 40<<10)
				}
				turn, err := p.Exec(t.Context(), script("answer; sometimes-late", body))
				if err != nil {
					t.Error(err)
					return
				}
				if got := string(turn.Frame.Body()); got != body {
					t.Errorf("%.60q was answered with %.60q", body, got)
				}
				turn.Close()
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for _, w := range p.Stats().Workers {
		total += w.Served
	}
	if total != clients*each {
		t.Errorf("the workers answered %d requests; want %d, by the same workers", total, clients*each)
	}
}
