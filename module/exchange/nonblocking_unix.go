//go:build unix

package exchange

import "syscall"

// nonBlocking opens a named pipe or a device without waiting for its other side. For
// a regular file it means nothing.
const nonBlocking = syscall.O_NONBLOCK
