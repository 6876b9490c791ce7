package caddyfile

import (
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
	// What runs.
	{name: "command", args: "<binary> [<args...>]", min: 1, max: many, in: onePool, not: []string{"script", "php"},
		parse: list(func(s *settings) *[]string { return &s.pool().Command })},
	{name: "php", args: "<binary>", min: 1, max: 1, in: anyPool,
		parse: text(func(s *settings) *string { return &s.pool().PHP })},
	{name: "ini", args: "<key> <value>", min: 2, max: 2, in: anyPool, repeat: true,
		parse: pair(func(s *settings) *map[string]string { return &s.pool().Ini })},
	{name: "env", args: "<key> <value>", min: 2, max: 2, in: anyPool, repeat: true,
		parse: pair(func(s *settings) *map[string]string { return &s.pool().Env })},
	{name: "dir", args: "<path>", min: 1, max: 1, in: anyPool,
		parse: text(func(s *settings) *string { return &s.pool().Dir })},

	// How many.
	{name: "workers", args: "<n>", min: 1, max: 1, in: anyPool, parse: parseWorkers},

	// How long.
	{name: "queue", args: "<size> [<timeout>]", min: 1, max: 2, in: anyPool, parse: parseQueue},
	{name: "boot_timeout", args: "<duration>", min: 1, max: 1, in: anyPool,
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().BootTimeout })},
	{name: "stop_timeout", args: "<duration>", min: 1, max: 1, in: anyPool,
		parse: duration(func(s *settings) *caddy.Duration { return &s.pool().StopTimeout })},

	// HTTP.
	{name: "root", args: "<path>", min: 1, max: 1, in: inDirective, not: []string{"static"},
		parse: text(func(s *settings) *string { return &s.root })},
	{name: "static", args: "off", min: 1, max: 1, in: inDirective, parse: parseStatic},
	{name: "max_body", args: "<size>", min: 1, max: 1, in: inDirective,
		parse: size(func(s *settings) *int64 { return &s.handler.MaxBody })},
	{name: "body_memory", args: "<size>", min: 1, max: 1, in: inDirective,
		parse: size(func(s *settings) *int64 { return &s.handler.BodyMemory })},
	{name: "raw_body", in: inDirective, not: []string{"uploads"},
		parse: present(func(s *settings) *bool { return &s.handler.RawBody })},
	{name: "uploads", in: inDirective, block: uploadOptions},
	{name: "attribute", args: "<name> <value>", min: 2, max: 2, in: inDirective, repeat: true, parse: parseAttribute},
	{name: "buffer", args: "<size>", min: 1, max: 1, in: inDirective,
		parse: size(func(s *settings) *int64 { return &s.handler.Buffer })},

	// Operating it.
	{name: "name", args: "<pool>", min: 1, max: 1, in: inDirective,
		parse: text(func(s *settings) *string { return &s.pool().Name })},
	{name: "pool", args: "<name>", min: 1, max: 1, in: inDirective,
		parse: text(func(s *settings) *string { return &s.handler.Pool })},
	{name: "debug", in: inDirective,
		parse: present(func(s *settings) *bool { return &s.handler.Debug })},
	{name: "codec", args: "json | proto", min: 1, max: 1, in: anyPool,
		parse: word(func(s *settings) *string { return &s.pool().Codec }, "json", "proto")},
	{name: "relay", args: "auto | stdio | unix", min: 1, max: 1, in: anyPool,
		parse: word(func(s *settings) *string { return &s.pool().Relay }, "auto", "stdio", "unix")},
}

// uploadOptions are the words of uploads.
var uploadOptions = []option{
	{name: "dir", args: "<path>", min: 1, max: 1, in: inUploads,
		parse: text(func(s *settings) *string { return &s.uploads().Dir })},
	{name: "max_files", args: "<n>", min: 1, max: 1, in: inUploads,
		parse: count(func(s *settings) *int { return &s.uploads().MaxFiles })},
	{name: "allow", args: "<ext...>", min: 1, max: many, in: inUploads,
		parse: list(func(s *settings) *[]string { return &s.uploads().Allow })},
	{name: "forbid", args: "<ext...>", min: 1, max: many, in: inUploads,
		parse: list(func(s *settings) *[]string { return &s.uploads().Forbid })},
}

func (s *settings) uploads() *module.Uploads {
	if s.handler.Uploads == nil {
		s.handler.Uploads = new(module.Uploads)
	}
	return s.handler.Uploads
}

func parseWorkers(args []string, s *settings) error {
	n, err := parseCount(args[0])
	if err != nil {
		return err
	}
	s.pool().Workers = &module.Workers{Min: n}
	return nil
}

func parseQueue(args []string, s *settings) error {
	n, err := parseCount(args[0])
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

func parseStatic(args []string, s *settings) error {
	if err := oneOf(args[0], "off"); err != nil {
		return err
	}
	s.staticOff = true
	return nil
}
