//go:build unix

package module

import "syscall"

// missing reports whether there is certainly nothing of that name that we could
// serve. It is the cheapest question that answers most requests: one system call.
func missing(name string) bool { return syscall.Access(name, 0) != nil }

// nonBlocking opens a named pipe or a device without waiting for its other side. For
// a regular file it means nothing.
const nonBlocking = syscall.O_NONBLOCK
