package process

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var rlimits = map[string]int{
	"as": unix.RLIMIT_AS, "core": unix.RLIMIT_CORE, "cpu": unix.RLIMIT_CPU, "data": unix.RLIMIT_DATA,
	"fsize": unix.RLIMIT_FSIZE, "memlock": unix.RLIMIT_MEMLOCK, "nofile": unix.RLIMIT_NOFILE,
	"nproc": unix.RLIMIT_NPROC, "stack": unix.RLIMIT_STACK,
}

// CheckRlimits reports limits that the system does not know.
func CheckRlimits(limits []Rlimit) error {
	for _, l := range limits {
		if _, known := rlimits[l.Name]; !known {
			return fmt.Errorf("unknown rlimit %q: it is one of %s", l.Name,
				strings.Join(slices.Sorted(maps.Keys(rlimits)), ", "))
		}
	}
	return nil
}

// setRlimits sets the limits of a process that has just been started; what it
// starts inherits them.
func setRlimits(pid int, limits []Rlimit) error {
	for _, l := range limits {
		if err := unix.Prlimit(pid, rlimits[l.Name], &unix.Rlimit{Cur: l.Soft, Max: l.Hard}, nil); err != nil {
			if errors.Is(err, unix.EPERM) {
				return fmt.Errorf("setting rlimit %s: %w: limits of another user's processes, and hard limits above Caddy's own, "+
					"need the capability CAP_SYS_RESOURCE, which root in a container often lacks", l.Name, err)
			}
			return fmt.Errorf("setting rlimit %s: %w", l.Name, err)
		}
	}
	return nil
}
