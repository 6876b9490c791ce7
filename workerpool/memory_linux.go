package workerpool

import (
	"bytes"
	"os"
	"strconv"
)

// memoryGauge reads the resident memory of one process. Its file stays open, so
// that a reading is one system call.
type memoryGauge struct{ statm *os.File }

func openMemoryGauge(pid int) memoryGauge {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return memoryGauge{}
	}
	return memoryGauge{f}
}

// read returns the resident memory in bytes, 0 if it cannot be read.
func (g memoryGauge) read() int64 {
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

func (g memoryGauge) close() {
	if g.statm != nil {
		g.statm.Close()
	}
}
