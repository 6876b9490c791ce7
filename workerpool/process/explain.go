package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// startError is the error of a command that never became a process, in words
// that name the cause a person can mend.
type startError struct {
	text string
	err  error
}

func (e *startError) Error() string { return e.text }
func (e *startError) Unwrap() error { return e.err }

// ExplainStart puts the error of a command that could not be started, or not even be
// found, into words that name the cause a person can mend.
func ExplainStart(cmd *exec.Cmd, err error) error {
	return &startError{text: startText(cmd, err), err: err}
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
