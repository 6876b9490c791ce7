//go:build !unix

package workerpool

import "os"

// extraFiles: a child inherits stdin, stdout and stderr only, so relay "auto"
// is relay "stdio" here.
const extraFiles = false

func growPipe(*os.File) {}

func pipeLevel(*os.File) int { return 0 }
