package workerpool

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

func TestEveryWorkerMustAnswerTheWarmUp(t *testing.T) {
	for name, steps := range map[string]string{
		"plain": "answer warm", "late error": "answer warm; error late", "stream": "chunks 20", "large": "big 100000",
	} {
		t.Run(name, func(t *testing.T) {
			c := self(4)
			c.MaxInMemory = 10_000
			checks := make(chan string, 4)
			request := *script(steps)
			request.Frame = append(make([]byte, 0, 4096), request.Frame...) // with room behind it
			c.Warmup = &Warmup{Request: request, Check: func(f *goridge.Frame) (string, error) {
				checks <- string(f.Body())
				return "", nil
			}}
			p := start(t, c)
			if len(checks) != 4 {
				t.Errorf("%d answers were checked; want 4", len(checks))
			}
			for range 8 {
				if got := ask(t, p, "answer", "mine"); got != "mine" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

func TestAFailedWarmUpFailsTheBoot(t *testing.T) {
	c := self(1)
	c.Warmup = &Warmup{Request: *script("answer no"), Check: func(f *goridge.Frame) (string, error) {
		return "", fmt.Errorf("status %s", f.Body())
	}}
	if err := unstarted(t, c).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "status no") {
		t.Errorf("got %v", err)
	}
	c.Warmup = &Warmup{Request: *script("answer warm; answer twice"), Check: func(*goridge.Frame) (string, error) { return "", nil }}
	if err := unstarted(t, c).Start(t.Context()); !errors.Is(err, link.ErrAnsweredTwice) {
		t.Errorf("got %v", err)
	}
	c.Warmup = &Warmup{Request: *script("moan PHP Warning: cold; exit 5")}
	err := unstarted(t, c).Start(t.Context())
	if boot := as[*BootError](t, err); !strings.Contains(fmt.Sprint(boot.Output), "cold") {
		t.Errorf("got %v", err)
	}
	c.Warmup, c.BootTimeout = &Warmup{Request: *script("ignore term; block")}, 300*time.Millisecond
	as[*BootError](t, unstarted(t, c).Start(t.Context()))
}
