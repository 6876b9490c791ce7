package module

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// merge copies from d every field that is unset in c and has a meaning in its mode. Maps are merged; entries
// of c win.
func (c *PoolConfig) merge(d *PoolConfig) {
	if d == nil {
		return
	}
	defaults, classic := *d, c.Classic()
	if len(c.Command) > 0 {
		defaults.PHP = "" // it names its own
	}
	to, from := reflect.ValueOf(c).Elem(), reflect.ValueOf(defaults)
	for i := range to.NumField() {
		switch {
		case Misplaced(jsonKey(to.Type().Field(i)), classic) != "":
		case to.Field(i).Kind() == reflect.Map:
			merged := map[string]string{}
			maps.Copy(merged, from.Field(i).Interface().(map[string]string))
			maps.Copy(merged, to.Field(i).Interface().(map[string]string))
			if len(merged) > 0 {
				to.Field(i).Set(reflect.ValueOf(merged))
			}
		case to.Field(i).IsZero():
			to.Field(i).Set(from.Field(i))
		}
	}
}

// prepare sets the defaults that are this module's, replaces placeholders and checks.
// It is pure but for reading the environment.
func (c *PoolConfig) prepare() error {
	if len(c.Script) > 0 && len(c.Command) > 0 {
		return errors.New("script and command exclude each other: command is the whole command line")
	}
	if c.PHP != "" && len(c.Command) > 0 {
		return errors.New("php and command exclude each other: command is the whole command line")
	}
	if err := c.fillPlaceholders(); err != nil {
		return err
	}
	switch { // a variable that is not set, perhaps
	case len(c.Script) > 0 && c.Script[0] == "":
		return errors.New("script: its first word is empty")
	case len(c.Command) > 0 && c.Command[0] == "":
		return errors.New("command: its first word is empty")
	}
	if c.Name == "" {
		c.Name = c.defaultName()
	}
	if !utf8.ValidString(c.Name) || strings.ContainsFunc(c.Name, unicode.IsControl) {
		return fmt.Errorf("the name %q of a pool must be UTF-8 without control characters, as logs, metrics and terminals show it", c.Name)
	}
	if err := c.checkValues(); err != nil {
		return fmt.Errorf("pool %q: %w", c.Name, err)
	}
	if c.Classic() {
		return nil
	}
	if c.Codec == "" {
		c.Codec = defaultCodec
	}
	if exchange.CodecNamed(c.Codec) == nil {
		return fmt.Errorf("pool %q: unknown codec %q: it is one of json, proto", c.Name, c.Codec)
	}
	if c.Pipeline != "" && c.Pipeline != pipelineOff {
		return fmt.Errorf("pool %q: unknown pipeline %q: it can only be off", c.Name, c.Pipeline)
	}
	return nil
}

// fillPlaceholders replaces those of the values that may have them. Its error is about the first one that cannot be, in
// the order of the fields, and of the names in a map.
func (c *PoolConfig) fillPlaceholders() error {
	fill := func(what string, s *string) error {
		filled, err := fillNow(*s)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		*s = filled
		return nil
	}
	fillAll := func(what string, list *[]string) error {
		*list = slices.Clone(*list)
		for i := range *list {
			if err := fill(what, &(*list)[i]); err != nil {
				return err
			}
		}
		return nil
	}
	fillMap := func(what string, m *map[string]string) error {
		*m = maps.Clone(*m)
		for _, name := range slices.Sorted(maps.Keys(*m)) {
			value := (*m)[name]
			if err := fill(what+" "+name, &value); err != nil {
				return err
			}
			(*m)[name] = value
		}
		return nil
	}
	return cmp.Or(
		fill("name", &c.Name), fillAll("script", &c.Script), fillAll("command", &c.Command), fill("php", &c.PHP),
		fillMap("ini", &c.Ini), fillMap("env", &c.Env), fill("dir", &c.Dir),
	)
}

// defaultName is the script, with the folder it is relative to; in classic mode, where there is none, the mode.
func (c *PoolConfig) defaultName() string {
	if c.Classic() {
		return modeClassic
	}
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

// key tells pools apart: equal settings, and a script that is the same file,
// make the same pool. The file's content does not count.
func (c *PoolConfig) key() (string, error) {
	settings, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	file := c.scriptFile()
	if file == "" && len(c.Command) > 0 {
		file = c.Command[0]
	}
	if file != "" && !filepath.IsAbs(file) {
		file = filepath.Join(c.Dir, file)
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	sum := sha256.Sum256(append(settings, file...))
	return hex.EncodeToString(sum[:]), nil
}

// ourEnv is what a RoadRunner worker looks for, besides its relay.
var ourEnv = map[string]string{
	"RR_MODE": "http",
	// The generation of RoadRunner whose protocol this is.
	"RR_VERSION": "2025.1.0",
}

func (c *PoolConfig) workerpoolConfig() (workerpool.Config, error) {
	e := workerpool.Config{
		Name:         c.Name,
		Command:      c.Command,
		Dir:          c.Dir,
		Ini:          merged(ourIni, c.Ini),
		SuitIni:      c.suitIni,
		IsPHP:        len(c.Script) > 0,
		Env:          merged(ourEnv, c.Env),
		ClearEnv:     c.ClearEnv,
		BootTimeout:  time.Duration(c.BootTimeout),
		StopTimeout:  time.Duration(c.StopTimeout),
		DrainTimeout: time.Duration(c.DrainTimeout),
		IdleTimeout:  time.Duration(c.IdleTimeout),
		MaxRequests:  c.MaxRequests,
		MaxMemory:    c.MaxMemory,
		MaxLifetime:  time.Duration(c.MaxLifetime),
		MaxSurge:     c.MaxSurge,

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
	if c.Classic() {
		c.setClassic(&e)
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
	if !c.Classic() { // else PHP sees to these itself
		e.Prepend = prepend(e.Ini, e.Command)
		if e.MaxExecutionTime, err = executionTime(c.Ini); err != nil {
			return e, err
		}
		delete(e.Ini, "max_execution_time") // PHP would ignore it
	}
	if e.User, err = lookupUser(c.User); err != nil {
		return e, err
	}
	if e.Rlimits, err = parseRlimits(c.Rlimits); err != nil {
		return e, err
	}
	if c.Warmup != "" {
		frame, check, err := exchange.Warmup(c.Warmup, exchange.CodecNamed(c.Codec))
		if err != nil {
			return e, err
		}
		e.Warmup = &workerpool.Warmup{Request: workerpool.Request{Frame: frame}, Check: check}
	}
	return e, nil
}

const (
	// defaultCodec is the default of Codec.
	defaultCodec = "json"
	// pipelineOff is the only value of Pipeline.
	pipelineOff = "off"
)

// defaultJitter is the default of MaxRequestsJitter in percent.
const defaultJitter = 10

// defaultExitDrain is the default of DrainTimeout when Caddy ends: with the ten
// seconds of StopTimeout it is what Kubernetes grants, and less than systemd does.
const defaultExitDrain = 20 * time.Second

// exitDrain is how long a request may still take when Caddy ends.
func (c *PoolConfig) exitDrain() time.Duration {
	if c.DrainTimeout > 0 {
		return time.Duration(c.DrainTimeout)
	}
	return defaultExitDrain
}

func merged(maps_ ...map[string]string) map[string]string {
	all := make(map[string]string)
	for _, m := range maps_ {
		maps.Copy(all, m)
	}
	return all
}
