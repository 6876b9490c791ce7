//go:build !linux

package main

import "time"

func pacer() (sleep func(time.Duration), done func()) {
	return func(d time.Duration) { <-time.After(d) }, func() {}
}
