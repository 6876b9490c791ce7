package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/integration/peers"
)

// crew is what the workers of the chaos suite are.
type crew struct {
	name    string
	classic bool
}

const (
	resident = "resident"
	classic  = "classic"
)

func crews() []crew {
	all := []crew{{name: resident}}
	if peers.FPMBinary() != "" {
		all = append(all, crew{classic, true})
	}
	return all
}

// worker is a directive for a pool named "app".
func (c crew) worker(t *testing.T, options ...string) string {
	t.Helper()
	if !c.classic {
		return chaosWorker(t, options...)
	}
	return classicDirective(absolute(t, "testdata/chaos/classic"), append([]string{"name app"}, options...)...)
}

// classicDirective serves the scripts of a folder.
func classicDirective(root string, options ...string) string {
	return fmt.Sprintf("root %q\nphp_worker {\n%s\n}", root, strings.Join(options, "\n"))
}

// processes is the number of PHP processes of so many workers.
func (c crew) processes(workers int) int {
	if c.classic {
		return workers + 1 // their parent
	}
	return workers
}

// hang is the path of a request that hangs; of an odd one, deaf to SIGTERM. PHP-FPM has no
// pcntl, so there is no such one.
func (c crew) hang(n int) string {
	if n%2 == 1 && !c.classic {
		return "/hang?deaf"
	}
	return "/hang"
}

// spool is the option that says where bodies are put that are not kept in memory.
func (c crew) spool(dir string) string {
	if c.classic {
		return "" // PHP takes uploads apart itself
	}
	return fmt.Sprintf("uploads {\ndir %q\n}", dir)
}
