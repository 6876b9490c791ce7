package process

import (
	"math"
	"os"
	"strings"
	"testing"
)

func TestALimitThatMayNotBeSetNamesTheCapability(t *testing.T) {
	// Above fs.nr_open nobody may go; that is refused as what Caddy may not do is.
	err := setRlimits(os.Getpid(), []Rlimit{{Name: "nofile", Soft: 1, Hard: math.MaxInt64}})
	if err == nil || !strings.Contains(err.Error(), "setting rlimit nofile: operation not permitted: ") || !strings.Contains(err.Error(), "CAP_SYS_RESOURCE") {
		t.Errorf("the error is %v", err)
	}
}
