package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// fpm turns the settings of one pool of PHP-FPM into options.
type fpm struct {
	*pools
	timeout string // where request_terminate_timeout stands
	nodes   []*node
	sizes   map[string]fpmconf.Setting // pm and its numbers
	clear   bool
	user    fpmconf.Setting
	group   fpmconf.Setting
}

// fpmDone are settings that need no line, and why.
var fpmDone = map[string]string{
	"listen": "php_worker makes sockets of its own", "listen.owner": "php_worker makes sockets of its own", "listen.group": "php_worker makes sockets of its own", "listen.mode": "php_worker makes sockets of its own",
	"listen.acl_users": "php_worker makes sockets of its own", "listen.acl_groups": "php_worker makes sockets of its own", "listen.backlog": "php_worker's queue", "listen.allowed_clients": "nobody else reaches the socket", "listen.setfib": "there is no network between",
	"pm.status_path": "\"caddy php-worker list\", the admin API and metrics", "pm.status_listen": "the admin API", "ping.path": "GET /php_worker/health on the admin endpoint", "ping.response": "GET /php_worker/health on the admin endpoint",
	"access.log": "Caddy's access log has the same, with php_worker.exec_ms", "access.format": "Caddy's access log", "catch_workers_output": "what PHP prints is logged", "decorate_workers_output": "the log has the process id in a field",
	"slowlog": "Caddy's access log has php_worker.exec_ms; there is no trace of the slow place", "request_slowlog_timeout": "Caddy's access log has php_worker.exec_ms", "request_slowlog_trace_depth": "Caddy's access log has php_worker.exec_ms",
	"request_terminate_timeout_track_finished": "work after the answer is not counted", "pm.min_spare_servers": "workers start when requests wait, at once", "pm.max_spare_servers": "idle_timeout ends what is not used", "pm.max_spawn_rate": "workers start when requests wait",
	"prefix": "paths are written in full", "process.dumpable": "it is left to the system", "access.suppress_path": "Caddy's access log",
}

// options are the lines for a section.
func (f *fpm) options(section *fpmconf.Section) []*node {
	f.sizes = make(map[string]fpmconf.Setting)
	f.clear = true
	clearFrom := []string(nil)
	for _, s := range section.Settings {
		switch s.Key {
		case "clear_env":
			f.clear = isOn(s.Value)
			clearFrom = []string{s.Pos.String()}
			if !f.clear {
				f.finished(s, "PHP gets Caddy's environment, unless it has another user")
			}
		case "user":
			f.user = s
		case "group":
			f.group = s
		case "pm", "pm.max_children", "pm.start_servers", "pm.process_idle_timeout":
			f.sizes[s.Key] = s
		default:
			f.setting(s)
		}
	}
	var first []*node
	if f.user.Value != "" {
		value, from := f.user.Value, []string{f.user.Pos.String()}
		if f.group.Value != "" {
			value, from = value+":"+f.group.Value, append(from, f.group.Pos.String())
		}
		first = append(first, &node{text: "user " + value, from: from, say: "Caddy must run as root for it"})
	}
	if f.clear {
		n := &node{text: "clear_env", from: clearFrom}
		if clearFrom == nil {
			n.say = "PHP-FPM's default"
		}
		first = append(first, n)
	}
	return append(append(first, f.workers()...), f.nodes...)
}

func isOn(value string) bool {
	return slices.Contains([]string{"1", "on", "yes", "true"}, strings.ToLower(value))
}

// workers are the lines for the numbers of processes.
func (f *fpm) workers() (nodes []*node) {
	pm, most, start, idle := f.sizes["pm"], f.sizes["pm.max_children"], f.sizes["pm.start_servers"], f.sizes["pm.process_idle_timeout"]
	n, err := strconv.Atoi(most.Value)
	if most.Value != "" && (err != nil || n < 1) {
		return append(nodes, f.leaves(most, "it is no number of processes"))
	}
	from := func(all ...fpmconf.Setting) (places []string) {
		for _, s := range all {
			if s.Value != "" {
				places = append(places, s.Pos.String())
			}
		}
		return places
	}
	switch {
	case most.Value == "":
	case pm.Value == "static":
		nodes = append(nodes, &node{text: "workers " + strconv.Itoa(n), from: from(pm, most)})
	case pm.Value == "ondemand":
		nodes = append(nodes, &node{text: "workers 0 " + strconv.Itoa(n), from: from(pm, most)})
	default:
		least, err := strconv.Atoi(start.Value)
		if err != nil || least < 1 || least > n {
			least = 1
		}
		text := "workers " + strconv.Itoa(least) + " " + strconv.Itoa(n)
		if least == n {
			text = "workers " + strconv.Itoa(n)
		}
		nodes = append(nodes, &node{text: text, from: from(pm, start, most)})
		start = fpmconf.Setting{}
	}
	if start.Value != "" {
		f.finished(start, "it counts with pm = dynamic only")
	}
	if idle.Value != "" && pm.Value == "ondemand" {
		if d, err := duration(idle.Value); err == nil && d > 0 {
			nodes = append(nodes, &node{text: "idle_timeout " + short(d), from: from(idle)})
		} else {
			nodes = append(nodes, f.leaves(idle, "it is no duration"))
		}
	} else if idle.Value != "" {
		f.finished(idle, "it counts with pm = ondemand only")
	}
	return nodes
}

