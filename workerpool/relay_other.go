//go:build !unix

package workerpool

import (
	"os"
	"syscall"
)

// extraFiles: a child inherits stdin, stdout and stderr only, so relay "auto"
// is relay "stdio" here.
const extraFiles = false

func growPipe(*os.File) {}

func pipeLevel(syscall.Conn) int { return 0 }
