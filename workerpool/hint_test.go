package workerpool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// phpFile is the command of a PHP script with this text.
func phpFile(t *testing.T, text string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "worker.php")
	check(os.WriteFile(file, []byte(text), 0o600))
	return []string{"php", file}
}

// deepTrace is PHP code that dies with a trace of many lines.
const deepTrace = `<?php
	function f($n) { if ($n > 0) { f($n - 1); } else { throw new RuntimeException('the key is missing'); } }
	f(%d);`

func TestWhatPHPSaysOfAFailedStartIsNotLostInALongTrace(t *testing.T) {
	for _, c := range []struct{ name, text, fatal string }{
		{"a long trace", fmt.Sprintf(deepTrace, 200), "Fatal error: Uncaught RuntimeException: the key is missing in "},
		{"a long way to it", `<?php for ($i = 0; $i < 500; $i++) echo "line $i\n";` + strings.TrimPrefix(fmt.Sprintf(deepTrace, 200), "<?php"),
			"Fatal error: Uncaught RuntimeException: the key is missing in "},
		{"a syntax error", `<?php for (;`, "Parse error: Unclosed '(' in "},
		{"a class that is missing", `<?php new Missing();`, `Fatal error: Uncaught Error: Class "Missing" not found in `},
	} {
		t.Run(c.name, func(t *testing.T) {
			pool := self(1)
			pool.Command = phpFile(t, c.text)
			pool.Ini = map[string]string{"display_errors": "stderr", "log_errors": "1", "error_log": ""}
			err := unstarted(t, pool).Start(t.Context())
			boot := as[*BootError](t, err)
			if !strings.HasPrefix(strings.Replace(boot.Fatal, ":  ", ": ", 1), c.fatal) { // the log's form has two blanks
				t.Errorf("PHP said %q; want %q…", boot.Fatal, c.fatal)
			}
			if boot.Hint != "" {
				t.Errorf("the hint is %q, where PHP has said it all", boot.Hint)
			}
			if !strings.Contains(err.Error(), "exit status 255) before it asked for a request; PHP says: "+boot.Fatal) {
				t.Errorf("the message is %v", err)
			}
			if c.name == "a syntax error" && strings.Count(err.Error(), "Unclosed") != 1 {
				t.Errorf("the message says it twice: %v", err)
			}
			if size := len(err.Error()); size > 25_000 {
				t.Errorf("the message has %d bytes", size)
			}
		})
	}
}

// A hint is for what is certain: a wrong one leads away from the cause.
func TestAHintIsGivenOnlyWhereTheCauseIsCertain(t *testing.T) {
	const none = ""
	for _, c := range []struct {
		name   string
		change func(t *testing.T, c *Config)
		hint   string // part of it
		says   string // part of the message
	}{
		{"a script without a loop", func(t *testing.T, c *Config) { c.Command = phpFile(t, `<?php echo "<h1>Hello</h1>";`) },
			"in a loop", "exit status 0"},
		{"a script that is no code", func(t *testing.T, c *Config) {
			c.Command = phpFile(t, "$worker = PhpWorker\\Worker::create();\n$worker->run($app);\n")
		}, "begin with <?php", "Worker::create"},
		{"a script that gives up", func(t *testing.T, c *Config) { c.Command = phpFile(t, `<?php echo "no database\n"; exit(3);`) },
			none, "no database"},
		{"no script", func(t *testing.T, c *Config) { c.Command = []string{"php", "missing.php"} },
			"relative to the working directory", "Could not open input file"},
		{"no packages", func(t *testing.T, c *Config) { c.Command = phpFile(t, `<?php require __DIR__.'/vendor/autoload.php';`) },
			"composer install", "PHP says: Fatal error"},
		{"PHP for FastCGI", func(t *testing.T, c *Config) {
			c.Command = append([]string{"php-cgi"}, phpFile(t, `<?php echo 1;`)[1:]...)
		},
			"php-cgi speaks FastCGI", "before it asked for a request"},
		{"a socket without the extension", func(t *testing.T, c *Config) {
			c.Relay = RelayUnix
			c.Command = phpFile(t, `<?php socket_missing_create(1);`)
		}, "needs PHP's sockets extension", "undefined function socket_missing_create"},
		{"the extension is missing, and no socket wanted", func(t *testing.T, c *Config) {
			c.Command = phpFile(t, `<?php socket_missing_create(1);`)
		}, none, "undefined function socket_missing_create"},
		{"pipes hard-coded, and a socket wanted", func(t *testing.T, c *Config) {
			c.Relay, c.BootTimeout = RelayUnix, 300*time.Millisecond
			c.Command = phpFile(t, `<?php fread(STDIN, 12); fread(STDIN, 100);`)
		}, "needs relay auto or stdio", "has not connected to the socket"},
		{"too slow", func(t *testing.T, c *Config) {
			c.BootTimeout = 300 * time.Millisecond
			c.Command = phpFile(t, `<?php sleep(100);`)
		}, "raise boot_timeout", "in time (300ms)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pool := self(1)
			c.change(t, &pool)
			err := unstarted(t, pool).Start(t.Context())
			boot := as[*BootError](t, err)
			if (c.hint == none) != (boot.Hint == "") || !strings.Contains(boot.Hint, c.hint) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want the hint %q and %q in %v", c.hint, c.says, err)
			}
		})
	}
}

