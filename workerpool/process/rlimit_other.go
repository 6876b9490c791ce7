//go:build !linux

package process

import "errors"

// CheckRlimits refuses every limit: they work on Linux only.
func CheckRlimits(limits []Rlimit) error {
	if len(limits) > 0 {
		return errors.New("rlimit works on Linux only")
	}
	return nil
}

// setRlimits does nothing: there are none that CheckRlimits lets pass.
func setRlimits(int, []Rlimit) error { return nil }
