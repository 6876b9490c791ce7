package module

import (
	"math"
	"runtime/debug"
	"strings"
	"testing"
)

func TestTheDefaultBoundIsAnEighthOfWhatCaddyMayUse(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for limit, want := range map[int64]int64{8 << 30: 1 << 30, 100 << 20: minMemory, math.MaxInt64: 128 << 20} {
		debug.SetMemoryLimit(limit)
		if got := defaultMemory(); got != want {
			t.Errorf("with %d bytes it is %d, want %d", limit, got, want)
		}
	}
}

func TestABoundBelowWhatALargeFormNeedsIsRefused(t *testing.T) {
	c := PoolConfig{Script: []string{"worker.php"}, Memory: minMemory - 1}
	if err := c.prepare(); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("the error is %v", err)
	}
}
