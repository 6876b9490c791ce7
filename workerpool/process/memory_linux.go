package process

import (
	"bytes"
	"os"
	"strconv"
)

// MemoryGauge reads the resident memory of one process. Its file stays open, so
// that a reading is one system call.
type MemoryGauge struct{ statm *os.File }

// OpenMemoryGauge never fails: a gauge of a process that it cannot look at reads 0.
func OpenMemoryGauge(pid int) MemoryGauge {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return MemoryGauge{}
	}
	return MemoryGauge{f}
}

// Read returns the resident memory in bytes, 0 if it cannot be read.
func (g MemoryGauge) Read() int64 {
	if g.statm == nil {
		return 0
	}
	var buf [128]byte
	n, _ := g.statm.ReadAt(buf[:], 0)
	fields := bytes.Fields(buf[:n])
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// Close closes the gauge; it reads 0 afterwards.
func (g MemoryGauge) Close() {
	if g.statm != nil {
		g.statm.Close()
	}
}
