//go:build linux

package fastcgi

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

func TestAnAnswerIsOneFrame(t *testing.T) {
	l, p := pair(t, Options{MaxInMemory: 1 << 20})
	p.readOpening()
	for _, c := range []struct{ head, body string }{
		{"Content-type: text/html\r\nX-A: b", "hello"},
		{"Status: 204 No Content", ""},
		{"", "no header at all"},
		{"Content-type: text/plain", "an empty line\r\n\r\nwithin"},
		{"A: " + strings.Repeat("a", 70_000), strings.Repeat("b", 300_000)},
	} {
		ask(t, l)
		if body := p.readRequest(); body != "" {
			t.Errorf("a body of %q came", body)
		}
		empty := "\r\n\r\n"
		if c.head == "" {
			empty = "\r\n"
		}
		go func() {
			for rest := c.head + empty + c.body; rest != ""; {
				n := min(len(rest), 60_001)
				p.write(stdout(rest[:n]))
				rest = rest[n:]
			}
			p.write(end())
		}()
		answers(t, l, c.head, c.body, false)
		if l.Ready() {
			t.Error("PHP is ready before it has read the opening of the next request")
		}
		l.Finish(false)
		p.readOpening()
		if err := l.CatchUp(0); err != nil || !l.Ready() {
			t.Fatalf("%v, ready %v", err, l.Ready())
		}
	}
}

func TestItDoesNotMatterInWhichPiecesAnAnswerComes(t *testing.T) {
	head := "Content-type: text/html\r\nX-A: b"
	text := join(record(typeStderr, "a message"), stdout(head[:5]), stdout(head[5:]+"\r"), stdout("\n\r"), stdout("\nhel"), stdout("lo"), end())
	for at := 1; at < len(text); at++ {
		l, _ := pair(t, Options{})
		l.machine.Ask()
		for _, piece := range [][]byte{text[:at], text[at:]} {
			err := l.receive(func(p []byte) (int, int, error) { return copy(p, piece), l.pid, nil })
			if err == nil {
				err = l.judge()
			}
			if err != nil {
				t.Fatalf("in two pieces, %d bytes first: %v", at, err)
			}
		}
		answers(t, l, head, "hello", false)
		l.Close()
	}
}

func TestPHPAtWorkAfterItsAnswerIsNotReady(t *testing.T) {
	l, p := pair(t, Options{})
	p.readOpening()
	ask(t, l)
	p.readRequest()
	p.write(join(stdout("A: b\r\n\r\nhi"), end()))
	answers(t, l, "A: b", "hi", false)
	l.Finish(false)
	for range 3 {
		if ready, err := l.TryCatchUp(); ready || err != nil || l.MayAsk() {
			t.Fatalf("ready %v, %v", ready, err)
		}
	}
	if !l.WaitAtMost(1) {
		t.Fatal("it knows no deadlines")
	}
	if err := l.CatchUp(0); !isDeadline(err) {
		t.Fatalf("got %v", err)
	}
	l.ClearInterrupt()
	// What it prints meanwhile is nobody's.
	p.write(join(stdout("late"), record(typeStderr, "too")))
	caught := make(chan error, 1)
	go func() { caught <- l.CatchUp(0) }()
	select {
	case err := <-caught:
		t.Fatalf("caught up with PHP at work: %v", err)
	default:
	}
	p.write(stdout("late as well"))
	p.readOpening()
	if err := <-caught; err != nil || !l.MayAsk() {
		t.Fatalf("%v, may ask: %v", err, l.MayAsk())
	}
	ask(t, l)
	p.readRequest()
	p.write(join(stdout("\r\nnext"), end()))
	answers(t, l, "", "next", false)
}

