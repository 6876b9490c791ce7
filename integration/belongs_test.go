package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// caddies are the process numbers of the servers, by their folders.
var caddies sync.Map

// belongs says whether a process is one of the server in dir: they all inherit
// XDG_DATA_HOME from it. Those of php-fpm lose their environment to the name that they give
// themselves; they all have the socket that Caddy has made for them.
func belongs(pid int, dir string, sockets []string) bool {
	proc := fmt.Sprintf("/proc/%d/", pid)
	environ, err := os.ReadFile(proc + "environ")
	if err != nil || bytes.Contains(environ, []byte("XDG_DATA_HOME="+filepath.Join(dir, "data")+"\x00")) {
		return err == nil
	}
	if name, _ := os.ReadFile(proc + "comm"); len(sockets) == 0 || !bytes.HasPrefix(name, []byte("php")) {
		return false
	}
	files, _ := os.ReadDir(proc + "fd")
	for _, f := range files {
		file, _ := os.Readlink(proc + "fd/" + f.Name())
		for _, socket := range sockets {
			if file == "socket:["+socket+"]" {
				return true
			}
		}
	}
	return false
}

// classicSockets are the numbers of the sockets that php-fpm listens on for the server in dir.
func classicSockets(dir string) (inodes []string) {
	caddy, ok := caddies.Load(dir)
	if !ok {
		return nil
	}
	all, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(all)) {
		// Num RefCount Protocol Flags Type St Inode Path
		if fields := strings.Fields(line); len(fields) == 8 && strings.Contains(fields[7], fmt.Sprintf("/caddy-php-%d-", caddy)) {
			inodes = append(inodes, fields[6])
		}
	}
	return inodes
}
