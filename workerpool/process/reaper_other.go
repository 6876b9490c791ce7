//go:build !linux

package process

func reaperAdd(int)        {}
func reaperLeaderGone(int) {}
