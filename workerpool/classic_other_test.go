//go:build !linux

package workerpool

// runClassicHost is for Linux only, as classic pools are.
func runClassicHost([]string, string) {}
