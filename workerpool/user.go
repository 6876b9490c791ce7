package workerpool

// User is the identity that workers run under.
type User struct {
	UID, GID uint32
	// Groups are the supplementary groups.
	Groups []uint32
}

// Rlimit is one resource limit of a worker.
type Rlimit struct {
	// Name is the lower-case name without prefix: nofile, core, as, cpu, ...
	Name string
	// Soft and Hard are in the limit's own unit; math.MaxUint64 is unlimited.
	Soft, Hard uint64
}
