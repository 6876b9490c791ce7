package launch

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt is when a file, or what the system says of it, was changed last: nobody can set that back.
func changedAt(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return info.ModTime()
}
