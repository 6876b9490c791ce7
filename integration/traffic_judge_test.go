package integration

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// queueBound is how long a request may wait for a worker: the default of "queue".
	queueBound = 30 * time.Second
	// noise is what the machine may add.
	noise = 5 * time.Second
)

// trial is all that a run of the traffic has left for its judge.
type trial struct {
	replies []reply
	journal executions
	faults  []fault
	end     ending
}

// ending is what is left when the traffic is over.
type ending struct {
	workers int // that there must be
	parents int // processes of the server besides them
	pool    poolView
	pids    []int // PHP processes of the server
	took    time.Duration
}

// The promises that a trial may show to be broken.
const (
	ownAnswer    = "a: an answer is that of its own request, and complete"
	notTwice     = "b: what must not be repeated is carried out once at most"
	carriedOut   = "c: what is answered was carried out"
	noFailure    = "d: a request fails only where a fault explains it"
	noCut        = "e: an answer is cut only where a fault explains it"
	inTime       = "f: a request waits no longer than documented"
	allBack      = "g: at the end every pool has its workers, and none is busy"
	workAfter    = "h: work after an answer is done once"
	adminObeys   = "i: the admin API does what it is asked for"
	halfUnheard  = "j: a request of which a part is missing is not carried out"
	knownRequest = "k: what is carried out was asked for"
)

// violation is one break of a promise.
type violation struct {
	promise  string
	id       string // of the request, or what else it is about
	expected string
	came     string
}

func (v violation) String() string {
	return fmt.Sprintf("%s\n    %s\n    expected: %s\n    came:     %s", v.promise, v.id, v.expected, v.came)
}

// judge finds every violation in a trial. It is pure.
func judge(t trial) []violation {
	var found []violation
	asked := make(map[string]bool, len(t.replies))
	for _, o := range t.replies {
		asked[o.id] = true
		found = append(found, t.answer(o)...)
		found = append(found, t.executed(o)...)
		if limit := o.bound(); o.end.Sub(o.begin) > limit {
			found = append(found, violation{inTime, o.order.String(), fmt.Sprintf("an end after %v at most", limit), o.String()})
		}
	}
	for id, done := range t.journal {
		if !asked[id] {
			found = append(found, violation{knownRequest, id, "no such request", fmt.Sprintf("%+v", done)})
		}
	}
	for _, f := range t.faults {
		if f.err != "" && t.kills(f.begin, f.end) == 0 {
			found = append(found, violation{adminObeys, f.kind, "done", f.err})
		}
	}
	return append(found, t.ended()...)
}

// answer judges what the client has got.
func (t trial) answer(o reply) []violation {
	blame := func(promise, expected string) []violation {
		return []violation{{promise, o.order.String(), expected, o.String()}}
	}
	switch {
	case o.wrong != "":
		return blame(ownAnswer, "the answer to this request")
	case o.status == 0 && o.left:
		return nil
	case o.status == o.order.status() && (o.left || o.whole && o.do != "exit-within"):
		return nil
	}
	kills := t.kills(o.begin, o.end)
	// One that was begun twice was left at its worker the first time, and is not repeated besides; nor is one that
	// was left and, the second time, read by a worker that was killed before it began.
	left := len(t.journal[o.id]) >= 2 || len(t.journal[o.id]) == 1 && t.mayBeLeft(o)
	excused := kills >= 1 && (!o.repeatable() || left) || kills >= 2
	switch {
	case o.status == 0 && o.heard:
		return blame(ownAnswer, "the head of an answer")
	case o.status == 0:
		// A server that is replaced closes the connections that are kept, and a client
		// that sends its next request then asks again.
		if o.kept && t.overlap("reload", o.since, o.end) > 0 && !errors.Is(o.err, os.ErrDeadlineExceeded) {
			return nil
		}
		// An answer may be cut before its first byte has left the server.
		if (o.do == "exit-within" || o.passedOn() && kills > 0) && errors.Is(o.err, io.EOF) {
			return nil
		}
		return blame(noFailure, "an answer")
	case o.status == http.StatusOK && o.do == "exit-within":
		if o.whole {
			return blame(ownAnswer, "an answer that is cut, for its worker has ended")
		}
		return nil
	case o.status == o.order.status():
		// What was read as a whole before the client got anything is not cut by a kill.
		if kills == 0 || !o.passedOn() {
			return blame(noCut, fmt.Sprintf("a whole answer; %d workers were killed meanwhile", kills))
		}
		return nil
	case o.endsWorker() && o.status == http.StatusBadGateway:
		return nil
	case o.status == http.StatusBadGateway && excused:
		return nil
	}
	return blame(noFailure, fmt.Sprintf("status %d; %d workers were killed meanwhile", o.order.status(), kills))
}

