package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// scene is what a run of the traffic is like, whoever plays PHP. All of it follows from
// the seed.
type scene struct {
	workers, clients int
	most             int // requests of each client; 0: until the time is over
	relay            string
	timeout          bool // whether there is a request timeout, and orders that pass it
	maxRequests      int  // of a worker; 0: no limit
	signals, admin   []string
	pause            time.Duration // between two faults of either sort, on average
	mix              mix
}

// newScene draws one, and returns what makes the further random numbers of the run.
func newScene(seed uint64) (scene, func() *rand.Rand) {
	stream := uint64(0)
	random := func() *rand.Rand { stream++; return rand.New(rand.NewPCG(seed, stream)) }
	g, style := random(), []int{0, 1, 0, 2}[seed%4]
	s := scene{workers: 1 + g.IntN(4), clients: 8 + g.IntN(25), timeout: g.IntN(3) == 0}
	s.relay = []string{"auto", "auto", "stdio", "stdio", "unix"}[g.IntN(5)]
	if style == 0 { // what is sent ahead is sent through pipes, and where many wait
		s.relay, s.workers = []string{"auto", "stdio"}[g.IntN(2)], 1+g.IntN(2)
	}
	if g.IntN(4) == 0 {
		s.maxRequests = 20 + g.IntN(500)
	}
	s.signals = [][]string{nil, {"SIGSTOP"}, {"SIGKILL"}, {"SIGKILL", "SIGSTOP"}}[g.IntN(4)]
	s.admin = [][]string{nil, {"restart"}, {"scale"}, {"reload changed", "reload unchanged"},
		{"restart", "scale", "reload changed", "reload unchanged"}}[g.IntN(5)]
	s.pause = []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second}[g.IntN(3)]
	s.mix = newMix(g, style, s.timeout)
	if style == 0 { // it takes many short requests in a row before all that may be is sent ahead
		s.pause *= 3
		s.mix.quiet = 1500 / s.clients
	}
	return s, random
}

// options are lines for the php_worker block.
func (s scene) options() []string {
	options := []string{fmt.Sprintf("workers %d", s.workers), fmt.Sprintf("buffer %d", trafficBuffer), "relay " + s.relay, "ini memory_limit 64M"}
	if s.timeout {
		options = append(options, "request_timeout 2s")
	}
	if s.maxRequests > 0 {
		options = append(options, fmt.Sprintf("max_requests %d", s.maxRequests))
	}
	return options
}

func (s scene) String() string {
	faults := strings.Join(append(append([]string{}, s.signals...), s.admin...), ", ")
	if faults == "" {
		faults = "no faults"
	}
	return fmt.Sprintf("%d clients; %s; %s every %v; %+v", s.clients, strings.Join(s.options(), ", "), faults, s.pause, s.mix)
}
