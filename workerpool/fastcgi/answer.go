package fastcgi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

const (
	// pause is how long the next part of an answer is waited for before what is there is passed on.
	pause = 20 * time.Millisecond
	// maxHead is the longest head of an answer, in bytes.
	maxHead = 1 << 20
	// partSize is how large a part of a stream becomes at most.
	partSize = 256 << 10
)

var (
	// ErrHeadTooLong says that the headers of an answer are longer than 1 MB.
	ErrHeadTooLong = errors.New("the headers of the answer are too long")

	errBadRecord = errors.New("PHP sent what is not FastCGI")
	endOfHead    = []byte("\r\n\r\n")
)

// answer is what has come of one, and has not been passed on.
type answer struct {
	gathered goridge.FrameBuffer
	// searched is how much of the head has been looked through for its end; head is its length with that, 0
	// while it is not there, or when it has been passed on.
	searched, head int
	headThere      bool // its end has come
	atOnce         bool // what comes is passed on as it comes
	crowded        bool // the budget has no room for more
	streaming      bool // a part has been passed on
}

func (a *answer) reset() {
	a.gathered.Release()
	*a = answer{gathered: a.gathered}
}

// Answer reads the answer as a whole, or its next part: where PHP pauses, and where it becomes too large for the
// memory that there is. The first frame has the head of the answer as its context, without the empty line.
func (l *Link) Answer(f *goridge.Frame) error {
	for {
		if err := l.machine.Err(); err != nil {
			return l.dropAnswer(err)
		}
		if err := l.judge(); err != nil {
			return l.dropAnswer(err)
		}
		switch a := &l.answer; {
		case l.machine.Phase() == Whole:
			l.pass(f, false)
			a.reset()
			return nil
		case a.headThere && (a.crowded || l.large()):
			l.pass(f, true)
			return nil
		}
		passes, err := l.more()
		if err != nil {
			return l.dropAnswer(err)
		}
		if passes {
			l.pass(f, true)
			return nil
		}
	}
}

// large says that what is there is enough for a frame.
func (l *Link) large() bool {
	limit := l.options.MaxInMemory
	if l.answer.streaming || limit <= 0 {
		limit = partSize
	}
	return int64(l.answer.gathered.Len()) >= limit
}

// more receives what comes next. passes says that there is nothing for now, and that what is there is
// to be passed on.
func (l *Link) more() (passes bool, err error) {
	a := &l.answer
	if !a.headThere || a.streaming && a.gathered.Len() == 0 {
		return false, l.ended(l.receive(l.sock.read))
	}
	if err = l.receive(l.sock.tryRead); err != errAgain {
		return false, l.ended(err)
	}
	if a.atOnce {
		return true, nil
	}
	l.readWithin(pause)
	err = l.receive(l.sock.read)
	if ours := l.readWithin(0); ours && errors.Is(err, os.ErrDeadlineExceeded) {
		return true, nil
	}
	return false, l.ended(err)
}

// ended makes an error of receiving final.
func (l *Link) ended(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.machine.Close(io.EOF) // Break, or Interrupt: nobody reads on
		return err
	}
	if err != nil {
		return l.over(err)
	}
	return nil
}

// dropAnswer gives up what has come of an answer.
func (l *Link) dropAnswer(err error) error {
	short := l.endBody()
	l.answer.reset()
	if short != nil {
		return short
	}
	return err
}

// pass makes a frame of what is there.
func (l *Link) pass(f *goridge.Frame, more bool) {
	a := &l.answer
	from, context := 0, 0
	if a.head > 0 {
		// The empty line goes: the head moves up to the body.
		text := a.gathered.Bytes()
		from = min(a.head, len(endOfHead))
		context = a.head - from
		copy(text[from:], text[:context])
	}
	a.gathered.Take(f, from, context, more, a.crowded)
	a.head, a.crowded, a.streaming = 0, false, true
}

// receive takes what the process has sent, when all before has been judged as far as that goes.
func (l *Link) receive(from func([]byte) (int, int, error)) error {
	if room := l.directly(); room != nil {
		n, sender, err := from(room)
		if err == nil && l.machine.Hear(Said{Kind: Output, PID: sender}) == Pass {
			l.answer.gathered.Add(n)
			l.content -= n
		}
		if err != nil {
			return err
		}
		return l.machine.Err()
	}
	l.end = copy(l.in, l.in[l.start:l.end])
	l.start = 0
	n, sender, err := from(l.in[l.end:])
	if err != nil {
		return err
	}
	if l.pid == 0 { // the first that it says: see Connect
		l.pid, l.machine.pid = sender, sender
	}
	l.end += n
	if sender != l.pid { // whatever it says
		l.machine.Hear(Said{Kind: Foreign, PID: sender})
	}
	return l.machine.Err()
}

