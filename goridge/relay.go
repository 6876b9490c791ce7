package goridge

import (
	"errors"
	"fmt"
	"strings"
)

// RelayStdio is the RR_RELAY of a worker that talks over its stdin and stdout;
// whatever it prints gets between the frames, see Options.Stray.
const RelayStdio = "pipes"

// RelayFDs returns the RR_RELAY of a worker that reads frames from the file
// descriptor in and writes them to out, both numbers as the worker counts.
// Its stdin and stdout stay free, so that it may print what it likes.
func RelayFDs(in, out int) string {
	return fmt.Sprintf("pipes://fd/%d:fd/%d", in, out)
}

// RelayUnix returns the RR_RELAY of a worker that connects to the unix socket
// at path. PHP would cut the path at its first colon, so one is an error.
func RelayUnix(path string) (string, error) {
	if path == "" {
		return "", errors.New("relay socket: empty path")
	}
	if strings.ContainsAny(path, ":\x00") {
		return "", fmt.Errorf("relay socket %q: a colon or a NUL in the path", path)
	}
	return "unix://" + path, nil
}
