package fastcgi

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// The machine is proven against a model of PHP: all states are visited that up to three requests, late work, messages, a
// fork that speaks and the death of PHP at any time can lead to.

const (
	phpPID, forkPID = 1, 2
	mostRequests    = 3
)

// world is a machine and who uses it, the connection, and PHP. It is a value, and comparable.
type world struct {
	m       Machine
	asked   byte // requests so far
	gotHead bool // of the answer to the last one
	looked  bool // the opening was seen to have been read, and what PHP had sent until then is being judged

	toPHP  string // "o": an opening; "1", "2", ...: the rest of that request
	toUs   string // pairs: what kind, and the request that PHP was at ("f": a fork speaks)
	closed bool   // PHP has gone: what it had sent can still be read

	at      place
	request byte // that PHP is at, or was at last
	printed byte // by that
	begun   [mostRequests + 1]byte
	forked  byte // 1: there is a fork that has yet to speak; 2: it has spoken
}

type place byte

const (
	atLoop  place = iota // reads the opening
	opened               // has read it, and reads the rest
	running              // is at a request
	late                 // has ended the answer, and works on
)

// step is a state that follows, and how it came about.
type step struct {
	name string
	to   world
	err  error // what must not be
}

func (w world) phpSteps() (all []step) {
	if w.closed {
		return nil
	}
	add := func(name string, change func(*world)) {
		next := w
		change(&next)
		all = append(all, step{name: name, to: next})
	}
	say := func(kind string) func(*world) {
		return func(n *world) {
			n.toUs += kind + string('0'+n.request)
			n.printed++
		}
	}
	switch w.at {
	case atLoop:
		if strings.HasPrefix(w.toPHP, "o") {
			add("PHP reads the opening", func(n *world) { n.at, n.toPHP = opened, n.toPHP[1:] })
		}
	case opened:
		if w.toPHP != "" {
			add("PHP begins", func(n *world) {
				n.at, n.request, n.printed, n.toPHP = running, n.toPHP[0]-'0', 0, n.toPHP[1:]
				n.begun[n.request]++
			})
		}
	case running:
		if w.printed < 2 {
			add("PHP prints", say("p"))
			add("PHP logs", say("l"))
		}
		add("PHP ends its answer", func(n *world) {
			say("p")(n) // there is a head always
			say("e")(n)
			n.at, n.printed = late, 0
		})
	case late:
		if w.printed < 1 {
			add("PHP prints to nobody", say("p"))
			add("PHP logs to nobody", say("l"))
		}
		add("PHP goes back to its loop", func(n *world) { n.at = atLoop })
	}
	if w.forked == 0 && w.at == running {
		add("PHP forks", func(n *world) { n.forked = 1 })
	}
	if w.forked == 1 {
		add("the fork prints", func(n *world) { n.forked, n.toUs = 2, n.toUs+"pf" })
		add("the fork ends the answer", func(n *world) { n.forked, n.toUs = 2, n.toUs+"ef" })
	}
	add("PHP dies", func(n *world) { n.closed, n.toPHP = true, "" })
	return all
}

// hear lets the machine hear what has come first.
func (w *world) hear() error {
	kind, of := w.toUs[0], w.toUs[1]
	w.toUs = w.toUs[2:]
	said := Said{PID: phpPID}
	if of == 'f' {
		said.PID = forkPID
	}
	switch kind {
	case 'p':
		said.Kind = Output
	case 'l':
		said.Kind = Message
	case 'e':
		said.Kind, said.Head = End, w.gotHead
	}
	verdict := w.m.Hear(said)
	if verdict == Pass && said.Kind != Message {
		if of != '0'+w.asked {
			return fmt.Errorf("request %d gets what is of %c", w.asked, of)
		}
		w.gotHead = true
	}
	return nil
}

