package launch

import (
	"fmt"
	"strings"
)

// fpmConfig is the configuration of a php-fpm of ours.
type fpmConfig struct {
	socket, ping string
	most         int    // children
	user         string // as whom children run; "": as the parent
	extensions   []string
}

// text is what is written for php-fpm. A child is started when we connect, and ends when we have told it to: so there
// are as many as there are workers. Its own limits are off, because the pool has better ones. An idle child, which
// takes the place of one that has ended, goes after a second or two; where there are many, one each second.
func (c *fpmConfig) text() string {
	user := ""
	if c.user != "" {
		user = "user = " + fpmQuote(c.user) + "\n"
	}
	return fmt.Sprintf(`; Written by php_worker for one pool; removed with it.
[global]
daemonize = no
error_log = /dev/null
log_level = notice
log_limit = 65536
process_control_timeout = 1d

[php_worker]
%slisten = %s
pm = ondemand
pm.max_children = %d
pm.process_idle_timeout = 1s
pm.max_requests = 0
request_terminate_timeout = 0
clear_env = no
catch_workers_output = yes
decorate_workers_output = yes
ping.path = %s
ping.response = pong
security.limit_extensions = %s
php_admin_flag[fastcgi.logging] = off
`, user, fpmQuote(c.socket), c.most, fpmQuote(c.ping), fpmQuote(strings.Join(c.extensions, " ")))
}

// fpmQuote quotes a value of php-fpm's configuration, which is read as a php.ini is.
func fpmQuote(value string) string { return `"` + escapeIni(value) + `"` }
