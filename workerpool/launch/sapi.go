package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sapi is a kind of PHP program.
type sapi string

// The kinds that start and end requests, as PHP calls them.
const (
	sapiFPM sapi = "fpm-fcgi"
	sapiCGI sapi = "cgi-fcgi"
)

// sapiOf finds it in what a PHP program prints for -v.
var sapiOf = regexp.MustCompile(`(?m)^PHP [0-9][^ ]* \(([a-z0-9-]+)\)`)

// folders are where php-fpm lies that the PATH of ordinary users does not have.
var folders = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// findClassic returns the command of a php-fpm or, where there is none, a php-cgi of this system.
func findClassic() ([]string, error) {
	for _, name := range []string{"php-fpm", "php-cgi"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}, nil
		}
		var found []string
		for _, dir := range folders {
			all, _ := filepath.Glob(filepath.Join(dir, name+"*"))
			found = append(found, all...)
		}
		slices.SortFunc(found, func(a, b string) int { return versionOf(b) - versionOf(a) })
		for _, path := range found {
			if path, err := exec.LookPath(path); err == nil {
				return []string{path}, nil
			}
		}
	}
	return nil, errors.New("neither php-fpm nor php-cgi was found; install one (Debian: php-fpm), or name its full path")
}

var version = regexp.MustCompile(`([0-9]+)\.([0-9]+)$`)

// versionOf makes a number of the version that a file name ends with; without one it is the newest.
func versionOf(path string) int {
	m := version.FindStringSubmatch(path)
	if m == nil {
		return 1 << 20
	}
	var major, minor int
	_, _ = fmt.Sscan(m[1], &major)
	_, _ = fmt.Sscan(m[2], &minor)
	return major<<10 | minor
}

// askSAPI starts the program of the command to ask which kind of PHP it is, for as long as a first start may take.
func (s *Settings) askSAPI(ctx context.Context) (sapi, error) {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(ctx, proveTimeout)
	defer cancel()
	if _, err := s.ask(ctx, []string{s.Command[0], "-v"}, "", "", &out, &out); err != nil {
		return "", err
	}
	m := sapiOf.FindStringSubmatch(out.String())
	switch {
	case m == nil:
		line, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
		return "", fmt.Errorf("%s does not say which PHP it is: it printed %q", s.Command[0], beginning(line, keptLineLen))
	case m[1] == string(sapiFPM), m[1] == string(sapiCGI):
		return sapi(m[1]), nil
	}
	return "", fmt.Errorf("%s is PHP's %s program, which cannot serve PHP scripts by itself: name a php-fpm or a php-cgi", s.Command[0], m[1])
}
