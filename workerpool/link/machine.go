package link

import "errors"

// Machine follows the conversation with one worker and judges each frame that it says.
// It is pure: no input or output, no clock, no lock; events go in by its methods,
// decisions come out. A Machine is a value: a copy goes its own way.
//
// It holds the requests that have been sent and are not done, oldest first. Only the
// first, the front, can have been begun: a worker answers in order, and reads the next
// request when it is done with the one before. What may come from the worker, in order:
//
//	phase      what lies in the pipe, or will
//	ready      nothing; with spare, at most one pid reply
//	asked      with spare, at most one pid reply; then the front's whole answer, its end,
//	           and the same of each request behind
//	streaming  the rest of the front's answer, its end, and what lies behind
//	whole      as answered; Finish says how many pid frames more are asked
//	answered   the front's end, and what lies behind
//	over       whatever it likes: nothing counts any more
//
// An answer is one frame, or several of which all but the last say that more follow; or an
// error frame, instead of it or of its last part. An end, of RoadRunner's packages: any
// number of error frames and wishes to be replaced, and so many pid replies as replies
// says, since the worker looks for our pid frame only when it is back at its
// loop. An end, of a worker that numbers its answers: the mark done, with the answer's last
// frame or in a frame of its own, and nothing else; each frame has the front's number.
//
// What does not fit ends the conversation at once, and there is no way back.
type Machine struct {
	numbers bool // the worker numbers its answers
	pid     int  // the worker's, which each pid reply repeats

	phase    Phase
	replies  uint8 // answered: pid replies until the front is done
	spare    bool  // ready, asked: one pid reply more may come than have been waited for
	alone    bool  // ready, asked: since spare, no answer has come that shows what the reply was
	streamed bool  // the front's answer has more than one frame
	peeked   bool  // streaming: the worker may have dropped what it found in the pipe
	repeats  bool  // streaming: it repeats the head with each part
	done     bool  // whole: its last frame said that the worker is done
	wish     bool  // the worker wants to be replaced
	err      error // over: why

	n       uint8             // requests that are not done
	queue   [maxQueue]request // the first n of them
	counted uint32            // the number of the request sent last
}

// maxQueue is how many requests a worker may have at most, and maxBehind how many of
// them behind the front.
const (
	maxQueue  = MaxBehind + 1
	MaxBehind = 7
)

// request is one that has been sent.
type request struct {
	number   uint32
	probed   bool // a pid frame follows it directly
	orphaned bool // nobody waits for its answer any more
}

// Phase says how far the worker is with its front request.
type Phase uint8

// The phases; see Machine.
const (
	Ready Phase = iota
	Asked
	Streaming
	Whole
	Answered
	Over
)

// Kind is what a frame is.
type Kind uint8

// The kinds of frames.
const (
	Answer  Kind = iota // an answer, or a part of it
	Failure             // an error
	Wish                // the worker wants to be replaced
	Here                // a pid reply
	Done                // the worker is done with a request
	Foreign             // any other control frame
)

// Said is what a frame says.
type Said struct {
	Kind   Kind
	More   bool   // Answer: further frames of it follow
	Done   bool   // Answer, Failure: the worker is done with the request
	Head   bool   // Answer: it has a status and headers, as the first frame of an answer
	Peeks  bool   // Answer: the worker looks now for what we say, and may drop what it finds
	Number uint32 // of the request; 0: none is told
	PID    int    // Here: the worker's
}

// Verdict is what shall become of a frame.
type Verdict uint8

// The verdicts.
const (
	// Pass: it is for the front request.
	Pass Verdict = iota
	// Drop: nobody shall get it.
	Drop
	// End: it does not fit, and the worker has to be ended. Err says why.
	End
)

// Reasons why a conversation is over. Their texts say what each means.
var (
	ErrUnasked         = errors.New("the worker spoke without having been asked")
	ErrPassedOver      = errors.New("the worker asked for the next request without having answered this one")
	ErrAnsweredTwice   = errors.New("the worker answered a request twice; it must respond exactly once to each")
	ErrWrongNumber     = errors.New("the worker answered a request that is not its turn")
	ErrOtherProcess    = errors.New("another process than the worker answered, as a forked one does that goes on in its loop")
	ErrForeign         = errors.New("the worker sent a message that does not belong here")
	ErrAskedToStop     = errors.New("the worker asked to be replaced")
	ErrCanceled        = errors.New("the answer was canceled, and the conversation with it")
	ErrLeft            = errors.New("requests behind a stream have been given to other workers")
	ErrAbandonedStream = errors.New("the worker streams to nobody")
)

