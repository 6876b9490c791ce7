// Package launch makes workers: from settings to a process that asks for requests. A
// [Launcher] is one way to do that. It knows nothing of queues, numbers or reasons, and
// nothing of what is said over a relay once the worker is ready.
package launch

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// Launcher starts the workers of one generation. All methods are safe for concurrent use.
type Launcher interface {
	// Launch starts one worker and does not wait for it: [Worker.Link] does. On an error
	// nothing is left of it.
	Launch(Order) (Worker, error)
	// Renew prepares the next generation and returns its launcher when that is ready, which may be
	// the same one. On an error nothing has changed. ctx ends the preparation; log is as in an Order. alike says
	// that requests to both are for the same code, in the same folder.
	Renew(ctx context.Context, log func() *zap.Logger, alike bool) (Launcher, error)
	// Close gives up what the workers share. It is for when the last of them has ended. Idempotent.
	Close()
	// Traits are the same for the whole life of a launcher.
	Traits() Traits
}

// Traits are what a pool has to know of a way to start workers.
type Traits struct {
	// Command is the program that is started, with the arguments of the settings: where these name none, the one that
	// was found.
	Command []string
	// AtOnce is how many workers may start side by side: more would only slow each other
	// down. It is at least 1.
	AtOnce int
	// OneRequest says that a worker ends when it has answered one request.
	OneRequest bool
	// Most is how many workers there can be at a time; 0: any number.
	Most int
	// AnyRelay says that Order.Relay may be RelayUnix, whatever the settings say.
	AnyRelay bool
}

// Order is what one worker is started with.
type Order struct {
	// Relay is how frames travel.
	Relay Relay
	// Log returns where to log what the worker prints; it may change.
	Log func() *zap.Logger
}

// Relay says how frames travel between us and a worker.
type Relay string

// The relays. See package goridge for the addresses that workers see.
const (
	// RelayAuto offers file descriptors 3 and 4, and stdin and stdout as
	// well, and takes the pair on which the worker answers.
	RelayAuto Relay = "auto"
	// RelayStdio is stdin and stdout only.
	RelayStdio Relay = "stdio"
	// RelayUnix is a Unix socket for each worker.
	RelayUnix Relay = "unix"
)

// Worker is a process that was started to answer requests. Its methods are for one
// goroutine, its owner, except those of [process.Process], Tail and Transcript.
type Worker interface {
	process.Process
	// Link waits until the worker asks for its first request, and returns the conversation with
	// it; once. Whose process answers is known from then on: PHP's, also behind a wrapper. Where
	// it never does the error is the cause of ctx, or says how the process has ended, or why no
	// relay works.
	Link(ctx context.Context) (Link, error)
	// OutputDone is closed when nothing more can be printed, or Close has been called. It is
	// for after Link.
	OutputDone() <-chan struct{}
	// Tail returns the last lines that were printed, oldest first, with PHP's fatal error in
	// front of them where that is older.
	Tail() []string
	// Transcript returns the first lines, too, and PHP's own words about the last fatal error; "" if there
	// was none.
	Transcript() (lines []string, fatal string)
	// Close closes our ends of what the worker held, but for the relay that the
	// Link has. Idempotent.
	Close()
}

// EndedError says that the process has ended before it was of use.
type EndedError struct {
	// Exit describes the end; it was orderly with status 0.
	Exit    string
	Orderly bool
	// Before is what the process had to do.
	Before string
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("the process ended (%s) before %s", e.Exit, e.Before)
}
