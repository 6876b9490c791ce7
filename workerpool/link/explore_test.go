// Without the race detector, which has nothing to find in one goroutine.

//go:build !race

package link

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
)

// models are all kinds of PHP that a machine is composed with.
var models = []*model{
	{name: "packages 2.x", streams: true, oldStop: true, late: true, wishes: true, large: true, requests: 4},
	{name: "packages 3.x", streams: true, skips: true, late: true, wishes: true, large: true, requests: 3},
	{name: "packages 3.5, repeating heads", streams: true, skips: true, repeats: true, late: true, requests: 3},
	{name: "packages, five requests", large: true, requests: 5},
	{name: "our loop", numbers: true, streams: true, requests: 4},
	{name: "packages, answering twice", streams: true, skips: true, doubles: true, sins: 2, requests: 3},
	{name: "packages, passing over", late: true, passes: true, sins: 2, requests: 3},
	// Behind a stream one pid reply more may come, and is not told from a request that is passed
	// over: then nothing comes, but never a wrong answer.
	{name: "packages, passing over and streaming", streams: true, skips: true, passes: true, sins: 1, requests: 3},
	// Nothing can tell the first stray answer. The next frame that does not fit ends the worker.
	{name: "packages, one stray frame", strays: true, sins: 1, requests: 3, wrong: 1},
	{name: "packages 2.x, giving up streams", streams: true, oldStop: true, late: true, givesUp: true, sins: 2, requests: 3},
	{name: "packages 3.x, giving up streams", streams: true, skips: true, late: true, givesUp: true, sins: 1, requests: 3},
	{name: "our loop, giving up streams", numbers: true, streams: true, givesUp: true, passes: true, sins: 2, requests: 3},
	{name: "our loop, stray frames", numbers: true, streams: true, strays: true, sins: 1, requests: 2},
	{name: "our loop, many stray frames", numbers: true, strays: true, passes: true, doubles: true, sins: 2, requests: 2},
	{name: "our loop, a fork that goes on", numbers: true, forks: true, sins: 1, requests: 3},
}

// most is how many worlds a model may have, so that a mistake does not eat the machine.
const most = 4_000_000

// explore visits every world that the model can come to and returns how many there are,
// and the first that violates an invariant, with the way there.
func explore(m *model) (n int, violation string) {
	worlds := []world{{machine: NewMachine(pid, m.numbers), sins: m.sins}}
	came := []arrival{{from: -1}}
	known := map[world]struct{}{worlds[0]: {}}
	for i := 0; i < len(worlds); i++ {
		w := worlds[i]
		if err := m.check(w); err != nil {
			var way []string
			for at := i; came[at].from >= 0; at = came[at].from {
				way = append(way, came[at].what)
			}
			slices.Reverse(way)
			return len(worlds), fmt.Sprintf("%v, after: %s\n%+v", err, strings.Join(way, "; "), w.machine)
		}
		if len(worlds) > most {
			return len(worlds), "there are too many worlds"
		}
		if w.machine.Phase() == Over { // nothing counts any more
			continue
		}
		m.steps(w, func(what string, next world) {
			if _, ok := known[next]; !ok {
				known[next] = struct{}{}
				worlds = append(worlds, next)
				came = append(came, arrival{i, what})
			}
		})
	}
	return len(worlds), ""
}

// arrival is how a world was come to.
type arrival struct {
	from int
	what string
}

// check holds what must be so in every world.
func (m *model) check(w world) error {
	if n := bits.OnesCount8(w.wrong); n > m.wrong {
		return fmt.Errorf("%d requests got a frame that is not for them", n)
	}
	if w.cut && !w.sinned {
		return errors.New("a stream was broken off, and nobody did anything wrong")
	}
	if w.odd {
		return errors.New("a frame passed that is no part of an answer that is due")
	}
	if w.twice != 0 && !m.forks {
		return errors.New("a request was begun twice by one worker")
	}
	// Who has ended by itself, and of whom all has been heard, has begun no more than the front.
	heard := w.fromPHP.n == 0 && w.machine.Phase() != Whole && w.machine.Phase() != Over
	if w.dead && heard && !w.sinned {
		for i := 1; i < int(w.machine.n); i++ {
			if w.begun&(1<<w.machine.queue[i].number) != 0 {
				return errors.New("a request behind the front has been begun")
			}
		}
	}
	if !w.sinned {
		switch err := w.machine.Err(); err {
		case nil, ErrLeft, ErrAbandonedStream:
		case ErrAskedToStop:
			if !w.declined {
				return errors.New("the machine believes that the worker wants to be replaced")
			}
		default:
			return fmt.Errorf("a worker that did nothing wrong is ended: %w", err)
		}
	}
	// Where all is quiet the machine knows it.
	quiet := !w.dead && w.toPHP.n == 0 && w.fromPHP.n == 0 && w.machine.Phase() != Whole
	for i, p := range w.php {
		quiet = quiet && (p.at == inLoop || i == 1 && !w.forked)
	}
	if quiet && !w.sinned && w.machine.Phase() != Ready && w.machine.Phase() != Over {
		return fmt.Errorf("nothing more will come, and the machine waits in phase %d", w.machine.Phase())
	}
	if w.machine.Phase() == Ready && !w.sinned {
		if w.fromPHP.n > 1 || w.fromPHP.n == 1 && (!w.machine.spare || w.fromPHP.items[0].kind != Here) {
			return errors.New("the worker counts as ready, and something lies in its pipe")
		}
		for i, p := range w.php {
			if p.at != inLoop && (i == 0 || w.forked) && !w.dead {
				return errors.New("the worker counts as ready, and is at work")
			}
		}
	}
	return nil
}

func TestNoAnswerEverComesToAnotherRequest(t *testing.T) {
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			n, violation := explore(m)
			if violation != "" {
				t.Fatal(violation)
			}
			t.Logf("%d worlds", n)
		})
	}
}