func TestAPHPThatIsTooOldIsNamedWhereItDoesNotUnderstandTheCode(t *testing.T) {
	for _, code := range []string{`<?php for (;`, `<?php strlen_of_php_9('');`} {
		for version, hint := range map[string]string{`"7.4.33", "id": 70433`: "this is PHP 7.4.33", `"8.3.1", "id": 80301`: ""} {
			tooOld(t, code, version, hint)
		}
	}
}

// tooOld wants the hint where a PHP of that version is to run the code.
func tooOld(t *testing.T, code, version, hint string) {
	t.Helper()
	old := filepath.Join(t.TempDir(), "php")
	check(os.WriteFile(old, []byte(`#!/bin/sh
		case "$*" in
		*" -r "*) echo 'php_worker asked: {"version": `+version+`, "memory_limit": "-1"}' ;;
		*) exec php "$@" ;;
		esac`), 0o700))
	c := self(1)
	c.Command = []string{old, phpFile(t, code)[1]}
	c.SuitIni = func(*PHP, *zap.Logger) map[string]string { return nil }
	err := unstarted(t, c).Start(t.Context())
	if boot := as[*BootError](t, err); !strings.HasPrefix(boot.Hint, hint) || (hint == "") != (boot.Hint == "") {
		t.Errorf("%s, version %s: want the hint %q in %v", code, version, hint, err)
	}
}

func TestAnErrorOfTheWarmUpIsNotTakenForOneOfTheStart(t *testing.T) {
	long := strings.Repeat("#1 a line of the trace\n", 1000)
	for _, c := range []struct{ name, steps, says string }{
		{"its check fails", "answer no", "warming up: not good"},
		{"it throws", "error RuntimeException: no key", "warming up: worker reported an error: RuntimeException: no key"},
		{"exit in the handler", "exit 0", "warming up: the process ended (exit status 0) before it had answered the warm-up request"},
		{"it hangs", "ignore term; block", "warming up: it did not answer the warm-up request in time ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			pool := self(1)
			pool.BootTimeout = patience
			if c.name == "it hangs" {
				pool.BootTimeout = 3 * time.Second // the start counts, too
			}
			request := script(c.steps)
			if c.name == "it throws" {
				request = script("error", strings.TrimPrefix(c.steps, "error ")+"\n"+long)
			}
			pool.Warmup = &Warmup{Request: *request, Check: func(*goridge.Frame) (string, error) { return "", errors.New("not good") }}
			err := unstarted(t, pool).Start(t.Context())
			if boot := as[*BootError](t, err); !strings.Contains(err.Error(), c.says) || !strings.Contains(boot.Hint, "the one that warmup sends") {
				t.Errorf("want %q in %v", c.says, err)
			}
			if size := len(err.Error()); size > 2000 {
				t.Errorf("the message has %d bytes", size)
			}
		})
	}
}

func TestARemarkAboutTheWarmUpIsLoggedAndTheWorkerServes(t *testing.T) {
	c := self(1)
	c.Warmup = &Warmup{Request: *script("answer"), Check: func(*goridge.Frame) (string, error) { return "in maintenance?", nil }}
	p, logs := startLogged(t, c)
	if got := ask(t, p, "answer", "served"); got != "served" || logs.FilterMessage("warming up: in maintenance?").Len() != 1 {
		t.Errorf("got %q, and %v", got, logs.All())
	}
}

func TestTheNamesOfProgramsThatCannotRunAWorkerAreKnown(t *testing.T) {
	for _, name := range []string{"php-cgi", "php-cgi8.2", "php8.2-cgi", "php-fpm", "php-fpm8.3", "php8.3-fpm", "php-cgi.exe", "phpcgi"} {
		if !notCLI.MatchString(name) {
			t.Errorf("%s would be taken for PHP's command line", name)
		}
	}
	for _, name := range []string{"php", "php8.2", "php82", "php-cli", "php-zts", "phpdbg", "my-php-cgi-wrapper", "php.exe"} {
		if notCLI.MatchString(name) {
			t.Errorf("%s would be taken for another program", name)
		}
	}
}
