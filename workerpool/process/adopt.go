package process

import (
	"errors"
	"syscall"
)

// Soft asks for an end that lets a process finish what it is at.
type Soft = syscall.Signal

// Adopted is a process that another one of ours has started: a child of its parent that is reaped there. What it has
// itself started ends with it when it gets Terminate or Kill, as far as its descendants can be
// found then. Whatever else there is ends with its parent at the latest, whose group and mark it has. The process itself
// ends with this program, also in a group of its own and without the mark.
type Adopted interface {
	Process
	// Soften sends a signal to the process alone.
	Soften(Soft)
}

// ErrNoChild says that a process cannot be adopted: it has ended, or is no child of the parent.
var ErrNoChild = errors.New("the process has ended, or another one than ours has started it")

// Adopt follows the process of that number, which parent has started. Its resource limits are set as Start
// does it. Linux only. How it ended its parent alone gets to know: Exit says nothing but that it has.
func Adopt(pid int, parent Process, limits []Rlimit) (Adopted, error) {
	return adopt(pid, parent, limits)
}
