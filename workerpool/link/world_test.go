//go:build !race

package link

// A world is a machine, the two pipes, and what stands at their other end: a model of
// PHP. All of it is one comparable value, so that each state is explored once.
type world struct {
	machine  Machine
	toPHP    queueOf[token]
	fromPHP  queueOf[frame]
	php      [2]process // the second one is a fork of the first
	forked   bool
	dead     bool  // all processes have ended
	stopped  bool  // a stop frame was sent for the stream at hand
	asked    uint8 // requests sent
	begun    uint8 // those that PHP has begun with, a bit each
	twice    uint8 // and those that it has begun with twice
	sins     uint8 // how often PHP may still do what it must not
	sinned   bool  // it has
	declined bool  // the worker has asked to be replaced
	wrong    uint8 // requests that got a frame that is not for them, a bit each
	odd      bool  // a frame passed that is no part of an answer, or when none may
	cut      bool  // a stream was broken off
}

// token is a frame for PHP: a request, or one of the others.
type token struct {
	kind   tokenKind
	number uint8
}

type tokenKind uint8

const (
	aRequest tokenKind = iota
	aProbe
	aStop
)

// frame is one of PHP's, as short as can be. owner is the request that it is really for; 0
// is nobody.
type frame struct {
	kind       Kind
	more, done bool
	head       bool // Answer: the first of it
	peeks      bool // Answer: what lies in the pipe may be dropped from now on
	child      bool // Here: it is the fork's pid
	number     uint8
	owner      uint8
}

func (f frame) said() Said {
	s := Said{Kind: f.kind, More: f.more, Done: f.done, Head: f.head, Peeks: f.peeks, Number: uint32(f.number)}
	if f.kind == Here {
		s.PID = pid
		if f.child {
			s.PID = childPID
		}
	}
	return s
}

// process is a PHP process and where it stands.
type process struct {
	at     place
	number uint8 // the request that it is at
	chunks uint8 // of its stream, sent so far
}

type place uint8

const (
	inLoop place = iota
	inRequest
	inStream
	behindAnswer
)

// queueOf is a pipe of limited length.
type queueOf[T comparable] struct {
	items [6]T
	n     uint8
}

func (q *queueOf[T]) full() bool { return int(q.n) > len(q.items)-2 }

func (q *queueOf[T]) push(v T) {
	q.items[q.n] = v
	q.n++
}

func (q *queueOf[T]) pop() T {
	v := q.items[0]
	copy(q.items[:], q.items[1:q.n])
	q.n--
	q.items[q.n] = *new(T)
	return v
}

// model says what kind of PHP is at the other end.
type model struct {
	name     string
	numbers  bool  // our loop
	streams  bool  // answers may be streams
	skips    bool  // and then it may drop what it finds, as the 3.x client does, from its first ping on
	repeats  bool  // each part of a stream has the head
	oldStop  bool  // answers a stop frame with an error, as the 2.x client does
	wishes   bool  // may ask to be replaced
	late     bool  // may report an error after its answer
	large    bool  // requests may be too large for a pid frame right behind them
	sins     uint8 // how often it misbehaves, in the ways below
	doubles  bool  // answers twice
	passes   bool  // asks for the next request without having answered
	givesUp  bool  // or without having ended a stream
	strays   bool  // says anything at any time
	forks    bool  // a fork goes on in the loop
	requests uint8 // how many there are
	wrong    int   // how many requests may get a frame that is not for them
}

const childPID = pid + 1

// steps are all worlds that can follow.
func (m *model) steps(w world, follow func(what string, w world)) {
	m.serverSteps(w, follow)
	if w.dead {
		return
	}
	for i := range w.php {
		if i == 0 || w.forked {
			m.phpSteps(w, i, follow)
		}
	}
	w.dead = true
	follow("the worker dies", w)
}

