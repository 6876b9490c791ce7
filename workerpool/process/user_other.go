//go:build !linux

package process

import "os"

// missingRights: only root may become another user.
func missingRights() []string {
	if os.Geteuid() == 0 {
		return nil
	}
	return []string{"the rights of root"}
}
