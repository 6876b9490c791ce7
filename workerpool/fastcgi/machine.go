package fastcgi

import (
	"errors"

	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// Machine follows the conversation with one PHP process and judges each record that it sends. It is
// pure: no input or output, no clock, no lock; events go in by its methods, decisions come out. A
// Machine is a value: a copy goes its own way. It begins with a process that has read the opening of its first request.
//
// PHP reads the first eight bytes of the next request, its opening, when it is done with the one before, whatever
// that has done after its answer. So the opening is sent as soon as an answer is there, by itself,
// and when PHP has read it PHP is at its loop. An opening alone carries nothing out.
//
//	phase      sent                what may come from PHP
//	ready      the opening, read   nothing
//	asked      a whole request     messages; then the answer
//	answering  a whole request     the rest of the answer, messages
//	whole      a whole request     messages and output after the answer, which belong to nobody
//	answered   the opening         the same
//	over       -                   whatever it likes: nothing counts any more
//
// An answer is its head and body, in any number of records, and an end. What does not fit ends the conversation at
// once, and there is no way back.
type Machine struct {
	phase Phase
	pid   int // the process that may speak
	err   error
}

// Phase says how far PHP is with a request.
type Phase uint8

// The phases; see Machine.
const (
	Ready Phase = iota
	Asked
	Answering
	Whole
	Answered
	Over
)

// Said is what has come.
type Said struct {
	// Kind is what kind of record it is a part of.
	Kind Kind
	// PID is the process that has sent it.
	PID int
	// Head says, of an end, that the head of the answer was complete.
	Head bool
}

// Kind is a kind of record.
type Kind uint8

// The kinds of records.
const (
	Output  Kind = iota // of the head or the body of the answer
	Message             // for the log
	End                 // of the answer
	Foreign             // any other
)

// Verdict is what shall become of what has come.
type Verdict uint8

// The verdicts.
const (
	// Pass: it is a part of the answer, or a message.
	Pass Verdict = iota
	// Drop: nobody shall get it.
	Drop
	// Broken: it does not fit, and the process has to be ended. Err says why.
	Broken
)

// ErrNoHead says that an answer came to its end before its head did.
var ErrNoHead = errors.New("PHP ended its answer before the end of the headers")

// Phase is how far PHP is.
func (m *Machine) Phase() Phase { return m.phase }

// Err is why the conversation is over; nil while it is not.
func (m *Machine) Err() error { return m.err }

// Close ends the conversation, unless that has been done: the first reason stays.
func (m *Machine) Close(err error) {
	if m.phase != Over {
		m.phase, m.err = Over, err
	}
}

// Ask says that the rest of a request is sent. PHP must be ready.
func (m *Machine) Ask() {
	if m.phase != Ready {
		panic("fastcgi: a request to a process that is not ready")
	}
	m.phase = Asked
}

// Hear judges what has come.
func (m *Machine) Hear(s Said) Verdict {
	switch {
	case m.phase == Over:
	case s.PID != m.pid:
		m.Close(link.ErrOtherProcess)
	case m.phase == Ready:
		m.Close(link.ErrUnasked)
	case s.Kind == Foreign:
		m.Close(link.ErrForeign)
	case s.Kind == Message:
		return Pass
	case s.Kind == Output && (m.phase == Whole || m.phase == Answered):
		return Drop // PHP goes on printing after fastcgi_finish_request
	case s.Kind == Output:
		m.phase = Answering
		return Pass
	case m.phase == Whole || m.phase == Answered:
		m.Close(link.ErrAnsweredTwice)
	case !s.Head:
		m.Close(ErrNoHead)
	default:
		m.phase = Whole
		return Pass
	}
	return Broken
}

// Finish goes on when the whole answer has been taken: the opening of the next request is sent now.
func (m *Machine) Finish() {
	switch m.phase {
	case Whole:
		m.phase = Answered
	case Over:
	default:
		panic("fastcgi: an answer is finished that has not come in full")
	}
}

// OpeningRead says that PHP has read the opening of the next request, and that all that it had sent
// until then has been judged.
func (m *Machine) OpeningRead() {
	if m.phase == Answered {
		m.phase = Ready
	}
}