// directly is where the content of a large record goes, of which nothing has been received that is not judged; nil: it
// goes the way of all else.
func (l *Link) directly() []byte {
	a := &l.answer
	if l.typ != typeStdout || l.content < len(l.in)/2 || l.start < l.end || !a.headThere || l.machine.Phase() != Answering {
		return nil
	}
	if room := a.gathered.Room(l.content); room != nil {
		return room[:l.content]
	}
	return nil
}

// judge takes what has been received apart, as far as it goes.
func (l *Link) judge() error {
	for more := true; more && l.machine.Err() == nil; {
		more = l.step()
	}
	return l.machine.Err()
}

// step takes the next piece; false says that not enough of it is there, that there is no room for it,
// or that it is wrong.
func (l *Link) step() bool {
	switch {
	case l.typ == 0:
		return l.header()
	case l.typ == typeEnd && l.content > 0:
		return l.endOfAnswer()
	case l.content > 0:
		return l.start < l.end && l.part()
	case l.fill > 0:
		n := min(l.fill, l.end-l.start)
		l.start += n
		l.fill -= n
		return n > 0
	}
	l.typ = 0
	return l.start < l.end
}

// header reads that of the next record; false says that it is not all there, or wrong.
func (l *Link) header() bool {
	h := l.in[l.start:l.end]
	if len(h) < headerSize {
		return false
	}
	if h[0] != version || binary.BigEndian.Uint16(h[2:]) != requestID {
		l.machine.Close(errBadRecord)
		return false
	}
	l.typ, l.content, l.fill = h[1], int(binary.BigEndian.Uint16(h[4:])), int(h[6])
	l.start += headerSize
	if l.typ == typeStdout || l.typ == typeStderr || l.typ == typeEnd && l.content == endSize {
		return true
	}
	return l.machine.Hear(Said{Kind: Foreign, PID: l.pid}) != Broken
}

// endOfAnswer reads the content of such a record; false says that it is not all there, or wrong.
func (l *Link) endOfAnswer() bool {
	const status = 4 // of the protocol, behind that of the application
	if l.end-l.start < l.content {
		return false
	}
	said := Said{Kind: End, PID: l.pid, Head: l.answer.headThere}
	if l.in[l.start+status] != 0 {
		said.Kind = Foreign
	}
	l.start += l.content
	l.content = 0
	return l.machine.Hear(said) != Broken
}

// part takes what is there of a record's content; false says that there is no room for it, or that it is wrong.
func (l *Link) part() bool {
	n := min(l.content, l.end-l.start)
	text := l.in[l.start : l.start+n]
	said := Said{Kind: Message, PID: l.pid}
	if l.typ == typeStdout {
		said.Kind = Output
	}
	switch verdict := l.machine.Hear(said); {
	case verdict == Broken:
		return false
	case verdict == Drop:
	case l.typ == typeStderr:
		if l.options.Messages != nil {
			_, _ = l.options.Messages.Write(text)
		}
	case !l.take(text):
		return false
	}
	l.start += n
	l.content -= n
	return true
}

// take adds a part to the answer.
func (l *Link) take(text []byte) bool {
	a := &l.answer
	if a.headThere {
		a.crowded = !a.gathered.Write(text)
		return !a.crowded
	}
	a.gathered.MustWrite(text) // the head has its own bound
	head := a.gathered.Bytes()
	if bytes.HasPrefix(head, endOfHead[:2]) { // no header at all
		a.head, a.headThere = 2, true
		return true
	}
	at := bytes.Index(head[a.searched:], endOfHead)
	if at < 0 {
		a.searched = max(0, len(head)-len(endOfHead)+1)
		if len(head) > maxHead {
			l.machine.Close(ErrHeadTooLong)
			return false
		}
		return true
	}
	a.head, a.headThere = a.searched+at+len(endOfHead), true
	a.atOnce = passesAtOnce(head[:a.head])
	return true
}

// passesAtOnce says that the head of an answer wants its body to be passed on as it comes.
func passesAtOnce(head []byte) bool {
	for line := range bytes.SplitSeq(head, endOfHead[:2]) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		value, _, _ = bytes.Cut(value, []byte(";"))
		value = bytes.TrimSpace(value)
		if bytes.EqualFold(name, []byte("Content-Type")) && bytes.EqualFold(value, []byte("text/event-stream")) ||
			bytes.EqualFold(name, []byte("X-Accel-Buffering")) && bytes.EqualFold(value, []byte("no")) {
			return true
		}
	}
	return false
}