// serverSteps are those of whoever uses the machine.
func (m *model) serverSteps(w world, follow func(string, world)) {
	if w.machine.Phase() == Over {
		return
	}
	if w.asked < m.requests && !w.toPHP.full() && !w.dead {
		if w.machine.MayAsk() {
			m.ask(w, true, "a request is sent", follow)
			if m.large && !m.numbers {
				m.ask(w, false, "a large request is sent", follow)
			}
		} else if w.machine.MayAskAhead() {
			m.ask(w, true, "a request is sent ahead", follow)
		}
	}
	if w.machine.n > 1 {
		next := w
		next.machine.Abandon()
		if next != w {
			follow("the requests behind are left", next)
		}
	}
	streaming := w.machine.Phase() == Streaming || w.machine.Phase() == Whole && w.machine.streamed
	if streaming && !w.stopped && !w.toPHP.full() {
		next := w
		next.stopped = true
		next.toPHP.push(token{kind: aStop})
		follow("the client of the stream has gone", next)
	}
	if w.machine.Phase() == Whole {
		next := w
		for range next.machine.Finish(w.stopped) {
			next.toPHP.push(token{kind: aProbe})
		}
		next.stopped = false
		follow("the answer has been read", next)
		return
	}
	if w.fromPHP.n > 0 {
		next := w
		f := next.fromPHP.pop()
		front := uint8(next.machine.Front())
		due := (f.kind == Answer || f.kind == Failure) && !w.machine.FrontOrphaned() &&
			(w.machine.Phase() == Asked || w.machine.Phase() == Streaming)
		if next.machine.Hear(f.said()) == Pass {
			next.odd = !due
			if f.owner != front {
				next.wrong |= 1 << front
			}
		}
		next.cut = w.machine.Phase() == Streaming && f.kind == Answer && next.machine.Err() == ErrLeft
		follow("a frame is heard", next)
	}
}

func (m *model) ask(w world, probed bool, what string, follow func(string, world)) {
	probed = probed && !m.numbers
	w.asked = uint8(w.machine.Ask(probed))
	w.toPHP.push(token{aRequest, w.asked})
	if probed {
		w.toPHP.push(token{kind: aProbe})
	}
	follow(what, w)
}

// phpSteps are those of the ith process.
func (m *model) phpSteps(w world, i int, follow func(string, world)) {
	if w.fromPHP.full() {
		return
	}
	p := &w.php[i]
	if w.sins > 0 && m.strays {
		m.stray(w, follow)
	}
	switch p.at {
	case inLoop:
		if w.toPHP.n > 0 {
			m.read(w, i, follow)
		}
	case inRequest:
		m.answer(w, i, follow)
	case inStream:
		m.stream(w, i, follow)
	case behindAnswer:
		m.finish(w, i, follow)
	}
}

// read is the loop: PHP takes the next frame.
func (m *model) read(w world, i int, follow func(string, world)) {
	p := &w.php[i]
	switch t := w.toPHP.pop(); t.kind {
	case aRequest:
		bit := uint8(1) << t.number
		w.twice |= w.begun & bit
		w.begun |= bit
		p.at, p.number = inRequest, t.number
		follow("PHP begins a request", w)
	case aProbe:
		w.say(frame{kind: Here, child: i == 1})
		follow("PHP tells its pid", w)
	case aStop:
		if m.oldStop {
			w.say(frame{kind: Failure})
		}
		follow("PHP finds a stop frame in its loop", w)
	}
}

func (w *world) say(f frame) { w.fromPHP.push(f) }

// of is a frame for the request that the process is at.
func (m *model) of(p process, f frame) frame {
	if m.numbers {
		f.number = p.number
	}
	f.owner = p.number
	return f
}

