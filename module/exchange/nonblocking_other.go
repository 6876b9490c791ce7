//go:build !unix

package exchange

// nonBlocking is nothing where no file makes its opener wait.
const nonBlocking = 0
