package workerpool

// State is what a worker is doing.
type State uint8

// The states, in the order of a life.
const (
	// StateBooting: started, has not asked for a request yet.
	StateBooting State = iota
	// StateIdle: waits for a request.
	StateIdle
	// StateBusy: has a request, or finishes work after one.
	StateBusy
	// StateStopping: on its way out, gets no more requests.
	StateStopping
	// StateGone: the process has ended.
	StateGone
)

var stateNames = [...]string{"booting", "idle", "busy", "stopping", "gone"}

// String is the name used in metrics, logs and the admin API.
func (s State) String() string { return stateNames[s] }

// Reason says why a worker was sent away or came to its end.
type Reason string

// The reasons, as they appear in metrics and logs.
const (
	ReasonMaxRequests Reason = "max_requests" // also a limit of the application's own: it ends in order after an answer
	ReasonMaxMemory   Reason = "max_memory"
	ReasonMaxLifetime Reason = "max_lifetime"
	ReasonIdle        Reason = "idle"
	ReasonCrash       Reason = "crash"
	ReasonTimeout     Reason = "timeout"
	ReasonRestart     Reason = "restart"
	ReasonWatch       Reason = "watch"
	ReasonConfig      Reason = "config"
)
