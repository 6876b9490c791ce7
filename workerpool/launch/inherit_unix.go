//go:build unix

package launch

// inherits says that a child can inherit more than stdin, stdout and stderr.
const inherits = true
