//go:build !linux

package workerpool

import "errors"

func setRlimits(_ int, limits []Rlimit) error {
	if len(limits) > 0 {
		return errors.New("rlimit works on Linux only")
	}
	return nil
}
