//go:build !race

package workerpool

import "time"

func (f *fakeProcess) CPUTime() (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cpu(), true
}

func (f *fakeProcess) TimeIsUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.timedUp = time.Now()
}

// cpu is the CPU time used: all the time since the process was told to spin. It needs the lock.
func (f *fakeProcess) cpu() time.Duration {
	if f.spins.IsZero() {
		return f.spun
	}
	return f.spun + time.Since(f.spins)
}

// spin switches the loop on or off.
func (f *fakeProcess) spin(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spun = f.cpu()
	f.spins = time.Time{}
	if on {
		f.spins = time.Now()
	}
}

// gaps are the times from each start to the next.
func (l *fakes) gaps() (gaps []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := 1; i < len(l.started); i++ {
		gaps = append(gaps, l.started[i].Sub(l.started[i-1]))
	}
	return gaps
}

func (l *fakes) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.started)
}