// setting is any other setting.
func (f *fpm) setting(s fpmconf.Setting) {
	add := func(text string) { f.nodes = append(f.nodes, &node{text: text, from: []string{s.Pos.String()}}) }
	leave := func(text string) { f.nodes = append(f.nodes, f.leaves(s, text)) }
	pair := func(word, key, value string) {
		k, err := quote(key)
		v, err2 := quote(value)
		if err != nil || err2 != nil || key == "" {
			leave(errUnquotable.Error())
			return
		}
		add(word + " " + k + " " + v)
	}
	if text, ok := fpmDone[s.Key]; ok {
		f.finished(s, text)
		return
	}
	switch s.Key {
	case "pm.max_requests":
		if n, err := strconv.Atoi(s.Value); err != nil || n < 0 {
			leave("it is no number of requests")
		} else if n == 0 {
			f.finished(s, "no limit, as without max_requests")
		} else {
			add("max_requests " + strconv.Itoa(n))
		}
	case "request_terminate_timeout":
		d, err := duration(s.Value)
		switch {
		case err != nil:
			leave("it is no duration")
		case d == 0:
			f.finished(s, "no limit, as without request_timeout")
		default:
			f.timeout = s.Pos.String()
			add("request_timeout " + short(d))
		}
	case "php_admin_value", "php_admin_flag", "php_value", "php_flag":
		value := strings.ReplaceAll(s.Value, "$pool", f.poolName(s))
		if strings.HasSuffix(s.Key, "flag") {
			value = map[bool]string{true: "1", false: "0"}[isOn(value)]
		}
		if lacksUnit(s.Index, value) {
			leave(errFewBytes.Error())
		} else {
			pair("ini", s.Index, value)
		}
	case "env":
		if name, ok := strings.CutPrefix(s.Value, "$"); ok && isVariable(name) {
			pair("env", s.Index, "{env."+name+"}")
		} else {
			pair("env", s.Index, s.Text())
		}
	case "chdir":
		if q, err := quote(s.Value); err != nil || s.Value == "" {
			leave("it is no folder")
		} else {
			add("dir " + q)
		}
	case "rlimit_files":
		if n, err := strconv.ParseUint(s.Value, 10, 63); err != nil {
			leave("it is no number")
		} else {
			add(fmt.Sprintf("rlimit nofile %d", n))
		}
	case "rlimit_core":
		if n, err := strconv.ParseUint(s.Value, 10, 63); err == nil {
			add(fmt.Sprintf("rlimit core %d", n))
		} else if s.Value == "unlimited" {
			add("rlimit core unlimited")
		} else {
			leave("it is no number")
		}
	case "security.limit_extensions":
		extensions := strings.Fields(strings.ReplaceAll(s.Value, ",", " "))
		if slices.Equal(extensions, []string{".php"}) || slices.Equal(extensions, []string{".php", ".phar"}) {
			f.finished(s, "only .php is run")
		} else {
			leave("only .php is run: split names other extensions")
		}
	case "chroot":
		leave("there is no chroot: open_basedir, a user of its own, or a container keep a site to itself")
	case "process.priority", "apparmor_hat", "listen.backlog_size", "process.affinity":
		leave("has no counterpart: set it for Caddy's systemd unit")
	default:
		leave("has no counterpart that is known here")
	}
}

// poolName is the name of the pool of a setting.
func (f *fpm) poolName(s fpmconf.Setting) string {
	for _, section := range f.sections {
		if slices.Contains(section.Settings, s) {
			return section.Name
		}
	}
	return ""
}

func isVariable(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// without drops the time limits of nginx where PHP-FPM's own counts.
func (f *fpm) without(limits []*nginxconf.Directive) []*nginxconf.Directive {
	if f.timeout == "" {
		return limits
	}
	for _, d := range limits {
		f.noteDone(d, "request_terminate_timeout (%s) is request_timeout", f.timeout)
	}
	return nil
}
