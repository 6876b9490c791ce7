package process

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// sight is what can be seen of a process.
type sight int

const (
	unmarked sight = iota // it began without the mark, or is none of those that we may look at
	marked                // it began with the mark in its environment
	ended                 // it has gone, or waits to be reaped
	unclear               // its environment is being replaced, by exec: look again
)

// Flags of a process: PF_EXITING and PF_KTHREAD of include/linux/sched.h.
const (
	exiting      = 0x00000004
	kernelThread = 0x00200000
)

// look says whether a process began with the mark in its environment.
func look(pid int, mark string) sight {
	environ, err := environment(pid)
	entry := append([]byte(mark), 0)
	if bytes.HasPrefix(environ, entry) || bytes.Contains(environ, append([]byte{0}, entry...)) {
		return marked
	}
	// A process that calls exec shows nothing until the new environment is whole, or a part of the old one.
	stat, ok := readStat(pid)
	switch {
	case !ok || stat.flags&exiting != 0:
		return ended
	case err == unix.EACCES || err == unix.EPERM || stat.flags&kernelThread != 0 || !execShown():
		return unmarked
	case stat.endCode == 0 || stat.envEnd-stat.envStart != uint64(len(environ)):
		return unclear
	}
	return unmarked
}

// environment reads what of the environment of a process there is.
func environment(pid int) ([]byte, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/environ", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	environ := make([]byte, 0, 4096)
	for {
		environ = slices.Grow(environ, 4096)
		n, err := unix.Read(fd, environ[len(environ):cap(environ)])
		if n <= 0 || err != nil {
			return environ, nil
		}
		environ = environ[:len(environ)+n]
	}
}

// execShown says that the system tells whether a process is within exec, as Linux does; what only behaves
// like Linux may not.
var execShown = sync.OnceValue(func() bool {
	stat, ok := readStat(os.Getpid())
	return ok && stat.endCode != 0 && stat.envEnd != 0
})

// stat is what /proc tells of a process.
type stat struct {
	state            byte
	parent, group    int
	flags            uint64
	endCode          uint64 // where the program ends; 0 until exec has set everything up, its environment before this
	envStart, envEnd uint64 // where its environment is
}

// readStat reads the fields behind the name, which may hold anything.
func readStat(pid int) (s stat, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // from the third one on: see proc(5)
	if len(fields) < 3 {
		return stat{}, false
	}
	number := func(field int) (n uint64) {
		if at := field - 3; at < len(fields) {
			n, _ = strconv.ParseUint(string(fields[at]), 10, 64)
		}
		return n
	}
	return stat{
		state: fields[0][0], parent: int(number(4)), group: int(number(5)),
		flags: number(9), endCode: number(27), envStart: number(50), envEnd: number(51),
	}, true
}
