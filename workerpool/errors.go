package workerpool

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
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
	// ErrCPUTime, an ErrTimeout, says that the worker used more CPU time than the
	// request may cost. The worker has been killed.
	ErrCPUTime = fmt.Errorf("%w: it used up its CPU time", ErrTimeout)
	// ErrStreamIdle says that a streaming worker stayed silent for too long.
	// The worker has been killed.
	ErrStreamIdle = errors.New("stream stayed silent for too long")
	// ErrCut says that the worker had to go, and its time was over before it had
	// answered. It has been ended.
	ErrCut = errors.New("the worker had to go before it had answered")
	// ErrSuperseded says that a newer restart has begun before this one was done.
	ErrSuperseded = errors.New("superseded by a newer restart")
)

// notBegun is the outcome of one attempt, which Exec never returns: another worker is to carry the request
// out, because this one has ended with the error before it began with it, or, without one,
// because it is busy for longer than it is waited for.
type notBegun struct{ err error }

func (e *notBegun) Error() string {
	return fmt.Sprintf("the worker has not begun with the request: %v", e.err)
}

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

// Error is fit for a log and a terminal, where Text may have any byte.
func (e *SoftError) Error() string {
	return "worker reported an error: " + launch.Printable(e.Text, "\n")
}

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

	killed bool // by the pool, on order, or by PHP's own limit: the request took too long, and would again
}

func (e *WorkerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "worker %d failed", e.PID)
	if e.Exit != "" {
		b.WriteString(" (" + e.Exit + ")")
	}
	switch {
	case e.Err == io.EOF && e.Exit != "": // which says it all
	case e.Err == io.EOF:
		b.WriteString(": it has closed its relay")
	case e.Err == io.ErrUnexpectedEOF:
		b.WriteString(": its answer breaks off")
	case e.Err != nil:
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *WorkerError) Unwrap() error { return e.Err }

// BootError says why a worker did not become ready, in words for the person who
// wrote the script.
type BootError struct {
	// Pool and Command name what was started. In classic mode there is no Command unless the settings name one.
	Pool    string
	Command []string
	// Err is what was seen.
	Err error
	// Fatal is PHP's own message about the error that ended the start; "" if there is none.
	Fatal string
	// Output holds the first and the last lines that the process printed.
	Output []string
	// Hint says what helps; "" where the cause is not certain.
	Hint string
}

func (e *BootError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "starting a worker of pool %q", e.Pool)
	if len(e.Command) > 0 {
		b.WriteString(" (" + strings.Join(e.Command, " ") + ")")
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Fatal != "" {
		b.WriteString("; PHP says: " + e.Fatal)
	}
	_, neverRan := errors.AsType[*notStarted](e.Err)
	switch {
	case e.Fatal != "" && !slices.ContainsFunc(e.Output, func(line string) bool { return !strings.HasSuffix(oneBlank(line), oneBlank(e.Fatal)) }):
		// It printed nothing else.
	case len(e.Output) > 0:
		b.WriteString("; it printed: " + strings.Join(e.Output, " | "))
	case !neverRan:
		b.WriteString("; it printed nothing")
	}
	if e.Hint == "" {
		return b.String()
	}
	return strings.TrimSuffix(b.String(), ".") + ". Hint: " + e.Hint
}

// oneBlank makes the two forms of a message of PHP one: its log has two blanks behind the colon.
func oneBlank(message string) string { return strings.Replace(message, ":  ", ": ", 1) }

func (e *BootError) Unwrap() error { return e.Err }

// notStarted marks the error of a worker that never became a process.
type notStarted struct{ error }

func (e *notStarted) Unwrap() error { return e.error }
