//go:build !linux

package process

import "errors"

func adopt(int, Process, []Rlimit) (Adopted, error) {
	return nil, errors.New("only Linux can follow a process that another one has started")
}
