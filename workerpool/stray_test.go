package workerpool

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestASecondAnswerNeverReachesTheNextRequest(t *testing.T) {
	for name, extra := range map[string]string{
		"answer": "answer a stray", "two answers": "answer a stray; answer another",
		"error": "error a stray", "ping": "chunk a stray",
	} {
		t.Run(name, func(t *testing.T) {
			p, logs := startLogged(t, self(1))
			for i := range 20 {
				body := fmt.Sprint("request ", i)
				if got := ask(t, p, "answer; "+extra, body); got != body {
					t.Fatalf("%q was answered with %q", body, got)
				}
			}
			if logs.FilterMessageSnippet("respond exactly once").Len() == 0 {
				t.Error("nobody was told that the worker answers twice")
			}
		})
	}
}

func TestALargeRequestIsNotAnsweredWithAStrayEither(t *testing.T) {
	p := start(t, self(1))
	for i := range 10 {
		body := fmt.Sprint(i, strings.Repeat(" ", inlineProbe))
		if got := ask(t, p, "answer; answer a stray", body); got != body {
			t.Fatalf("request %d got the answer %.20q", i, got)
		}
	}
}

func TestALateErrorFrameIsLoggedWithItsText(t *testing.T) {
	p, logs := startLogged(t, self(1))
	ask(t, p, "answer; error in a destructor", "one")
	ask(t, p, "answer", "two")
	found := logs.FilterMessageSnippet("dropped").All()
	if len(found) != 1 || found[0].ContextMap()["text"] != "in a destructor" {
		t.Errorf("logged %v; want the text of the error", found)
	}
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
					body += strings.Repeat(".", inlineProbe)
				}
				turn, err := p.Exec(t.Context(), script("answer; sometimes-more", body))
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