// NewMachine begins at a worker that has just told its pid for the first time, and
// nothing else is on its way.
func NewMachine(pid int, numbers bool) Machine { return Machine{pid: pid, numbers: numbers} }

// Phase returns how far the worker is.
func (m *Machine) Phase() Phase { return m.phase }

// Err is why the conversation is over; nil while it is not.
func (m *Machine) Err() error { return m.err }

// AskedToStop says that the worker has asked to be replaced.
func (m *Machine) AskedToStop() bool { return m.wish }

// Front is the number of the front request, the first of the queue; 0: there is none.
func (m *Machine) Front() uint32 {
	if m.n == 0 {
		return 0
	}
	return m.queue[0].number
}

// MayAsk says that a request may be sent, and that it is the front then.
func (m *Machine) MayAsk() bool { return m.phase == Ready && !m.wish }

// MayAskAhead says that one more request may be sent behind those that there are. It must
// be one that may be carried out twice: if it has to be left, nobody knows whether the worker
// comes to it. Nothing goes behind a request whose pid frame is still to be sent, behind an
// answer that comes in parts, or where a pid reply could be that of a request passed over.
func (m *Machine) MayAskAhead() bool {
	if m.n == 0 || m.n == maxQueue || m.wish || m.alone || m.phase != Asked && m.phase != Answered {
		return false
	}
	last := m.queue[m.n-1]
	return !last.orphaned && (m.numbers || last.probed)
}

// Ask notes that a request is sent, with a pid frame directly behind it where probed. It
// returns the request's number, which is never 0. It panics where neither MayAsk nor
// MayAskAhead holds.
func (m *Machine) Ask(probed bool) uint32 {
	switch {
	case m.MayAsk():
		m.phase = Asked
	case !m.MayAskAhead():
		panic("link: a request is sent where none may be")
	}
	if m.counted++; m.counted == 0 {
		m.counted++
	}
	m.queue[m.n] = request{number: m.counted, probed: probed}
	m.n++
	return m.counted
}

// Abandon gives up all requests behind the front: what the worker answers to them is
// dropped. The front itself may be one that has been given up before.
func (m *Machine) Abandon() {
	for i := 1; i < int(m.n); i++ {
		m.queue[i].orphaned = true
	}
}

// FrontOrphaned says that nobody waits for the answer to the front request.
func (m *Machine) FrontOrphaned() bool { return m.n > 0 && m.queue[0].orphaned }

// Owes says that a request which has been given up is not done.
func (m *Machine) Owes() bool { return m.n > 0 && m.queue[m.n-1].orphaned }

// Close ends the conversation, because the worker has gone or is to go. Only the first
// reason counts.
func (m *Machine) Close(err error) {
	if m.phase != Over {
		m.phase, m.err = Over, err
	}
}

// Hear judges the next frame of the worker. A frame that passes may be long: Finish waits
// until all of it has been read.
func (m *Machine) Hear(s Said) Verdict {
	if m.phase == Over {
		return End
	}
	if err := m.misfit(s); err != nil {
		m.Close(err)
		return End
	}
	if m.numbers {
		return m.hearNumbered(s)
	}
	return m.hear(s)
}

// misfit says why a frame cannot be right, whatever the phase.
func (m *Machine) misfit(s Said) error {
	switch {
	case s.Kind == Foreign:
		return ErrForeign
	case m.phase == Whole:
		return ErrForeign // Finish is missing
	case m.n == 0 && s.Kind == Wish:
		return ErrAskedToStop
	case m.n == 0 && !(s.Kind == Here && m.spare):
		return ErrUnasked
	case m.numbers && (s.Kind == Here || s.Kind == Wish):
		return ErrForeign
	case m.numbers && s.Number != m.queue[0].number:
		return ErrWrongNumber
	case !m.numbers && (s.Number != 0 || s.Done || s.Kind == Done):
		return ErrForeign
	case s.Kind == Here && s.PID != m.pid:
		return ErrOtherProcess
	case s.More && m.queue[0].orphaned:
		return ErrAbandonedStream
	}
	return nil
}