func TestWhatDoesNotFitEndsTheConversation(t *testing.T) {
	for name, c := range map[string]struct {
		asked bool
		sends []byte
		want  error
	}{
		"it speaks without having been asked": {false, stdout("hello"), link.ErrUnasked},
		"it ends what it has not begun":       {true, end(), ErrNoHead},
		"it ends within the headers":          {true, join(stdout("A: b\r\n"), end()), ErrNoHead},
		"another type of record":              {true, record(11, "12345678"), link.ErrForeign},
		"a request of its own":                {true, begin[:], link.ErrForeign},
		"no FastCGI at all":                   {true, []byte("HTTP/1.1 200 OK\r\n\r\n"), errBadRecord},
		"another request's record":            {true, []byte{1, 6, 0, 2, 0, 1, 7, 0, 'a', 0, 0, 0, 0, 0, 0, 0}, errBadRecord},
		"an end that says it is overloaded":   {true, record(typeEnd, "\x00\x00\x00\x00\x02\x00\x00\x00"), link.ErrForeign},
		"an end of another size":              {true, record(typeEnd, "\x00\x00"), link.ErrForeign},
		"headers without an end":              {true, join(many("A: "+strings.Repeat("a", 60_000)+"\r\n", 20)...), ErrHeadTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			l, p := pair(t, Options{})
			if c.asked {
				ask(t, l)
			}
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				_, _ = p.conn.Write(c.sends)
			}()
			var err error
			if c.asked {
				err = l.Answer(new(goridge.Frame))
			} else {
				<-wrote
				err = l.Look()
			}
			if !errors.Is(err, c.want) || !errors.Is(l.Err(), c.want) || l.MayAsk() {
				t.Errorf("got %v; want %v", err, c.want)
			}
			l.Close()
			<-wrote
		})
	}
}

func many(text string, n int) (records [][]byte) {
	for range n {
		records = append(records, stdout(text))
	}
	return records
}

func TestASecondAnswerEndsTheConversation(t *testing.T) {
	l, p := pair(t, Options{})
	ask(t, l)
	p.write(join(stdout("\r\na"), end(), stdout("\r\nb"), end()))
	var f goridge.Frame
	err := l.Answer(&f)
	if err == nil {
		f.Release()
		l.Finish(false)
		err = l.CatchUp(0)
	}
	if !errors.Is(err, link.ErrAnsweredTwice) {
		t.Errorf("got %v", err)
	}
}

func TestTheEndOfPHP(t *testing.T) {
	t.Run("before it has answered", func(t *testing.T) {
		l, p := pair(t, Options{})
		ask(t, l)
		p.conn.Close()
		if err := l.Answer(new(goridge.Frame)); err != io.EOF {
			t.Errorf("got %v", err)
		}
	})
	t.Run("within its answer", func(t *testing.T) {
		l, p := pair(t, Options{})
		ask(t, l)
		p.write(stdout("A: b\r\n\r\nhal"))
		p.conn.Close()
		if err := l.Answer(new(goridge.Frame)); err != io.ErrUnexpectedEOF {
			t.Errorf("got %v", err)
		}
	})
	t.Run("when it has nothing to do", func(t *testing.T) {
		l, p := pair(t, Options{})
		p.conn.Close()
		if err := l.Look(); err != io.EOF || l.MayAsk() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("before a request is sent", func(t *testing.T) {
		l, p := pair(t, Options{})
		p.conn.Close()
		_, err := l.Send(request(t), nil, 0)
		write, ok := errors.AsType[*goridge.WriteError](err)
		if !ok || !write.SafeToRetry() {
			t.Errorf("got %v", err)
		}
	})
	t.Run("at work after its answer", func(t *testing.T) {
		l, p := pair(t, Options{})
		p.readOpening()
		ask(t, l)
		p.readRequest()
		p.write(join(stdout("\r\nhi"), end()))
		answers(t, l, "", "hi", false)
		l.Finish(false)
		caught := make(chan error, 1)
		go func() { caught <- l.CatchUp(0) }()
		p.conn.Close()
		if err := <-caught; err != io.EOF || l.Ready() {
			t.Errorf("got %v, ready %v", err, l.Ready())
		}
	})
}

func TestAnotherProcessThatHasTheConnectionIsFoundOut(t *testing.T) {
	for name, asked := range map[string]bool{"within an answer": true, "when nobody has asked": false} {
		t.Run(name, func(t *testing.T) {
			l, p := pair(t, Options{})
			if asked {
				ask(t, l)
				p.write(stdout("A: b\r\n\r\nmine "))
				answers(t, l, "A: b", "mine ", true)
			}
			f, err := p.conn.File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			other := exec.Command("/bin/sh", "-c", `printf '\001\006\000\001\000\005\000\000other' >&3`)
			other.ExtraFiles = []*os.File{f}
			if err := other.Run(); err != nil {
				t.Fatal(err)
			}
			if asked {
				p.write(end()) // right behind it
				err = l.Answer(new(goridge.Frame))
			} else {
				err = l.Look()
			}
			if !errors.Is(err, link.ErrOtherProcess) || l.MayAsk() {
				t.Errorf("got %v", err)
			}
		})
	}
}
