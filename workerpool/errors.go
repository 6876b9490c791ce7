package workerpool

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of [Pool.Exec] that are not about one worker.
var (
	// ErrClosed says that the pool has been closed.
	ErrClosed = errors.New("pool is closed")
	// ErrQueueFull says that as many requests wait as may wait.
	ErrQueueFull = errors.New("queue is full")
	// ErrQueueTimeout says that no worker came free in time.
	ErrQueueTimeout = errors.New("no worker came free in time")
	// ErrTimeout says that the worker took longer than the request may take.
	// The worker has been killed.
	ErrTimeout = errors.New("request took too long")
	// ErrStreamIdle says that a streaming worker stayed silent for too long.
	// The worker has been killed.
	ErrStreamIdle = errors.New("stream stayed silent for too long")
	// ErrRestartRunning says that a restart is already under way.
	ErrRestartRunning = errors.New("a restart is already under way")
)

// Outcomes of an attempt that Exec deals with itself.
var (
	// errTakenBack says that the worker still works on its last request, and
	// that it has not begun to read this one, or was not sent it at all.
	errTakenBack = errors.New("the request was taken back")
	// errSwallowed says that the worker has dropped the request unseen, while
	// it streamed the answer to the one before.
	errSwallowed = errors.New("the worker has dropped the request")
	// errPassedOver says that the worker is done with the request and has not
	// answered it.
	errPassedOver = errors.New("the worker asked for the next request without having answered this one")
	// errTorn says that a part of a request was taken back.
	errTorn = errors.New("the worker had begun to read the request")
)

// UnavailableError says that the pool has no worker at all and that starting
// one keeps failing.
type UnavailableError struct {
	// RetryAfter is the time until the next attempt.
	RetryAfter time.Duration
	// Err is the last failure.
	Err error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("no worker can be started (next attempt in %s): %v", e.RetryAfter.Round(time.Millisecond), e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// SoftError is a failure that the worker itself reported with an error frame.
// The worker is unharmed.
type SoftError struct {
	// Text is what the worker said, often with a stack trace: for logs and
	// for developers, not for the public.
	Text string
	// PID is the worker.
	PID int
}

func (e *SoftError) Error() string { return "worker reported an error: " + e.Text }

// WorkerError says that a worker failed while it had a request.
type WorkerError struct {
	// PID is the worker.
	PID int
	// Err is what was seen: the end of the process, or a broken frame.
	Err error
	// Exit describes the end of the process, such as "exit status 255" or
	// "signal: segmentation fault"; empty where it was still alive.
	Exit string
	// Output holds the last lines that the worker printed.
	Output []string
	// After is how long the worker had the request.
	After time.Duration
	// Unread is true where the worker certainly never read the request.
	Unread bool
}

func (e *WorkerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "worker %d failed", e.PID)
	if e.Exit != "" {
		b.WriteString(" (" + e.Exit + ")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *WorkerError) Unwrap() error { return e.Err }

// BootError says why a worker did not become ready, in words for the person who
// wrote the script.
type BootError struct {
	// Pool and Command name what was started.
	Pool    string
	Command []string
	// Err is what was seen.
	Err error
	// Output holds the last lines that the process printed.
	Output []string
	// Hint says what usually helps.
	Hint string
}

func (e *BootError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "starting a worker of pool %q (%s): %v", e.Pool, strings.Join(e.Command, " "), e.Err)
	if len(e.Output) > 0 {
		b.WriteString("; it printed: ")
		b.WriteString(strings.Join(e.Output, " | "))
	} else if _, neverRan := errors.AsType[*notStarted](e.Err); !neverRan {
		b.WriteString("; it printed nothing")
	}
	if e.Hint == "" {
		return b.String()
	}
	return strings.TrimSuffix(b.String(), ".") + ". Hint: " + e.Hint
}

func (e *BootError) Unwrap() error { return e.Err }
