//go:build !unix

package module

func missing(string) bool { return false }

// nonBlocking is nothing where no file makes its opener wait.
const nonBlocking = 0