// executed judges what PHP has done for the request.
func (t trial) executed(o reply) []violation {
	done := t.journal[o.id]
	var found []violation
	blame := func(promise, expected string) {
		found = append(found, violation{promise, o.order.String(), expected, fmt.Sprintf("%s; carried out by %+v", o, done)})
	}
	answered := o.status == http.StatusOK || o.status == o.order.status() && o.do == "error"
	switch {
	case o.leave.how == "half" && len(done) > 0:
		blame(halfUnheard, "not carried out")
	case !o.repeatable() && len(done) > 1:
		blame(notTwice, "carried out once at most")
	case answered && len(done) == 0:
		blame(carriedOut, "carried out")
	}
	for _, d := range done {
		if d.method != o.method {
			blame(ownAnswer, "carried out as "+o.method)
		}
		if d.after > 1 || o.do == "tail" && d.after == 0 && !t.killed(d.pid) {
			blame(workAfter, "once, unless the worker was killed")
		}
	}
	return found
}

// ended judges what is left.
func (t trial) ended() []violation {
	e := t.end
	idle := e.pool.in("idle")
	if len(idle) == e.workers && len(e.pool.Workers) == e.workers && e.pool.Queue == 0 && len(e.pids) == e.workers+e.parents {
		return nil
	}
	return []violation{{allBack, "the pool", fmt.Sprintf("%d workers, all idle, and as many processes, and %d more", e.workers, e.parents),
		fmt.Sprintf("after %v the processes %v and %+v", e.took, e.pids, e.pool)}}
}

// mayBeLeft says that there was something meanwhile behind which nothing waits that was sent ahead: an answer that is passed
// on as it comes, one that took long, or a worker that stood still.
func (t trial) mayBeLeft(o reply) bool {
	const long = 10 * time.Millisecond // of the pool
	return t.overlap("SIGSTOP", o.begin, o.end) > 0 || slices.ContainsFunc(t.replies, func(r reply) bool {
		return r.id != o.id && !r.end.Before(o.begin) && !r.begin.After(o.end) && (r.passedOn() || r.end.Sub(r.begin) > long)
	})
}

// kills counts the SIGKILLs that may have hit somebody between the two times.
func (t trial) kills(begin, end time.Time) int { return t.overlap("SIGKILL", begin, end) }

func (t trial) overlap(kind string, begin, end time.Time) (n int) {
	for _, f := range t.faults {
		if strings.HasPrefix(f.kind, kind) && !f.end.Before(begin) && !f.begin.After(end) {
			n++
		}
	}
	return n
}

func (t trial) killed(pid int) bool {
	return slices.ContainsFunc(t.faults, func(f fault) bool { return f.kind == "SIGKILL" && f.pid == pid })
}

// bound is how long the order may take. It may be carried out a second time.
func (o order) bound() time.Duration { return queueBound + 2*o.work() + noise }

func (r reply) String() string {
	var words []string
	if r.status != 0 {
		words = append(words, fmt.Sprintf("status %d", r.status))
	}
	if r.wrong != "" {
		words = append(words, r.wrong)
	}
	if r.left {
		words = append(words, "the client left")
	} else if !r.whole {
		words = append(words, "not whole")
	}
	if errors.Is(r.err, syscall.ECONNRESET) {
		words = append(words, "reset")
	} else if r.err != nil {
		words = append(words, r.err.Error())
	}
	if r.kept {
		words = append(words, "on a kept connection")
	}
	return strings.Join(words, ", ") + fmt.Sprintf(", after %v", r.end.Sub(r.begin).Round(time.Millisecond))
}
