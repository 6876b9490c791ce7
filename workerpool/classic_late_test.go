//go:build linux

package workerpool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

func TestClassicWorkAfterTheAnswerIsNobodyElsesTime(t *testing.T) {
	const timeout = 2 * time.Second
	c := withFPM(t, Config{Min: 1, RequestTimeout: timeout})
	g := newGate(t)
	log := filepath.Join(c.dir, "log")
	late := c.php(t, fmt.Sprintf(`echo "answered"; fastcgi_finish_request(); echo "to nobody"; while (ob_get_level()) ob_end_flush(); flush(); error_log("late words"); %s file_put_contents("%s", "done", FILE_APPEND);`, visits(g), log))
	if got := c.exec(t, late); got != "answered" {
		t.Fatalf("got %q", got)
	}
	v := g.next(t)
	next := send(c.Pool, t.Context(), c.php(t, fmt.Sprintf(`file_put_contents("%s", "next", FILE_APPEND); echo "next";`, log), "body"))
	begin := time.Now()
	// The request waits; it has been sent to nobody, so its time does not run. Nor is that of the work limited.
	eventually(t, "the request waits", func() bool { return c.Stats().Queue == 1 })
	eventually(t, "twice the time of a request is over", func() bool { return time.Since(begin) > 2*timeout })
	if text, _ := os.ReadFile(log); len(text) > 0 {
		t.Errorf("meanwhile %q was done", text)
	}
	v.release()
	if got := receive(t, next).body(t); got != "next" {
		t.Errorf("got %q", got)
	}
	if text, _ := os.ReadFile(log); string(text) != "donenext" {
		t.Errorf("what was done: %q", text)
	}
	c.logged(t, "late words")
	if n := len(c.Stats().Restarts); n != 0 {
		t.Errorf("workers ended: %v", c.Stats().Restarts)
	}
}

func TestClassicRequestsAreCarriedOutOnceWhenLateWorkCrashes(t *testing.T) {
	c := withFPM(t, Config{Min: 1})
	log := filepath.Join(c.dir, "log")
	for range 5 {
		g := newGate(t)
		if got := c.get(t, `echo "answered"; fastcgi_finish_request();`+visits(g)+`posix_kill(getmypid(), 11); sleep(10);`); got != "answered" {
			t.Fatalf("got %q", got)
		}
		v := g.next(t)
		next := send(c.Pool, t.Context(), c.php(t, fmt.Sprintf(`file_put_contents("%s", "x", FILE_APPEND); echo "next";`, log), "body"))
		eventually(t, "the request waits", func() bool { return c.Stats().Queue == 1 })
		v.release()
		if got := receive(t, next).body(t); got != "next" {
			t.Errorf("got %q", got)
		}
	}
	if text, _ := os.ReadFile(log); len(text) != 5 {
		t.Errorf("5 requests were carried out %d times", len(text))
	}
}

func TestClassicRetiresAProcessAtWorkAfterItsAnswerWhenThatIsDone(t *testing.T) {
	c := withFPM(t, Config{Min: 1})
	g := newGate(t)
	log := filepath.Join(c.dir, "log")
	if got := c.get(t, fmt.Sprintf(`echo "answered"; fastcgi_finish_request(); %s file_put_contents("%s", "done");`, visits(g), log)); got != "answered" {
		t.Fatalf("got %q", got)
	}
	v := g.next(t)
	rollout, err := c.Restart(ReasonRestart)
	if err != nil {
		t.Fatal(err)
	}
	if err := rollout.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if draining := rollout.Draining(); len(draining) != 0 {
		t.Errorf("named as having a request is one that has answered: %+v", draining)
	}
	if got := c.get(t, `echo "new";`); got != "new" {
		t.Errorf("got %q", got)
	}
	v.release()
	v.dies(t, patience)
	if err := rollout.WaitDrained(t.Context()); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(log); string(text) != "done" {
		t.Errorf("the work after the answer was cut off: %q", text)
	}
}

func TestClassicPassesOnWhatIsFlushed(t *testing.T) {
	eachPHP(t, Config{Min: 1}, func(t *testing.T, c classic) {
		g := newGate(t)
		turn, err := c.Exec(t.Context(), c.php(t, `while (ob_get_level()) ob_end_flush(); echo "one"; flush(); `+visits(g)+` echo "two";`))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(turn.Frame.Body()); got != "one" || !turn.Open() || len(turn.Frame.Context()) == 0 {
			t.Errorf("got %q, open %v", got, turn.Open())
		}
		g.next(t).release()
		if got := whole(t, turn); got != "onetwo" {
			t.Errorf("got %q", got)
		}
		if got := c.get(t, `echo "next";`); got != "next" {
			t.Errorf("got %q", got)
		}
	})
}

func TestClassicEndsAStreamWhoseClientHasGone(t *testing.T) {
	eachPHP(t, Config{Min: 1}, func(t *testing.T, c classic) {
		log := filepath.Join(c.dir, "log")
		turn, err := c.Exec(t.Context(), c.php(t, fmt.Sprintf(
			`register_shutdown_function(fn() => file_put_contents("%s", "aborted " . connection_aborted())); while (true) { echo str_repeat("x", 1000); flush(); usleep(1000); }`, log)))
		if err != nil {
			t.Fatal(err)
		}
		turn.Close()
		eventually(t, "PHP has noticed", func() bool {
			text, _ := os.ReadFile(log)
			return string(text) == "aborted 1"
		})
		if got := c.get(t, `echo "next";`); got != "next" {
			t.Errorf("got %q", got)
		}
		booked(t, c.Pool, 1, ReasonRestart)
	})
}

