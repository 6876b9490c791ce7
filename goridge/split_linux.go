package goridge

import "os"

// pipeBuf is what a write to a pipe may hold to be all or nothing, PIPE_BUF of
// pipe(7).
const pipeBuf = 4096

// splitAt returns how many of the n bytes of a frame have to be written to a
// pipe beforehand so that its header cannot come in two pieces; 0 for none.
//
// A pipe holds pages. Linux first puts the part of a write that exceeds whole
// pages into what is left of the last page, and then takes fresh pages for
// what follows (pipe_write in fs/pipe.c). If there are none, that part is all
// that goes out: with a full pipe and a frame of 8197 bytes, five of the header.
func splitAt(n int) int {
	if n <= pipeBuf {
		return 0
	}
	if over := n % os.Getpagesize(); over == 0 || over >= HeaderSize {
		return 0
	}
	return pipeBuf
}
