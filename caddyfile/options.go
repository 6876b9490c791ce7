package caddyfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/phpworker/caddy-php-worker/module"
)

const (
	// anyPool is every block that describes processes.
	anyPool = inDirective | inPool | inDefaults
	// onePool leaves out the defaults: what a pool cannot share.
	onePool = inDirective | inPool
)

// poolOptions are the words of php_worker, of pool and of defaults.
var poolOptions = []option{
	{begins: "What runs", name: "command", args: "<binary> [<args...>]", min: 1, max: many, in: onePool, example: "php vendor/bin/roadrunner-worker", not: []string{"script", "php"},
		parse: list(func(s *settings) *[]string { return &s.pool().Command })},
	{name: "php", args: "<binary>", min: 1, max: 1, in: anyPool, example: "php8.3",
		parse: text(func(s *settings) *string { return &s.pool().PHP })},
	{name: "ini", args: "<key> <value>", min: 2, max: 2, in: anyPool, example: "memory_limit 256M", repeat: true,
		parse: pair(func(s *settings) *map[string]string { return &s.pool().Ini })},
	{name: "env", args: "<key> <value>", min: 2, max: 2, in: anyPool, example: "APP_ENV prod", repeat: true,
		parse: pair(func(s *settings) *map[string]string { return &s.pool().Env })},
	{name: "clear_env", in: anyPool,
		parse: present(func(s *settings) *bool { return &s.pool().ClearEnv })},
	{name: "dir", args: "<path>", min: 1, max: 1, in: anyPool, example: "/srv/app",
		parse: text(func(s *settings) *string { return &s.pool().Dir })},
	{name: "user", args: "<user>[:<group>]", min: 1, max: 1, in: anyPool, example: "www-data:www-data",
		parse: text(func(s *settings) *string { return &s.pool().User })},
	{name: "rlimit", args: "<name> <soft>[:<hard>]", min: 2, max: 2, in: anyPool, example: "nofile 1024:4096", repeat: true,
		parse: pair(func(s *settings) *map[string]string { return &s.pool().Rlimits })},

	{begins: "How many", name: "workers", args: "<n> | <min> <max>", min: 1, max: 2, in: anyPool, example: "4 16", parse: parseWorkers},
	{name: "idle_timeout", args: "<duration>", min: 1, max: 1, in: anyPool, example: "5m",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().IdleTimeout })},
	{name: "warmup", args: "<uri>", min: 1, max: 1, in: anyPool, example: "/up",
		parse: text(func(s *settings) *string { return &s.pool().Warmup })},

	{begins: "How long one worker lives", name: "max_requests", args: "<n> [<jitter %>]", min: 1, max: 2, in: anyPool, example: "500 20", parse: parseMaxRequests},
	{name: "max_memory", args: "<size>", min: 1, max: 1, in: anyPool, example: "128MiB",
		parse: size(func(s *settings) *int64 { return &s.pool().MaxMemory })},
	{name: "max_lifetime", args: "<duration>", min: 1, max: 1, in: anyPool, example: "1d",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().MaxLifetime })},
	{name: "max_surge", args: "<n>", min: 1, max: 1, in: anyPool, example: "2",
		parse: count(func(s *settings) *int { return &s.pool().MaxSurge })},

	{begins: "How long a request may take", name: "queue", args: "<size> [<timeout>]", min: 1, max: 2, in: anyPool, example: "200 5s", parse: parseQueue},
	{name: "request_timeout", args: "<duration>", min: 1, max: 1, in: anyPool, example: "30s",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().RequestTimeout })},
	{name: "stream_idle_timeout", args: "<duration>", min: 1, max: 1, in: anyPool, example: "2m",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().StreamIdleTimeout })},
	{name: "boot_timeout", args: "<duration>", min: 1, max: 1, in: anyPool, example: "2m",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().BootTimeout })},
	{name: "stop_timeout", args: "<duration>", min: 1, max: 1, in: anyPool, example: "5s",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().StopTimeout })},
	{name: "drain_timeout", args: "<duration>", min: 1, max: 1, in: anyPool, example: "15s",
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().DrainTimeout })},

	{begins: "HTTP", name: "root", args: "<path>", min: 1, max: 1, in: inDirective, example: "public",
		parse: text(func(s *settings) *string { return &s.handler.Root })},
	{name: "static", args: "off", min: 1, max: 1, in: inDirective, example: "off", parse: parseStatic,
		about: "Serves no files below root: every request goes to PHP; in classic mode a file that is no script is answered 404 then. Default: they are served."},
	{name: "max_body", args: "<size>", min: 1, max: 1, in: inDirective, example: "64MB",
		parse: size(func(s *settings) *int64 { return &s.handler.MaxBody })},
	{name: "body_memory", args: "<size>", min: 1, max: 1, in: inDirective, example: "256KiB",
		parse: size(func(s *settings) *int64 { return &s.handler.BodyMemory })},
	{name: "raw_body", in: inDirective, not: []string{"uploads"},
		parse: present(func(s *settings) *bool { return &s.handler.RawBody })},
	{name: "uploads", in: inDirective, block: uploadOptions},
	{name: "uri", args: "original | rewritten", min: 1, max: 1, in: inDirective, example: "rewritten",
		parse: word(func(s *settings) *string { return &s.handler.URI }, "original", "rewritten")},
	{name: "attribute", args: "<name> <value>", min: 2, max: 2, in: inDirective, example: "tls {http.request.tls.version}", repeat: true, parse: parseAttribute},
	{name: "buffer", args: "<size>", min: 1, max: 1, in: anyPool, example: "16MB",
		parse: size(func(s *settings) *int64 { return &s.pool().Buffer })},
	{name: "memory", args: "<size>", min: 1, max: 1, in: anyPool, example: "200MB",
		parse: size(func(s *settings) *int64 { return &s.pool().Memory })},
	{name: "sendfile", args: "<root...>", min: 1, max: many, in: inDirective, example: "/srv/files /srv/more",
		parse: list(func(s *settings) *[]string { return &s.handler.Sendfile })},

	{begins: "Operating it", name: "name", args: "<pool>", min: 1, max: 1, in: inDirective, example: "shop",
		parse: text(func(s *settings) *string { return &s.pool().Name })},
	{name: "pool", args: "<name>", min: 1, max: 1, in: inDirective, example: "api",
		parse: text(func(s *settings) *string { return &s.handler.Pool })},
	{name: "watch", args: "[<glob...>]", max: many, in: anyPool, example: "src/**/*.php config/*.yaml", parse: parseWatch},
	{name: "debug", in: inDirective,
		parse: present(func(s *settings) *bool { return &s.handler.Debug })},
	{name: "codec", args: "json | proto", min: 1, max: 1, in: anyPool, example: "proto",
		parse: word(func(s *settings) *string { return &s.pool().Codec }, "json", "proto")},
	{name: "relay", args: "auto | stdio | unix", min: 1, max: 1, in: anyPool, example: "unix",
		parse: word(func(s *settings) *string { return &s.pool().Relay }, "auto", "stdio", "unix")},
	{name: "pipeline", args: "off", min: 1, max: 1, in: anyPool, example: "off",
		parse: word(func(s *settings) *string { return &s.pool().Pipeline }, "off")},

	{begins: "Classic mode", name: "mode", args: "worker | classic", min: 1, max: 1, in: onePool, example: "classic",
		parse: word(func(s *settings) *string { return &s.pool().Mode }, "worker", "classic")},
	{name: "resolve_root", args: "request | restart", min: 1, max: 1, in: inDirective, example: "restart",
		parse: word(func(s *settings) *string { return &s.handler.ResolveRoot }, "request", "restart")},
	{name: "preload", args: "off | auto", min: 1, max: 1, in: inDirective, example: "auto",
		parse: word(func(s *settings) *string { return &s.handler.Preload }, "off", "auto")},
	{name: "index", args: "<file...> | off", min: 1, max: many, in: inDirective, example: "index.php home.php",
		parse: list(func(s *settings) *[]string { return &s.handler.Index })},
	{name: "try_files", args: "<file...>", min: 1, max: many, in: inDirective, example: "{path} {path}/ /app.php",
		parse: list(func(s *settings) *[]string { return &s.handler.TryFiles })},
	{name: "split", args: "<ext...>", min: 1, max: many, in: anyPool, example: ".php .phtml",
		parse: list(func(s *settings) *[]string { return &s.pool().Split })},
	{name: "deny_scripts", args: "<path...>", min: 1, max: many, in: inDirective, example: "/uploads /sites/*/files",
		parse: list(func(s *settings) *[]string { return &s.handler.DenyScripts })},
}

