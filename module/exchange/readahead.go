package exchange

import (
	"io"
	"sync"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// pieceSize is how much of the file is in memory at once, in bytes: as much as an answer has where there is no room.
const pieceSize = 16 << 10

// readAhead is the turn of an answer that comes in parts because PHP pauses within it, not because it asks for that: as PHP-FPM
// has it, where whoever reads slowly holds no process. A goroutine of its own reads what PHP says, and ends the turn;
// the client takes it from here. So much is kept as of an answer that comes at once: beyond that PHP waits.
//
// For one goroutine, but for Cancel.
type readAhead struct {
	options *Options
	turn    Turn
	frame   goridge.Frame // the part that is being passed on

	mu      sync.Mutex // never held while the file is written or read
	changed sync.Cond
	parts   []*part  // to be passed on next
	held    int64    // how much of the body parts and frame have, in memory and in file
	file    partFile // has what there is no memory for; nil while there is none. Set by run only
	stored  int64    // how much of that is in use: it is filled anew when all of it has been passed on. Set by run only
	read    int64    // how much of that has been passed on; what lies before it and behind stored nobody reads
	full    bool     // the last part went where there was no room for it
	err     error    // why there are no further parts; io.EOF after the last
	cut     bool     // Cancel came before the last part
	closed  bool     // nobody takes any more
}

// partFile is written by one goroutine while another one reads what lies before that, and may be closed meanwhile.
type partFile interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
}

// part is what has been read. Its frame has no payload where that is in the file: then it may be that of several.
type part struct {
	frame  goridge.Frame
	stored int64
}

// readAhead takes the turn of an answer over. over is called when the worker is free again.
func (o *Options) readAhead(a Answer, over func()) Answer {
	return (&readAhead{options: o, turn: a.Turn}).begin(a, over)
}

func (q *readAhead) begin(a Answer, over func()) Answer {
	q.changed.L = &q.mu
	a.Frame.MoveTo(&q.frame)
	q.held = int64(len(q.frame.Body()))
	go q.run(a, over)
	return Answer{Turn: q, Frame: &q.frame, PID: a.PID, Executed: a.Executed}
}

// run reads parts until there are no more, or nobody takes them.
func (q *readAhead) run(a Answer, over func()) {
	defer a.Close()
	defer over()
	for q.wait() {
		if err := a.Next(); err != nil {
			q.end(err)
			return
		}
		q.put(a.Frame)
	}
}

// wait waits until there is room for another part. False says that nobody takes it.
func (q *readAhead) wait() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && (q.held > 0 && q.held >= q.options.Buffer || q.stored > q.read && q.stored >= q.options.Buffer || q.full && len(q.parts) > 0) {
		q.changed.Wait()
	}
	return !q.closed
}

// end says why there are no further parts.
func (q *readAhead) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
	q.changed.Broadcast()
}

// put takes a part. However small it is, its frame has taken memory, whether there was any or not.
func (q *readAhead) put(f *goridge.Frame) {
	if q.join(f) {
		return
	}
	size := int64(len(f.Body()))
	crowded := size > 0 && (f.Crowded() || !q.options.Memory.Budget.Take(0))
	stored := crowded && q.store(f.Body())
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.changed.Broadcast()
	if q.closed {
		return
	}
	q.held += size
	q.full = crowded && !stored
	if stored {
		q.stored += size
		if last := q.last(); last != nil && last.stored > 0 {
			last.stored += size
			last.frame.Stream = f.Stream
			f.Release()
			return
		}
	}
	p := new(part)
	f.MoveTo(&p.frame)
	if stored {
		p.stored = size
		p.frame.Release()
	}
	q.parts = append(q.parts, p)
}

// join adds a part to the one before, where that has room for it, and reports whether it has.
func (q *readAhead) join(f *goridge.Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := int64(len(f.Body()))
	last := q.last()
	if last == nil || !last.frame.Join(f) {
		return false
	}
	q.held += size
	q.changed.Broadcast()
	return true
}

// last is the part that came last, unless it has been passed on. It needs the lock.
func (q *readAhead) last() *part {
	if n := len(q.parts); n > 0 {
		return q.parts[n-1]
	}
	return nil
}

// store writes what a part has behind what the file has, and reports whether it takes it.
func (q *readAhead) store(body []byte) bool {
	if q.file == nil && !q.makeFile() {
		return false
	}
	q.mu.Lock()
	if q.read == q.stored {
		q.read, q.stored = 0, 0
	}
	q.mu.Unlock()
	_, err := q.file.WriteAt(body, q.stored)
	return err == nil
}

// makeFile reports whether there is a file now.
func (q *readAhead) makeFile() bool {
	file, err := q.options.newAnswerFile()
	if err != nil {
		q.options.Logger.Warn("an answer for which there is no memory cannot go to a file, so a slow client holds it, and its worker", zap.Error(err))
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		file.Close()
		return false
	}
	q.file = file
	return true
}

// Open reports that there may be further parts.
func (q *readAhead) Open() bool { return true }

// Next returns io.EOF after the last part, and what the turn has returned where that is something else, after
// the parts before.
func (q *readAhead) Next() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held -= int64(len(q.frame.Body()))
	q.frame.Release()
	q.changed.Broadcast()
	for len(q.parts) == 0 && q.err == nil {
		q.changed.Wait()
	}
	if len(q.parts) == 0 {
		return q.err
	}
	p := q.parts[0]
	if p.stored == 0 {
		q.parts = q.parts[1:]
		p.frame.MoveTo(&q.frame)
		return nil
	}
	q.frame = goridge.Frame{Payload: make([]byte, min(p.stored, pieceSize))}
	err := q.readFile(q.frame.Payload)
	p.stored -= int64(len(q.frame.Payload))
	if p.stored > 0 || p.frame.More() {
		q.frame.Stream = goridge.StreamMore
	}
	if p.stored == 0 {
		q.parts = q.parts[1:]
	}
	return err
}

// readFile reads what lies next in the file, without the lock, which it needs: meanwhile the part that it is of may become longer.
func (q *readAhead) readFile(piece []byte) error {
	file, at := q.file, q.read
	q.mu.Unlock()
	_, err := file.ReadAt(piece, at)
	q.mu.Lock()
	q.read += int64(len(piece))
	q.changed.Broadcast()
	if err == io.EOF { // not that of the answer
		err = io.ErrUnexpectedEOF
	}
	return err
}

// NextHead is Next: the head is there.
func (q *readAhead) NextHead() error { return q.Next() }

// Cancel asks the worker to end the answer, unless it has.
func (q *readAhead) Cancel() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cancel()
}

// cancel needs the lock.
func (q *readAhead) cancel() {
	if q.err == nil {
		q.cut = true
		q.turn.Cancel()
	}
}

// Cut reports whether Cancel has ended the answer.
func (q *readAhead) Cut() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.cut
}

// Close gives up what has not been passed on. The turn ends in the background.
func (q *readAhead) Close() {
	if file := q.giveUp(); file != nil {
		file.Close()
	}
}

// giveUp returns the file, which nobody needs any more.
func (q *readAhead) giveUp() partFile {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
	q.frame.Release()
	for _, p := range q.parts {
		p.frame.Release()
	}
	q.parts = nil
	q.cancel()
	return q.file
}
