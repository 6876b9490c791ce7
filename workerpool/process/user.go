package process

import (
	"fmt"
	"os"
	"strings"
)

// User is the identity that workers run under.
type User struct {
	UID, GID uint32
	// Groups are the supplementary groups.
	Groups []uint32
	// Name and Home are what the system's list of users says; they may be empty.
	Name, Home string
}

// IsSelf says that this program runs as u already, with its group where that matters.
func (u *User) IsSelf(group bool) bool {
	return os.Geteuid() == int(u.UID) && (!group || os.Getegid() == int(u.GID))
}

// MayBecome returns nil if this program may start processes as u, give them files, and end them;
// an error that says what is missing otherwise.
func MayBecome(u *User) error {
	missing := missingRights()
	if len(missing) == 0 {
		return nil
	}
	name := u.Name
	if name == "" {
		name = fmt.Sprint(u.UID)
	}
	return fmt.Errorf("workers cannot run as user %q: this program runs as user %d and may not become another one; "+
		"leave that setting out, run it as that user or as root, or give it what it lacks (%s)", name, os.Geteuid(), strings.Join(missing, ", "))
}

// Rlimit is one resource limit of a worker.
type Rlimit struct {
	// Name is the lower-case name without prefix: nofile, core, as, cpu, ...
	Name string
	// Soft and Hard are in the limit's own unit; math.MaxUint64 is unlimited.
	Soft, Hard uint64
}