// uploadOptions are the words of uploads.
var uploadOptions = []option{
	{name: "dir", args: "<path>", min: 1, max: 1, in: inUploads, example: "/srv/uploads",
		parse: text(func(s *settings) *string { return &s.uploads().Dir })},
	{name: "max_files", args: "<n>", min: 1, max: 1, in: inUploads, example: "50",
		parse: count(func(s *settings) *int { return &s.uploads().MaxFiles })},
	{name: "allow", args: "<ext...>", min: 1, max: many, in: inUploads, example: "jpg png pdf",
		parse: list(func(s *settings) *[]string { return &s.uploads().Allow })},
	{name: "forbid", args: "<ext...>", min: 1, max: many, in: inUploads, example: "php phar svg",
		parse: list(func(s *settings) *[]string { return &s.uploads().Forbid })},
}

func (s *settings) uploads() *module.Uploads {
	if s.handler.Uploads == nil {
		s.handler.Uploads = new(module.Uploads)
	}
	return s.handler.Uploads
}

func parseWorkers(args []string, s *settings) error {
	if len(args) == 1 {
		n, err := parseCount(args[0], 1)
		if err != nil {
			return err
		}
		s.pool().Workers = &module.Workers{Min: n}
		return nil
	}
	least, err := parseCount(args[0], 0)
	if err != nil {
		return err
	}
	most, err := parseCount(args[1], 1)
	if err != nil {
		return err
	}
	if most < least {
		return fmt.Errorf("the maximum %d is below the minimum %d", most, least)
	}
	s.pool().Workers = &module.Workers{Min: least, Max: most}
	return nil
}

func parseMaxRequests(args []string, s *settings) error {
	n, err := parseCount(args[0], 1)
	if err != nil {
		return err
	}
	if len(args) == 2 {
		percent, err := parseCount(strings.TrimSuffix(args[1], "%"), 0)
		if err != nil || percent > 100 {
			return fmt.Errorf("%q is not a percentage from 0 to 100", args[1])
		}
		s.pool().MaxRequestsJitter = &percent
	}
	s.pool().MaxRequests = n
	return nil
}

func parseQueue(args []string, s *settings) error {
	n, err := parseCount(args[0], 1)
	if err != nil {
		return err
	}
	queue := &module.Queue{Size: n}
	if len(args) == 2 {
		if queue.Timeout, err = parseDuration(args[1]); err != nil {
			return err
		}
	}
	s.pool().Queue = queue
	return nil
}

func parseWatch(args []string, s *settings) error {
	if slices.Contains(args, "") {
		return errEmpty
	}
	if len(args) == 0 {
		args = []string{""} // the JSON's sign for its own list
	}
	s.pool().Watch = args
	return nil
}

func parseStatic(args []string, s *settings) error {
	if err := oneOf(args[0], "off"); err != nil {
		return err
	}
	s.staticOff = true
	return nil
}
