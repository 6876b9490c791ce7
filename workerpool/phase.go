package workerpool

// phase is how far the life of a worker is. It only goes on, from top to bottom.
type phase uint8

const (
	booting  phase = iota // has been started, and has not asked for a request yet
	serving               // takes requests; it is in Pool.idle exactly while its turn is noTurn
	retiring              // takes no new one; it is stopped when its turn ends, and cut at retireBy
	stopping              // its owner ends the process; a turn may still read what it has said
	gone                  // its process has ended, and the pool does not know it any more
)

// turnPhase is what the turn at a worker is for. Every one but noTurn counts in Pool.inflight.
type turnPhase uint8

const (
	noTurn    turnPhase = iota // there is none
	running                    // for a request
	promoted                   // for a request that was sent ahead, and is not known to be the front yet
	finishing                  // for no request: PHP may still be running code after its last answer
)

// isServing says that the worker is ready, or at a request.
func (w *worker) isServing() bool { return w.phase == serving || w.phase == retiring }

// takesRequests says that the worker can be given a request, now or after the one that it is at. One
// that answers one request only, and has it, cannot.
func (w *worker) takesRequests() bool {
	return w.phase == serving && (w.turn == noTurn || !w.generation.traits.OneRequest)
}

// isBusy says that somebody has a turn at a worker that serves.
func (w *worker) isBusy() bool { return w.isServing() && w.turn != noTurn }

// state is what others are told of both phases.
func (w *worker) state() State {
	switch {
	case w.phase == booting:
		return StateBooting
	case w.isBusy():
		return StateBusy
	case w.isServing():
		return StateIdle
	case w.phase == stopping:
		return StateStopping
	}
	return StateGone
}
