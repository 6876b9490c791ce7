package module

import (
	"math"
	"runtime/debug"
)

const (
	// minMemory is the smallest bound of a pool: the largest form, unless its names are most of it, needs about 50 MB while
	// it is read.
	minMemory = 64_000_000
	// memoryShare is the part of the machine's memory that is the default bound.
	memoryShare = 8
	// unknownMemory stands for a machine that does not tell how much it has.
	unknownMemory = 1 << 30
)

// defaultMemory is the default of PoolConfig.Memory. "caddy run" bounds the memory of the Go
// runtime by what the machine has, or the cgroup, or GOMEMLIMIT says; so the same
// figure counts here.
func defaultMemory() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		limit = unknownMemory
	}
	return max(minMemory, limit/memoryShare)
}
