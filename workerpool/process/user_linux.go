package process

import "golang.org/x/sys/unix"

// rights are the capabilities that root has and that another user would have to be given.
var rights = []struct {
	name string
	bit  uint
}{
	{"CAP_SETUID", unix.CAP_SETUID}, {"CAP_SETGID", unix.CAP_SETGID}, {"CAP_CHOWN", unix.CAP_CHOWN}, {"CAP_KILL", unix.CAP_KILL},
}

// missingRights names the capabilities that becoming another user takes and that this program does
// not have.
func missingRights() (missing []string) {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&head, &data[0]) != nil {
		return nil // the start will tell
	}
	for _, r := range rights {
		if data[0].Effective&(1<<r.bit) == 0 {
			missing = append(missing, r.name)
		}
	}
	return missing
}
