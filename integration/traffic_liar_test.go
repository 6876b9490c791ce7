package integration

import (
	"math/rand/v2"
	"testing"
)

// What the judge says must come through the whole way from PHP: here PHP does on purpose
// what the core must not let happen.
func TestTheTrafficSeesWhateverAWorkerDoesWrong(t *testing.T) {
	t.Parallel()
	for lie, want := range map[string]string{
		"mixes":            "a",
		"works twice":      "b",
		"notes nothing":    "c",
		"leaves":           "d",
		"leaves a stream":  "e", // or d, where the head had not left Caddy
		"forgets":          "h",
		"works for nobody": "k",
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			stream := uint64(0)
			random := func() *rand.Rand { stream++; return rand.New(rand.NewPCG(1, stream)) }
			scene := scene{workers: 1, clients: 2, most: 150, relay: "stdio", mix: mix{weights: map[string]float64{"short": 1, "stream": 0.1, "tail": 0.1}, posts: 0.5}}
			liar := trafficKind{name: "a liar", script: "liar.php", options: []string{env("LIE", lie)}}
			got, found := liar.play(t, scene, random, 1, patience, "")
			if broken := letters(found); broken != want && (want != "e" || broken != "de") {
				t.Errorf("%d requests broke the promises %q, want %q: %v", len(got.replies), broken, want, found)
			}
		})
	}
}
