package integration

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func tutorial(t *testing.T, step string, options ...string) string {
	t.Helper()
	return directive(absolute(t, "../php/examples/tutorial/"+step), options...)
}

// bootFailure is a site that cannot start and what its author must be told.
type bootFailure struct {
	name    string
	body    string   // of the site; {dir} is the server's folder
	files   []string // path and content of each, in the server's folder
	say     []string // must be in the message
	silence []string // must not be
}

func TestAScriptThatCannotServeFailsTheStartAndTheMessageSaysWhy(t *testing.T) {
	t.Parallel()
	loop := "asks for requests in a loop"
	for _, c := range []bootFailure{
		{
			name: "ends at once",
			body: tutorial(t, "1-silent.php"),
			say:  []string{"Hello, I am an ordinary PHP script.", "ended (exit status 0) before it asked for a request", loop, "1-silent.php"},
		}, {
			name: "stays silent",
			body: tutorial(t, "1b-hangs.php", "boot_timeout 5s"),
			say:  []string{"Hello, I am connecting to a database", "did not ask for a request", "5s", "boot_timeout"},
			// Whether it would ever ask for one nobody knows.
			silence: []string{loop},
		}, {
			name: "does not exist",
			body: "php_worker wroker.php",
			say:  []string{"wroker.php", "does not exist", "{dir}"},
			// The loop is not what is missing.
			silence: []string{loop},
		}, {
			name:    "has no PHP to run it",
			body:    "php_worker worker.php {\nphp php-that-is-not-there\n}",
			files:   []string{"worker.php", "<?php"},
			say:     []string{"php-that-is-not-there", "not found in PATH", "install it, or name its full path"},
			silence: []string{loop, "it printed"},
		}, {
			name:    "has a full path of PHP that is wrong",
			body:    "php_worker worker.php {\nphp /nowhere/bin/php\n}",
			files:   []string{"worker.php", "<?php"},
			say:     []string{"/nowhere/bin/php", "does not exist", "install it, or name its full path"},
			silence: []string{loop, "it printed"},
		}, {
			name:    "has a parse error",
			body:    "php_worker worker.php",
			files:   []string{"worker.php", "<?php\n\n$worker = new ;\n"},
			say:     []string{"Parse error", "syntax error", "worker.php", "line 3", "PHP says: Parse error"},
			silence: []string{loop},
		}, {
			name:    "throws at boot",
			body:    "php_worker worker.php",
			files:   []string{"worker.php", "<?php\nthrow new RuntimeException('the database is not there');\n"},
			say:     []string{"RuntimeException", "the database is not there", "worker.php:2", "PHP says: Fatal error"},
			silence: []string{loop},
		}, {
			name:    "has a wrong working directory",
			body:    "php_worker worker.php {\ndir no/such/folder\n}",
			say:     []string{"working directory", "no/such/folder", "does not exist"},
			silence: []string{loop, "it printed"},
		}, {
			name:    "has a file for a working directory",
			body:    "php_worker worker.php {\ndir worker.php\n}",
			files:   []string{"worker.php", "<?php"},
			say:     []string{"working directory", "worker.php", "is not a folder"},
			silence: []string{loop, "it printed"},
		}, {
			name:    "misses its packages",
			body:    "php_worker worker.php",
			files:   []string{"worker.php", "<?php\nrequire __DIR__ . '/vendor/autoload.php';\n"},
			say:     []string{"vendor/autoload.php", "composer install"},
			silence: []string{loop},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var options []option
			for i := 0; i < len(c.files); i += 2 {
				options = append(options, withFile(c.files[i], c.files[i+1]))
			}
			port := freePorts(t, 1)[0]
			s := launch(t, fmt.Sprintf("http://127.0.0.1:%d {\n%s\n}\n", port, c.body), options...)
			begin := time.Now()
			s.waitExit()
			took := time.Since(begin)
			if s.err == nil {
				t.Fatal("caddy should have refused to start")
			}
			said := lastError(t, s)
			t.Logf("after %v: %s", took.Round(time.Millisecond), said)
			if took > 20*time.Second { // far below the default of boot_timeout, far above a busy machine's second
				t.Errorf("the start took %v to fail", took)
			}
			for _, text := range c.say {
				if text = strings.ReplaceAll(text, "{dir}", s.dir); !strings.Contains(said, text) {
					t.Errorf("the message does not say %q", text)
				}
			}
			for _, text := range c.silence {
				if strings.Contains(said, text) {
					t.Errorf("the message misleads with %q", text)
				}
			}
		})
	}
}

// lastError is the record that caddy ends with, which is all that many will read.
func lastError(t *testing.T, s *server) string {
	t.Helper()
	records := s.logs.records("")
	last := records[len(records)-1]
	if last["level"] != "error" {
		t.Fatalf("caddy did not end with an error:\n%s", s.logs.text())
	}
	return last["msg"].(string)
}

func TestAWorkerThatAnswersOnceLosesNoRequestAndIsToldOfTheLoopOnce(t *testing.T) {
	t.Parallel()
	s, url := site(t, tutorial(t, "2-once.php", "workers 2"))
	pids := askMany(t, url, 60, 4)
	if len(pids) != 60 {
		t.Errorf("%d processes answered 60 requests", len(pids))
	}
	warning := s.waitLog("ends after one request")
	if said := warning["msg"].(string); !strings.Contains(said, "it needs a loop") || warning["level"] != "warn" {
		t.Errorf("the warning is %v", warning)
	}
	if n := len(s.logs.records("ends after one request")); n != 1 {
		t.Errorf("the warning came %d times", n)
	}
	for _, record := range s.logs.records("") {
		if record["level"] == "error" {
			t.Errorf("an error was logged: %v", record)
		}
	}
}

func TestTheLoopKeepsEachProcessAndServesEveryRequestOnce(t *testing.T) {
	t.Parallel()
	_, url := site(t, tutorial(t, "3-loop.php", "workers 2"))
	pids := askMany(t, url, 1000, 4)
	if len(pids) > 2 {
		t.Errorf("%d processes answered, there should be 2: %v", len(pids), pids)
	}
	last := 0
	for _, numbers := range pids {
		most := 0
		for _, n := range numbers {
			most = max(most, n)
		}
		last += most
	}
	if last != 1000 {
		t.Errorf("the workers counted %d requests", last)
	}
}

// askMany sends requests, several at a time, and returns the numbers that each
// process gave its answers, by PID; 0 where it gave none.
func askMany(t *testing.T, url string, requests, atOnce int) map[string][]int {
	t.Helper()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		pids = make(map[string][]int)
		jobs = make(chan struct{}, requests)
	)
	for range requests {
		jobs <- struct{}{}
	}
	close(jobs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range atOnce {
		wg.Go(func() {
			for range jobs {
				a := ask(ctx, http.MethodGet, url, nil)
				if a.err != nil || a.status != http.StatusOK {
					t.Errorf("status %d, error %v: %s", a.status, a.err, a.body)
					cancel()
					return
				}
				words := strings.Fields(a.body)
				n := 0
				if len(words) > 2 && words[1] == "number" {
					n, _ = strconv.Atoi(words[2])
				}
				mu.Lock()
				pids[words[len(words)-1]] = append(pids[words[len(words)-1]], n)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return pids
}
