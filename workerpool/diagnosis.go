package workerpool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// notStarted is the error of a command that never became a process, in words
// that name the cause a person can mend.
type notStarted struct {
	text string
	err  error
}

func (e *notStarted) Error() string { return e.text }
func (e *notStarted) Unwrap() error { return e.err }

// explainStart replaces the bare errors of a failed start.
func explainStart(cmd *exec.Cmd, err error) error {
	return &notStarted{text: startText(cmd, err), err: err}
}

func startText(cmd *exec.Cmd, err error) string {
	if info, statErr := os.Stat(cmd.Dir); cmd.Dir != "" && errors.Is(statErr, fs.ErrNotExist) {
		return fmt.Sprintf("the working directory %s does not exist", cmd.Dir)
	} else if statErr == nil && !info.IsDir() {
		return fmt.Sprintf("the working directory %s is not a folder", cmd.Dir)
	}
	program := cmd.Path
	if !filepath.IsAbs(program) {
		program = filepath.Join(cmd.Dir, program)
	}
	_, missing := os.Stat(program)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Sprintf("the program %q was not found in PATH; install it, or name its full path", cmd.Args[0])
	case errors.Is(err, fs.ErrNotExist) && missing != nil:
		return fmt.Sprintf("the program %s does not exist; install it, or name its full path", program)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the program %s exists, but not the interpreter that its first line (#!) names", program)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("the system refuses to run %s in the folder %s (%v): is it executable, and may its user enter the folder?", program, cmd.Dir, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("%s is not a program; a script needs a first line such as #!/bin/sh, or its interpreter in front", program)
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Sprintf("the system refuses another process (limit of processes, or memory): %v", err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Sprintf("no file descriptors are left: %v", err)
	}
	return err.Error()
}

// noScript is what the command line PHP prints for a script that it cannot open.
var noScript = regexp.MustCompile(`Could not open input file: (.+)`)

// theLoop is what a worker needs, for hints.
const theLoop = "a worker must stay alive and ask for requests in a loop (while ($request = $worker->waitRequest()) { ... })"

// bootError says what was seen, what was printed, and what usually helps.
func (c *Config) bootError(err error, out *output) *BootError {
	e := &BootError{Pool: c.Name, Command: c.Command, Err: err, Output: out.tail()}
	printed := strings.Join(e.Output, "\n")
	_, neverRan := errors.AsType[*notStarted](err)
	switch {
	case neverRan, errors.Is(err, errBootStopped):
	case noScript.MatchString(printed):
		e.Hint = "the script does not exist, or may not be read"
		if !filepath.IsAbs(noScript.FindStringSubmatch(printed)[1]) {
			e.Hint += "; its path is relative to the working directory " + c.workingDir()
		}
	case strings.Contains(printed, "Failed opening required") && strings.Contains(printed, "vendor/autoload.php"):
		e.Hint = "the packages of the application are not installed: run composer install in its folder"
	case containsAny(printed, "Fatal error", "Parse error", "Uncaught"):
		e.Hint = "the script failed while it started, before it could ask for a request; the text is PHP's own"
	case strings.Contains(printed, "sockets") && c.Relay == RelayUnix:
		e.Hint = "relay unix needs PHP's sockets extension"
	case errors.Is(err, errBootTimeout):
		e.Hint = theLoop + "; where the start really takes this long, raise boot_timeout"
	default:
		e.Hint = theLoop + "; a script that answers once and ends belongs to php_fastcgi"
	}
	return e
}

func (c *Config) workingDir() string {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return "of Caddy"
	}
	return dir
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
