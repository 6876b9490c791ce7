//go:build !unix

package process

// There are no process groups here, and no signal that PHP would explain itself at.
func inGroup(int, int) bool { return false }
func timeIsUp(int)          {}
