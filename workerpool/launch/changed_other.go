//go:build !linux

package launch

import (
	"io/fs"
	"time"
)

// changedAt is when a file was changed last.
func changedAt(info fs.FileInfo) time.Time { return info.ModTime() }
