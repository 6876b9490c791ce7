package module

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// lookupUser finds the numbers behind "user" or "user:group". A group that is
// named replaces the user's own and its supplementary groups. Where Caddy is that user already the
// result is nil: there is nothing to change.
func lookupUser(spec string) (*process.User, error) {
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
	u := &process.User{UID: uint32(uid), Name: account.Username, Home: account.HomeDir}
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
	if u.IsSelf(named) {
		return nil, nil
	}
	return u, nil
}
