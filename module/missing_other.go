//go:build !unix

package module

func missing(string) bool { return false }