// answer is what PHP may say first.
func (m *model) answer(w world, i int, follow func(string, world)) {
	say := func(what string, f frame, at place) {
		next := w
		next.say(m.of(w.php[i], f))
		next.php[i].at = at
		if at == inLoop {
			next.php[i] = process{}
		}
		follow(what, next)
	}
	say("PHP answers", frame{kind: Answer, head: true}, behindAnswer)
	say("PHP reports an error", frame{kind: Failure}, behindAnswer)
	if m.numbers {
		say("PHP answers and is done", frame{kind: Answer, head: true, done: true}, inLoop)
	}
	if m.streams {
		say("PHP begins a stream", frame{kind: Answer, head: true, more: true}, inStream)
	}
	if m.wishes && !m.numbers {
		next := w
		next.declined = true
		next.say(m.of(w.php[i], frame{kind: Wish}))
		next.php[i] = process{}
		follow("PHP wants to be replaced instead", next)
	}
	if m.passes && w.sins > 0 {
		next := w
		next.sins--
		next.sinned = true
		if m.numbers {
			next.say(m.of(w.php[i], frame{kind: Done}))
		}
		next.php[i] = process{}
		follow("PHP passes a request over", next)
	}
	if m.forks && w.sins > 0 && !w.forked {
		next := w
		next.sins--
		next.sinned, next.forked = true, true
		next.php[1] = next.php[0]
		follow("PHP forks", next)
	}
}

// stream is what PHP may say within a stream.
func (m *model) stream(w world, i int, follow func(string, world)) {
	p := w.php[i]
	most := uint8(1)
	if m.repeats { // that is seen before it looks for a pong
		most = 2
	}
	if p.chunks < most {
		next := w
		next.say(m.of(p, frame{kind: Answer, more: true, head: m.repeats, peeks: m.skips && p.chunks == most-1}))
		next.php[i].chunks++
		follow("PHP streams on", next)
	}
	for _, kind := range []Kind{Answer, Failure} {
		next := w
		next.say(m.of(p, frame{kind: kind}))
		next.php[i].at, next.php[i].chunks = behindAnswer, 0
		follow("PHP ends its stream", next)
	}
	if m.givesUp && w.sins > 0 {
		next := w
		next.sins--
		next.sinned = true
		if m.numbers {
			next.say(m.of(p, frame{kind: Done}))
		}
		next.php[i] = process{}
		follow("PHP goes back to its loop within a stream", next)
	}
	if m.skips && w.toPHP.n > 0 && p.chunks > most-1 {
		next := w
		t := next.toPHP.pop()
		if t.kind == aStop {
			next.say(m.of(p, frame{kind: Answer}))
			next.php[i].at, next.php[i].chunks = behindAnswer, 0
		}
		follow("PHP looks for a stop frame, and drops what it finds", next)
	}
}

// finish is what PHP may do between its answer and its loop.
func (m *model) finish(w world, i int, follow func(string, world)) {
	p := w.php[i]
	next := w
	if m.numbers {
		next.say(m.of(p, frame{kind: Done}))
	}
	next.php[i] = process{}
	follow("PHP goes back to its loop", next)
	if m.late && !m.numbers {
		next := w
		next.say(m.of(p, frame{kind: Failure}))
		next.php[i] = process{}
		follow("PHP reports an error after its answer", next)
	}
	if m.wishes && !m.numbers {
		next := w
		next.declined = true
		next.say(m.of(p, frame{kind: Wish}))
		next.php[i] = process{}
		follow("PHP wants to be replaced after its answer", next)
	}
	if m.doubles && w.sins > 0 {
		next := w
		next.sins--
		next.sinned = true
		next.say(m.of(p, frame{kind: Answer}))
		follow("PHP answers twice", next)
	}
}

// stray is a frame that nobody asked for.
func (m *model) stray(w world, follow func(string, world)) {
	w.sins--
	w.sinned = true
	say := func(f frame) {
		next := w
		next.say(f)
		follow("a stray frame", next)
	}
	for _, f := range []frame{{kind: Answer}, {kind: Answer, more: true}, {kind: Failure}, {kind: Wish}, {kind: Here}, {kind: Done}, {kind: Foreign}} {
		say(f)
		if m.numbers { // also of any request that there was, for which it may be taken then
			for number := uint8(1); number <= w.asked; number++ {
				f.number, f.owner = number, number
				say(f)
			}
		}
	}
}
