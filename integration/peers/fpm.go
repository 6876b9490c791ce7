package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FPM is a php-fpm with one static pool.
type FPM struct {
	// Binary is its program, FPMBinary() for instance.
	Binary string
	// Dir gets its configuration, its socket and its log.
	Dir string
	// Children is the number of its processes.
	Children int
	// Env is what the children find in their environment, besides what php-fpm lets through.
	Env [][2]string
	// INI are settings of php.ini, given on the command line: a pool's own come too late for
	// OPcache.
	INI [][2]string
	// Lines are further lines of the pool's section.
	Lines []string
}

// Socket is what it listens on.
func (f FPM) Socket() string { return filepath.Join(f.Dir, "fpm.sock") }

// Command writes the configuration and makes the command.
func (f FPM) Command() (*exec.Cmd, error) {
	var config strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&config, format+"\n", args...) }
	line("[global]\nerror_log = %s\ndaemonize = no", filepath.Join(f.Dir, "fpm.log"))
	line("[www]\nlisten = %s\nlisten.mode = 0666\npm = static\npm.max_children = %d", f.Socket(), f.Children)
	args := []string{"-F"}
	if root() {
		line("user = root\ngroup = root")
		args = append(args, "-R")
	}
	for _, v := range f.Env {
		line("env[%s] = %s", v[0], v[1])
	}
	for _, text := range f.Lines {
		line("%s", text)
	}
	for _, setting := range f.INI {
		args = append(args, "-d", setting[0]+"="+setting[1])
	}
	path := filepath.Join(f.Dir, "fpm.conf")
	return exec.Command(f.Binary, append(args, "-y", path)...), os.WriteFile(path, []byte(config.String()), 0o644)
}
