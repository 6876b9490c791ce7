package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// full says that the chaos suite runs in its full size. The short one asserts
// the same with fewer repetitions.
var full = os.Getenv("CHAOS") == "full"

// size is a number of repetitions.
func size(small, whole int) int {
	if full {
		return whole
	}
	return small
}

// line is one line of the suite's summary.
type line struct {
	fault string
	load  tally
	seen  string
}

// TestChaos does to Caddy and to the workers whatever happens in production,
// under a steady load, one fault after the other. CHAOS=full repeats each as
// often as an unlucky year would.
func TestChaos(t *testing.T) {
	for _, c := range crews() {
		t.Run(c.name, func(t *testing.T) { chaos(t, c) })
	}
}

func chaos(t *testing.T, c crew) {
	var lines []line
	for _, fault := range []struct {
		name string
		test func(*testing.T, crew) line
		of   string // the only crew it is for; empty: any
	}{
		{"reloads fail no request", reloadsUnderLoad, ""},
		{"rolling restarts fail no request, and broken code is not taken", restartsUnderLoad, resident},
		{"rolling restarts fail no request, and forget what OPcache knows", freshRestartsUnderLoad, classic},
		{"a deploy by symbolic link serves new code once the restart has returned", deploysUnderLoad, resident},
		{"a deploy by symbolic link serves new code at once", flipsUnderLoad, classic},
		{"killed workers cost what was in flight and cannot be repeated", killsUnderLoad, ""},
		{"a killed parent costs what was in flight and cannot be repeated", parentKillsUnderLoad, classic},
		{"workers that fall or leave cost their own request", crashesUnderLoad, ""},
		{"a leak is bounded", leakUnderLoad, ""},
		{"a request that hangs is ended in time", hangsUnderLoad, ""},
		{"an overload is turned away and forgotten", overload, ""},
		{"slow uploads hold no worker", slowUploads, ""},
		{"slow readers hold no worker", slowReaders, ""},
		{"SIGTERM answers whatever a worker has begun", politeEndUnderLoad, ""},
		{"SIGKILL of Caddy leaves no PHP process", abruptEndUnderLoad, ""},
		{"a full disk fails what needs the disk", fullDisk, ""},
		{"no file descriptors fail what needs new ones", noDescriptors, ""},
		{"workers whose program is missing are replaced when it is back", noProgram, resident},
		{"workers that the system refuses are replaced when it no longer does", noForks, ""},
		{"a parent whose program is missing is replaced when it is back", noParent, classic},
	} {
		if fault.of == "" || fault.of == c.name || fault.of == classic && c.classic {
			t.Run(fault.name, func(t *testing.T) { lines = append(lines, fault.test(t, c)) })
		}
	}
	t.Log(table(lines))
}

func table(lines []line) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nFAULT\tREQUESTS\tFAILED\tSTATUSES\tSLOWEST\tSEEN")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%d ms\t%s\n", l.fault, l.load.requests, l.load.failed(), l.load.statuses(), l.load.slowest.Milliseconds(), l.seen)
	}
	_ = w.Flush()
	return b.String()
}
