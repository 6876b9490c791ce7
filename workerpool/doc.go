// Package workerpool keeps processes that answer requests: it starts them, gives them
// requests, watches them, and replaces them without losing a request. It decides who gets which
// worker when; it knows nothing of HTTP or Caddy, and leaves bytes and processes to the rooms below:
//
//	process  one process and its group; what it has started ends with it
//	tempdir  temporary folders that nobody else can change
//	watch    which files change
//	link     the conversation with one ready worker
//	fastcgi  the same conversation with a child of php-fpm or php-cgi
//	launch   from settings to a worker that asks for requests
//
// # Model
//
// A [Pool] keeps between [Config].Min and [Config].Max workers. A worker is a process, its
// [launch.Link], and one goroutine, its owner, that starts it, waits until it is ready, and
// ends it. A generation is what workers share that were started between one restart
// and the next: its [launch.Launcher]. A worker is old when it is of an earlier generation
// than the restart that is under way.
//
// A request takes a [Turn] at a worker: [Pool.Exec] waits in a first come, first
// served queue for a free worker, writes the request frame, and reads the
// answer, all in the caller's goroutine. Free workers are a stack: the one used
// last is used next, so that the others grow cold and can go.
//
// One supervisor goroutine per pool decides about numbers: it starts workers
// that are missing, more of them while requests wait, and retires those that are
// surplus or due. A worker is due when it has reached one of its limits (requests,
// memory, lifetime), when it is old, or when it has another relay than new ones get. One that is due
// keeps serving until its replacement is ready. That one rule serves recycling,
// rolling restarts and file watching alike.
//
// Where [Config].Classic is set a generation has a parent, a php-fpm or php-cgi, and a worker is one of its
// processes with the one connection to it.
//
// A launcher may make workers that answer one request each. Then the pool keeps so many of them
// idle, and at most Max in all; their end is expected.
//
// # A worker's life
//
// A worker is in exactly one phase:
//
//	booting -> serving -> retiring -> stopping -> gone
//
// It may skip any but the last. What is done with it at the moment is its turn: none, running,
// promoted (its request was sent ahead and is not known to be the front yet), or finishing (PHP
// still runs code after its last answer, and nobody waits for that). These hold whenever Pool.mu is free:
//
//   - Pool.workers has all workers but those that are gone; Pool.idle has exactly those that
//     are serving and have no turn.
//   - A worker that is booting has no turn, and one that is retiring has one.
//   - Pool.inflight is the number of turns, and of requests that are reserved.
//   - A request is at one place: in the queue, in a turn, or ahead at one worker.
//   - Workers that are booting or take requests are no more than Max and MaxSurge together, unless
//     Scale has just lowered Max.
//   - Only the supervisor starts workers, only a worker's owner ends and reaps its process, and
//     only the goroutine that has the turn uses its link.
//
// Endings are: retire (it finishes what it has begun), stop (its owner ends the process: stop
// frame, SIGTERM, SIGKILL; with force without the frame), cut (stop with force, its request
// fails). See ending.go.
//
// # Answers
//
// What belongs to which request is decided in [link], by a state machine that never guesses:
// what does not fit ends the worker. The pool knows three things of it. A worker is ready, and
// may be sent any request. Or it works on after its answer, without having told that it
// is done: then it gets none, and whoever wants it waits for it, not for long. Or the
// conversation is over, and so is the worker.
//
// # Sending ahead
//
// While many short requests wait, a busy worker is sent the next ones already, if they may be
// carried out twice. The turn passes from each to the next. They can be taken away from the worker
// at any time; then they wait in the queue again, in front of the others.
//
// # Repeating
//
// A request is carried out again only where that is safe: it still lies in the pipe of a
// process that has ended, or not a byte of it went out, or the worker declined it; or it may be carried out
// twice, and then once. So a request that must not be carried out twice never is, and one that has
// ended two workers is not tried on a third. mayRepeat decides that (retry.go), by what turnFailed finds
// out about the worker; which requests may be carried out twice whoever makes a [Request] says.
//
// # Another wire
//
// What a pool uses of a conversation is the interface [launch.Link], and it never asks which one it has. A
// worker that speaks another protocol, such as a child of PHP-FPM, has a link of its own, which says
// no to MayAhead: nothing is sent ahead then. The frames of an answer are [goridge.Frame] on any wire.
//
// # Locks
//
// Pool.mu guards the lists and every field of a worker that says so. It is never
// held over I/O or while calling out, but for [Events]. Everything that a turn touches without the
// lock, the worker's link above all, belongs to the goroutine that has the turn.
package workerpool
