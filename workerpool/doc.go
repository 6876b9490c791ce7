// Package workerpool keeps processes that answer requests over Goridge frames:
// it starts them, hands them requests, watches them, and replaces them without
// losing a request. It knows nothing of HTTP or Caddy.
//
// # Model
//
// A [Pool] keeps between [Config].Min and [Config].Max workers. A worker is one
// process (the leader of its own process group), its relay, and one goroutine,
// its owner, that starts it, waits for its handshake, sends it away and reaps
// it. Only the owner waits for the process.
//
// A request takes a [Turn] at a worker: [Pool.Exec] waits in a first come, first
// served queue for a free worker, writes the request frame, and reads the
// answer, all in the caller's goroutine. Free workers are a stack: the one used
// last is used next, so that the others grow cold and can go.
//
// One supervisor goroutine per pool decides about numbers: it starts workers
// that are missing, more of them while requests wait, and sends surplus or due
// workers away. A worker is due when it reached one of its limits (requests,
// memory, lifetime) or when a restart was ordered; it keeps serving until its
// replacement is ready. That one rule serves recycling, rolling restarts and
// file watching alike.
//
// # Settling
//
// A RoadRunner worker carries no request number, so an answer can only be told
// from a stray one (a second respond, an error reported after the answer) by
// order. Behind each request the pool therefore sends a pid control frame: the
// worker answers it only when it waits for its next request again. Whatever
// arrives between an answer and that pid frame belongs to the past and is
// dropped; a worker that dies before its pid frame arrived has not read the next
// request, which is then safe to repeat, whatever its method. A worker whose
// pid frame is still outstanding is "unsettled": it is probably still busy with
// work after the response, and is given the next request only when no other
// worker is free, and on trust: if it does not settle at once, the request, which
// it has not begun to read, is taken back out of the pipe and waits for whoever
// comes free first.
//
// # Lines
//
// While many short requests wait, a busy worker is sent the next ones already: its line
// behind the front, the one that it is at. Settling tells, in the same way, that none of
// them has been begun, so they can be given to another worker when this one is lost. The
// turn passes from each to the next.
//
// # Locks
//
// Pool.mu guards the lists and every field of a worker that says so. It is never
// held over I/O or while calling out. Everything that a turn touches without the
// lock belongs to the goroutine that holds the turn.
package workerpool