func TestClassicLetsPHPGoOnWithoutItsClientIfItWants(t *testing.T) {
	eachPHP(t, Config{Min: 1, StopTimeout: 2 * patience}, func(t *testing.T, c classic) {
		g := newGate(t)
		log := filepath.Join(c.dir, "log")
		turn, err := c.Exec(t.Context(), c.php(t, fmt.Sprintf(
			`ignore_user_abort(true); while (ob_get_level()) ob_end_flush(); echo "begun"; flush(); %s echo "more"; flush(); file_put_contents("%s", "through");`, visits(g), log)))
		if err != nil {
			t.Fatal(err)
		}
		v := g.next(t)
		turn.Close()
		eventually(t, "the worker is to end", func() bool { return inState(c.Pool, StateStopping) == 1 })
		v.release()
		v.dies(t, patience)
		if text, _ := os.ReadFile(log); string(text) != "through" {
			t.Errorf("got %q", text)
		}
	})
}

func TestClassicCarriesLargeBodiesBothWays(t *testing.T) {
	eachPHP(t, Config{Min: 2, MaxInMemory: 1 << 20}, func(t *testing.T, c classic) {
		for _, size := range []int{0, 1, 65_535, 65_536, 200_000, 5_000_000} {
			body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			if got := c.get(t, `echo file_get_contents("php://input");`, body); got != body {
				t.Errorf("of %d bytes %d came back", size, len(got))
			}
		}
		// PHP prints more than the connection holds before it reads, and the other way round.
		body := strings.Repeat("b", 3_000_000)
		request := c.php(t, `echo str_repeat("x", 3000000); flush(); $in = fopen("php://input", "r"); $n = 0; while (!feof($in)) $n += strlen(fread($in, 65536)); echo $n;`, body)
		want := strings.Repeat("x", 3_000_000) + "3000000"
		if got := c.exec(t, request); got != want {
			t.Errorf("%d bytes came, which end with %q", len(got), got[max(0, len(got)-10):])
		}
		// And it may read nothing of it at all.
		for range 3 {
			if got := c.get(t, `echo "not read";`, body); got != "not read" {
				t.Errorf("got %q", got)
			}
		}
		if n := len(c.Stats().Restarts); n != 0 {
			t.Errorf("workers ended: %v", c.Stats().Restarts)
		}
	})
}

func TestClassicReplacesAProcessThatHasNotReadTheBody(t *testing.T) {
	c := withFPM(t, Config{Min: 1})
	g := newGate(t)
	r := c.php(t, `echo "early"; fastcgi_finish_request();`+visits(g), strings.Repeat("b", 3_000_000))
	r.Frame = []byte(strings.Replace(string(r.Frame), "POST", "PUT2", 1)) // of such PHP reads nothing by itself
	turn, err := c.Exec(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got := whole(t, turn); got != "early" {
		t.Errorf("got %q", got)
	}
	g.next(t).release()
	if got := c.get(t, `echo "next";`); got != "next" {
		t.Errorf("got %q", got)
	}
	booked(t, c.Pool, 1, ReasonRestart)
}

// broken is a body that fails.
type broken struct{ io.ReadSeeker }

func (b broken) Read(p []byte) (int, error) { return 0, io.ErrClosedPipe }

func TestClassicABodyThatFailsIsNotTheWorkersFault(t *testing.T) {
	eachPHP(t, Config{Min: 1}, func(t *testing.T, c classic) {
		for _, size := range []int{10, 1_000_000} {
			r := c.php(t, `echo "x";`, strings.Repeat("b", size))
			r.Body = broken{r.Body}
			if _, err := c.Exec(t.Context(), r); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%d bytes: %v", size, err)
			}
			if got := c.get(t, `echo "next";`); got != "next" {
				t.Errorf("got %q", got)
			}
		}
	})
}

func TestClassicAForkThatAnswersEndsTheWorker(t *testing.T) {
	c := withFPM(t, Config{Min: 1, Ini: map[string]string{"ffi.enable": "1"}})
	log := filepath.Join(c.dir, "log")
	fork := fmt.Sprintf(`file_put_contents("%s", "x", FILE_APPEND); $c = FFI::cdef("int fork(void); int waitpid(int, void*, int);");
		if (($p = $c->fork()) == 0) { while (ob_get_level()) ob_end_clean(); echo "from the fork"; flush(); posix_kill(getmypid(), 9); }
		$c->waitpid($p, null, 0); echo "from the worker";`, log)
	_, err := c.Exec(t.Context(), c.php(t, fork, "body"))
	if !errors.Is(err, link.ErrOtherProcess) {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(log); len(text) != 1 {
		t.Errorf("it was carried out %d times", len(text))
	}
	// One that speaks when nobody has asked.
	idle := `$c = FFI::cdef("int fork(void);"); if ($c->fork() == 0) { posix_setsid(); fastcgi_finish_request(); echo "stray"; flush(); posix_kill(getmypid(), 9); } echo "ok"; exit;`
	if turn, err := c.Exec(t.Context(), c.php(t, idle, "body")); err == nil {
		turn.Close()
	}
	for range 20 {
		if got := c.get(t, `echo "mine";`); got != "mine" {
			t.Errorf("got %q", got)
		}
	}
}
