//go:build !unix

package launch

// inherits: a child inherits stdin, stdout and stderr only, so relay "auto" is
// relay "stdio" here.
const inherits = false