func (w world) ourSteps() (all []step) {
	add := func(name string, change func(*world) error) {
		next := w
		err := change(&next)
		all = append(all, step{name, next, err})
	}
	if w.m.Phase() == Over {
		return nil
	}
	if w.m.Phase() == Ready && w.asked < mostRequests && !w.looked {
		add("we ask", func(n *world) error {
			n.m.Ask()
			n.asked++
			n.gotHead = false
			if !n.closed {
				n.toPHP += string('0' + n.asked)
			}
			return nil
		})
	}
	if w.m.Phase() == Whole {
		add("we finish", func(n *world) error {
			n.m.Finish()
			if !n.closed {
				n.toPHP += "o"
			}
			return nil
		})
	}
	if w.m.Phase() == Answered && !w.looked && !strings.Contains(w.toPHP, "o") {
		add("we see that the opening was read", func(n *world) error { n.looked = true; return nil })
	}
	switch {
	case w.toUs != "":
		add("we hear", func(n *world) error { return n.hear() })
	case w.closed:
		add("we find that PHP has gone", func(n *world) error { n.m.Close(io.EOF); return nil })
	case w.looked:
		add("PHP is ready", func(n *world) error {
			n.looked = false
			n.m.OpeningRead()
			return nil
		})
	}
	return all
}

// wrong says what must not be in a state.
func (w world) wrong() error {
	for n, times := range w.begun {
		if times > 1 {
			return fmt.Errorf("request %d was begun %d times", n, times)
		}
		if times > 0 && byte(n) > w.asked {
			return fmt.Errorf("request %d was begun, and nobody has asked", n)
		}
	}
	alone := w.forked == 0
	switch {
	case w.m.Phase() == Ready && !w.closed && w.at != opened:
		return errors.New("the machine says ready, and PHP is at something else")
	case w.m.Phase() == Ready && alone && w.toUs != "":
		return fmt.Errorf("the machine says ready, and PHP has said %s", w.toUs)
	case w.m.Err() != nil && w.m.Err() != io.EOF && alone:
		return fmt.Errorf("PHP has done nothing wrong, and it is over: %w", w.m.Err())
	case w.m.Err() != nil && w.m.Err() != io.EOF && w.m.Err() != link.ErrOtherProcess:
		return fmt.Errorf("a fork has spoken, and it is over for another reason: %w", w.m.Err())
	}
	return nil
}

func TestNoAnswerComesToAnotherRequestWhateverHappens(t *testing.T) {
	first := world{m: Machine{pid: phpPID}, at: opened}
	from := map[world]step{first: {}}
	path := func(w world) (names []string) {
		for w != first {
			s := from[w]
			names = append([]string{s.name}, names...)
			w = s.to // here: where it came from
		}
		return names
	}
	reached := make(map[Phase]int)
	for next := []world{first}; len(next) > 0; {
		w := next[0]
		next = next[1:]
		reached[w.m.Phase()]++
		if err := w.wrong(); err != nil {
			t.Fatalf("%v, after: %s", err, strings.Join(path(w), "; "))
		}
		php, ours := w.phpSteps(), w.ourSteps()
		if w.m.Phase() != Over && len(ours) == 0 && len(php) <= 1 && !w.closed && w.asked < mostRequests { // it can only die
			t.Fatalf("both wait for each other, after: %s", strings.Join(path(w), "; "))
		}
		for _, s := range append(php, ours...) {
			if s.err != nil {
				t.Fatalf("%v, after: %s; %s", s.err, strings.Join(path(w), "; "), s.name)
			}
			if _, known := from[s.to]; !known {
				from[s.to] = step{name: s.name, to: w}
				next = append(next, s.to)
			}
		}
	}
	for _, p := range []Phase{Ready, Asked, Answering, Whole, Answered, Over} {
		if reached[p] == 0 {
			t.Errorf("phase %d was never reached", p)
		}
	}
	t.Logf("%d states", len(from))
}

func TestTheModelFindsAMachineThatTrustsTooEarly(t *testing.T) {
	// The same with a machine that takes PHP for ready as soon as it has answered.
	w := world{m: Machine{pid: phpPID}, at: opened}
	for _, name := range []string{"we ask", "PHP begins", "PHP prints", "PHP ends its answer", "we hear", "we hear", "we hear", "we finish"} {
		found := false
		for _, s := range append(w.phpSteps(), w.ourSteps()...) {
			if s.name == name && !found {
				w, found = s.to, true
			}
		}
		if !found {
			t.Fatalf("%q is not possible", name)
		}
	}
	w.m.OpeningRead()
	if w.wrong() == nil {
		t.Error("nobody notices")
	}
}
