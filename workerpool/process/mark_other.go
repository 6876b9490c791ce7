//go:build !linux

package process

// killMarked finds nobody: the environment of another process cannot be read here.
func killMarked(string) {}
