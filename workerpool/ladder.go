package workerpool

import "time"

// ladder is how a process is ended, whose end is waited for all the while: what it is told at once, and
// what comes how long after that.
type ladder struct {
	ask   bool          // by a stop frame, which PHP finds when it looks for its next request
	trace bool          // by SIGPROF, upon which PHP says where it is, and ends
	term  time.Duration // SIGTERM
	kill  time.Duration // SIGKILL
}

// forcedKill is how long a process lives at most that is ended with force.
const forcedKill = time.Second

// ladderOf is the ladder for a worker that is stopped for the reason. leftAhead says that requests which
// others carry out now may lie before it: it could begin with them while it says where it is.
func ladderOf(reason Reason, force, leftAhead bool, stopTimeout time.Duration) ladder {
	forced := min(stopTimeout, forcedKill)
	switch {
	case !force:
		return ladder{ask: true, term: stopTimeout / 2, kill: stopTimeout}
	case reason == ReasonCrash: // it is ending already, and its exit status is worth having
		return ladder{term: forced / 4, kill: forced}
	case reason == ReasonTimeout && !leftAhead:
		return ladder{trace: true, term: forced / 2, kill: forced}
	}
	return ladder{kill: forced}
}
