package module

import (
	"fmt"
	"maps"
	"math"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// lookupUser finds the numbers behind "user" or "user:group". A group that is
// named replaces the user's own and its supplementary groups.
func lookupUser(spec string) (*workerpool.User, error) {
	if spec == "" {
		return nil, nil
	}
	name, group, named := strings.Cut(spec, ":")
	account, err := user.Lookup(name)
	if err != nil {
		if account, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("user %q is not known on this machine", name)
		}
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %q has no numeric id here, so workers cannot run as them", name)
	}
	u := &workerpool.User{UID: uint32(uid)}
	groups := []string{account.Gid}
	if named {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return nil, fmt.Errorf("group %q is not known on this machine", group)
			}
		}
		groups = []string{g.Gid}
	} else if more, err := account.GroupIds(); err == nil {
		groups = append(groups, more...)
	}
	for i, id := range groups {
		gid, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("group %q has no numeric id", id)
		}
		if i == 0 {
			u.GID = uint32(gid)
		}
		if !slices.Contains(u.Groups, uint32(gid)) {
			u.Groups = append(u.Groups, uint32(gid))
		}
	}
	return u, nil
}

// parseRlimits reads "soft" and "soft:hard".
func parseRlimits(limits map[string]string) ([]workerpool.Rlimit, error) {
	var list []workerpool.Rlimit
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		soft, hard, both := strings.Cut(limits[name], ":")
		if !both {
			hard = soft
		}
		l := workerpool.Rlimit{Name: name}
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
