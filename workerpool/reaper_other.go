//go:build !linux

package workerpool

func reaperAdd(int)        {}
func reaperLeaderGone(int) {}
