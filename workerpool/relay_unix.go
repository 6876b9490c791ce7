//go:build unix

package workerpool

// extraFiles says that a child can inherit more than stdin, stdout and stderr.
const extraFiles = true