// hear judges a frame of RoadRunner's packages.
func (m *Machine) hear(s Said) Verdict {
	switch {
	case s.Kind == Here:
		return m.hearPID()
	case m.phase == Answered && s.Kind == Answer:
		return m.end(ErrAnsweredTwice)
	case m.phase == Answered: // the request's last words
		m.wish = m.wish || s.Kind == Wish
		return Drop
	case s.Kind == Wish:
		return m.end(ErrAskedToStop)
	case m.phase == Streaming && m.peeked && m.n > 1 && (s.Head && !m.repeats || s.Kind == Failure):
		// Where the pid frame behind the stream was dropped, and the stream never ended, this is the
		// answer to the request behind.
		return m.end(ErrLeft)
	}
	m.repeats = m.repeats || m.phase == Streaming && s.Head
	return m.take(s)
}

// hearPID judges a pid reply.
func (m *Machine) hearPID() Verdict {
	switch {
	case m.spare && (m.phase == Ready || m.phase == Asked):
		m.spare = false
		return Drop
	case m.phase == Asked:
		return m.end(ErrPassedOver)
	case m.phase != Answered:
		return m.end(ErrForeign)
	}
	if m.replies--; m.replies == 0 {
		m.next()
	}
	return Drop
}

// hearNumbered judges a frame of the front, of a worker that numbers its answers.
func (m *Machine) hearNumbered(s Said) Verdict {
	switch {
	case m.phase == Answered && s.Kind == Done:
		m.next()
		return Drop
	case m.phase == Answered:
		return m.end(ErrAnsweredTwice)
	case m.phase == Asked && s.Kind == Done:
		return m.end(ErrPassedOver)
	case s.Kind == Done, s.More && s.Done:
		return m.end(ErrForeign)
	}
	return m.take(s)
}

// take takes a part of the front's answer.
func (m *Machine) take(s Said) Verdict {
	m.spare, m.alone = false, false // the reply would have come before
	m.streamed = m.streamed || s.More || m.phase == Streaming
	m.peeked = m.peeked || s.Peeks
	m.done = s.Done
	if s.More {
		m.phase = Streaming
	} else {
		m.phase = Whole
	}
	if m.queue[0].orphaned {
		return Drop
	}
	return Pass
}

// Finish goes on when the front's answer has been read in full. stopped says that a frame
// was sent meanwhile that asks for the end of a stream. It returns how many pid
// frames are to be sent now, before anything else.
//
// Behind a stream the pid frame that follows the request may be answered or not: the 3.x
// client drops what it finds while it looks for a pong. So another one is sent. The
// first reply says that the worker is back at its loop, and the second may never come: it
// is spare. A client older than 3.x answers a stop frame as if it were a request, between the
// replies to the frames before and behind it: then the second of the two sent behind
// tells that this is past.
func (m *Machine) Finish(stopped bool) (probes int) {
	if m.phase != Whole {
		panic("link: an answer is finished that has not come in full")
	}
	front := m.queue[0]
	m.phase = Answered
	switch {
	case m.numbers && m.done:
		m.next()
	case m.numbers:
	case m.streamed && m.n > 1:
		m.Close(ErrLeft)
	case m.streamed && stopped:
		m.spare, probes = front.probed, 2
	case m.streamed:
		m.spare, probes = front.probed, 1
	case !front.probed:
		probes = 1
	}
	m.replies, m.alone = uint8(max(1, probes)), m.spare
	return probes
}

// next makes the request behind the front the front.
func (m *Machine) next() {
	copy(m.queue[:], m.queue[1:m.n])
	m.n--
	m.queue[m.n] = request{}
	m.streamed, m.peeked, m.repeats, m.done, m.replies = false, false, false, false, 0
	m.phase = Asked
	if m.n == 0 {
		m.phase = Ready
	}
}

func (m *Machine) end(err error) Verdict {
	m.Close(err)
	return End
}
