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
	php     string // the program, where it is not the one that is found without a word
}

const (
	resident = "resident"
	classic  = "classic"
	// classicCGI is classic with php-cgi.
	classicCGI = "classic of php-cgi"
)

func crews() []crew {
	all := []crew{{name: resident}}
	if peers.FPMBinary() != "" {
		all = append(all, crew{classic, true, ""})
	}
	if cgi := peers.CGIBinary(); full && cgi != "" {
		all = append(all, crew{classicCGI, true, cgi})
	}
	return all
}

// worker is a directive for a pool named "app".
func (c crew) worker(t *testing.T, options ...string) string {
	t.Helper()
	if !c.classic {
		return chaosWorker(t, options...)
	}
	return classicDirective(absolute(t, "testdata/chaos/classic"), append([]string{"name app", c.program()}, options...)...)
}

// isCGI says that PHP is a php-cgi.
func (c crew) isCGI() bool { return c.name == classicCGI }

// program is the option that names PHP.
func (c crew) program() string {
	if c.php == "" {
		return ""
	}
	return fmt.Sprintf("php %q", c.php)
}

// classicDirective serves the scripts of a folder.
func classicDirective(root string, options ...string) string {
	return fmt.Sprintf("root %q\nphp_worker {\n%s\n}", root, strings.Join(options, "\n"))
}

// processes is the number of PHP processes of so many workers.
func (c crew) processes(workers int) int {
	switch {
	case c.isCGI(): // its parent, and one for max_surge from the start
		return workers + 2
	case c.classic:
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

// uploads is the option that says where PHP itself puts files.
func (c crew) uploads(dir string) string {
	if !c.classic {
		return ""
	}
	return fmt.Sprintf("ini upload_tmp_dir %q", dir)
}
