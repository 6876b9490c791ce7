//go:build !linux

package goridge

// pipeBuf is the smallest PIPE_BUF that POSIX allows.
const pipeBuf = 512

// splitAt returns how many of the n bytes of a frame have to be written to a
// pipe beforehand so that its header cannot come in two pieces; 0 for none.
// A longer write to an almost full pipe may go out in pieces of any size.
func splitAt(n int) int {
	if n <= pipeBuf {
		return 0
	}
	return pipeBuf
}
