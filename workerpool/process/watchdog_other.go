//go:build !unix

package process

func watchdogAdd(int)     {}
func watchdogRemove(int)  {}
func watchdogRelease(int) {}
