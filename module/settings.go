package module

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// fillFrom takes what c leaves out from d. Ini and env are merged, entry by
// entry.
func (c *PoolConfig) fillFrom(d *PoolConfig) {
	if d == nil {
		return
	}
	defaults := *d
	if len(c.Command) > 0 {
		defaults.PHP = "" // it names its own
	}
	to, from := reflect.ValueOf(c).Elem(), reflect.ValueOf(defaults)
	for i := range to.NumField() {
		if to.Field(i).Kind() == reflect.Map {
			merged := map[string]string{}
			maps.Copy(merged, from.Field(i).Interface().(map[string]string))
			maps.Copy(merged, to.Field(i).Interface().(map[string]string))
			if len(merged) > 0 {
				to.Field(i).Set(reflect.ValueOf(merged))
			}
		} else if to.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// complete sets the defaults that are this module's, replaces placeholders and
// checks. It is pure but for reading the environment.
func (c *PoolConfig) complete() error {
	if len(c.Script) > 0 && len(c.Command) > 0 {
		return errors.New("script and command exclude each other: command is the whole command line")
	}
	if len(c.Script) == 0 && len(c.Command) == 0 {
		return errors.New("a php_worker needs a script or a command, or the name of a pool")
	}
	if c.PHP != "" && len(c.Command) > 0 {
		return errors.New("php and command exclude each other: command is the whole command line")
	}
	repl := caddy.NewReplacer()
	for _, s := range []*string{&c.PHP, &c.Dir, &c.Name} {
		*s = repl.ReplaceAll(*s, "")
	}
	for _, list := range []*[]string{&c.Script, &c.Command} {
		replaced := make([]string, 0, len(*list))
		for _, s := range *list {
			replaced = append(replaced, repl.ReplaceAll(s, ""))
		}
		*list = replaced
	}
	for _, m := range []*map[string]string{&c.Ini, &c.Env} {
		replaced := make(map[string]string, len(*m))
		for k, v := range *m {
			replaced[k] = repl.ReplaceAll(v, "")
		}
		*m = replaced
	}
	if c.Name == "" {
		c.Name = c.defaultName()
	}
	switch c.Codec {
	case "":
		c.Codec = codecJSON
	case codecJSON, codecProto:
	default:
		return fmt.Errorf("pool %q: unknown codec %q: it is one of json, proto", c.Name, c.Codec)
	}
	if c.Pipeline != "" && c.Pipeline != pipelineOff {
		return fmt.Errorf("pool %q: unknown pipeline %q: it can only be off", c.Name, c.Pipeline)
	}
	return nil
}

// defaultName is the script, with the folder it is relative to.
func (c *PoolConfig) defaultName() string {
	script := c.scriptFile()
	if script == "" {
		script = c.Command[0]
	}
	if c.Dir != "" && !filepath.IsAbs(script) {
		script = filepath.Join(c.Dir, script)
	}
	return filepath.Clean(script)
}

// scriptFile is the PHP file that runs, as far as the configuration tells.
func (c *PoolConfig) scriptFile() string {
	if len(c.Script) > 0 {
		return c.Script[0]
	}
	for _, arg := range c.Command {
		if strings.EqualFold(filepath.Ext(arg), ".php") {
			return arg
		}
	}
	return ""
}

// digest tells pools apart: equal settings, and a script that is the same file,
// make the same pool. The file's content does not count.
func (c *PoolConfig) digest() (string, error) {
	settings, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	file := c.scriptFile()
	if file == "" {
		file = c.Command[0]
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.Dir, file)
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	sum := sha256.Sum256(append(settings, file...))
	return hex.EncodeToString(sum[:]), nil
}

// ourIni are php.ini settings that suit a resident process; the user's win.
var ourIni = map[string]string{
	// Without it the command line PHP compiles every file anew in each worker
	// and optimises nothing.
	"opcache.enable_cli": "1",
	// The tracing JIT took an eighth off PHP's CPU time with the RoadRunner
	// packages (docs/benchmarks), for 1 MB a worker: the buffer is touched only
	// as far as it is used.
	"opcache.jit":             "tracing",
	"opcache.jit_buffer_size": "32M",
	// Octane and others read the relay from $_ENV, which PHP's production
	// php.ini leaves empty.
	"variables_order": "EGPCS",
}

// ourEnv is what a RoadRunner worker looks for, besides its relay.
var ourEnv = map[string]string{
	"RR_MODE": "http",
	// The generation of RoadRunner whose protocol this is.
	"RR_VERSION": "2025.1.0",
}

func (c *PoolConfig) engine() (workerpool.Config, error) {
	e := workerpool.Config{
		Name:        c.Name,
		Command:     c.Command,
		Dir:         c.Dir,
		Ini:         merged(ourIni, c.Ini),
		Env:         merged(ourEnv, c.Env),
		ClearEnv:    c.ClearEnv,
		BootTimeout: time.Duration(c.BootTimeout),
		StopTimeout: time.Duration(c.StopTimeout),
		IdleTimeout: time.Duration(c.IdleTimeout),
		MaxRequests: c.MaxRequests,
		MaxMemory:   c.MaxMemory,
		MaxLifetime: time.Duration(c.MaxLifetime),
		MaxSurge:    c.MaxSurge,

		RequestTimeout:    time.Duration(c.RequestTimeout),
		StreamIdleTimeout: time.Duration(c.StreamIdleTimeout),
		Relay:             workerpool.Relay(c.Relay),
		MaxInMemory:       c.Buffer,
		NoPipeline:        c.Pipeline == pipelineOff,
		RelayEnvName:      []string{"LARAVEL_OCTANE_ROADRUNNER_RELAY"},
	}
	for _, pattern := range c.Watch {
		if pattern == "" {
			e.Watch = append(e.Watch, workerpool.DefaultWatch...)
		} else {
			e.Watch = append(e.Watch, pattern)
		}
	}
	if len(c.Script) > 0 {
		php := c.PHP
		if php == "" {
			php = "php"
		}
		e.Command = append([]string{php}, c.Script...)
	}
	if w := c.Workers; w != nil {
		e.Min, e.Max = w.Min, w.Max
		if e.Min == 0 && e.Max == 0 {
			return e, errors.New("workers: the maximum must be at least 1")
		}
	}
	e.MaxRequestsJitter = defaultJitter
	if c.MaxRequestsJitter != nil {
		e.MaxRequestsJitter = *c.MaxRequestsJitter
	}
	if q := c.Queue; q != nil {
		e.QueueSize, e.QueueTimeout = q.Size, time.Duration(q.Timeout)
	}
	var err error
	if e.User, err = lookupUser(c.User); err != nil {
		return e, err
	}
	if e.Rlimits, err = parseRlimits(c.Rlimits); err != nil {
		return e, err
	}
	if c.Warmup != "" {
		if e.Warmup, err = warmup(c.Warmup, c.flags()); err != nil {
			return e, err
		}
	}
	return e, nil
}

// pipelineOff is the only value of Pipeline.
const pipelineOff = "off"

// defaultJitter is the default of MaxRequestsJitter in percent.
const defaultJitter = 10

// flags are the codec bits of request frames.
func (c *PoolConfig) flags() goridge.Flags {
	if c.Codec == codecProto {
		return goridge.CodecProto
	}
	return goridge.CodecJSON
}

func merged(maps_ ...map[string]string) map[string]string {
	all := make(map[string]string)
	for _, m := range maps_ {
		maps.Copy(all, m)
	}
	return all
}
