//go:build !race

package link

import "testing"

// FuzzConversation walks through the worlds of a model along a way that the fuzzer chooses, with more
// requests than can be explored exhaustively.
func FuzzConversation(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 2, 0, 0, 3, 1})
	f.Add(uint8(1), []byte("a stream, and a request behind it"))
	f.Add(uint8(3), []byte{5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, which uint8, way []byte) {
		m := *models[int(which)%len(models)]
		if m.wrong > 0 { // what holds for one stray frame holds for one request after another
			return
		}
		m.requests = 7 // a bit each
		if m.forks {
			m.requests = 5
		}
		w := world{machine: NewMachine(pid, m.numbers), sins: m.sins}
		for at, choice := range way {
			var next []world
			var names []string
			m.steps(w, func(what string, n world) {
				next, names = append(next, n), append(names, what)
			})
			if len(next) == 0 {
				return
			}
			i := int(choice) % len(next)
			w = next[i]
			if err := m.check(w); err != nil {
				t.Fatalf("%s: %v at step %d (%s): %+v", m.name, err, at, names[i], w.machine)
			}
		}
	})
}
