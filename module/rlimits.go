package module

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// parseRlimits reads "soft" and "soft:hard".
func parseRlimits(limits map[string]string) ([]process.Rlimit, error) {
	var list []process.Rlimit
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		soft, hard, both := strings.Cut(limits[name], ":")
		if !both {
			hard = soft
		}
		l := process.Rlimit{Name: name}
		var err error
		if l.Soft, err = parseLimit(soft); err == nil {
			l.Hard, err = parseLimit(hard)
		}
		if err != nil {
			return nil, fmt.Errorf("rlimit %s: %q is neither a number nor unlimited", name, limits[name])
		}
		if l.Soft > l.Hard {
			return nil, fmt.Errorf("rlimit %s: the soft limit exceeds the hard one", name)
		}
		list = append(list, l)
	}
	return list, nil
}

func parseLimit(s string) (uint64, error) {
	if s == "unlimited" {
		return math.MaxUint64, nil
	}
	return strconv.ParseUint(s, 10, 63)
}
