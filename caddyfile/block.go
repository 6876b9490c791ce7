package caddyfile

import (
	"math"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/phpworker/caddy-php-worker/module"
)

// level is a set of the blocks in which an option may stand.
type level uint8

const (
	inDirective level = 1 << iota // php_worker of a site
	inPool                        // pool of the global option
	inDefaults                    // defaults of the global option
	inUploads                     // uploads of php_worker
)

// many is the largest number of arguments of an option that takes any number.
const many = math.MaxInt

// option is one word of a block. It is all the parser knows about the word: a
// new one is a new line in a table.
type option struct {
	name string

	// args is what stands behind the name, as messages show it; at least min
	// and at most max arguments are accepted.
	args     string
	min, max int

	// in says where the option may stand.
	in level

	// repeat allows the option more than once in a block.
	repeat bool

	// not lists the options of the same block that this one contradicts.
	not []string

	// parse stores the arguments. Its errors need not name the option, file or
	// line. It is not called for an option that has a block.
	parse func(args []string, s *settings) error

	// block, where set, are the options of the block that must follow.
	block []option
}

// usage is the option as it is written in a Caddyfile.
func (o option) usage() string {
	switch {
	case o.block != nil:
		return o.name + " { ... }"
	case o.args == "":
		return o.name
	}
	return o.name + " " + o.args
}

// ofPool reports whether the option describes the processes, and so has no
// place beside the name of a pool that is described elsewhere.
func (o option) ofPool() bool { return o.in&inPool != 0 || o.name == "name" }

// settings is what one block says. The handler holds the pool, too.
type settings struct {
	handler module.Handler

	// root and static off concern the routes, not the handler.
	root      string
	staticOff bool
}

// pool is the part of the settings that describes the processes.
func (s *settings) pool() *module.PoolConfig { return &s.handler.PoolConfig }

// block reads the options of one block.
type block struct {
	// name is the block's name in messages, in is what it is.
	name string
	in   level

	// start stays on the word that opens the block, for errors about it as a
	// whole.
	start caddyfile.Dispenser

	options  []option
	settings *settings

	// seen holds the options read so far, and "script" where one stands before
	// the block.
	seen map[string]bool
}

// newBlock is for the block of the word that d stands on.
func newBlock(d *caddyfile.Dispenser, name string, in level, options []option, s *settings) *block {
	return &block{name: name, in: in, start: *d, options: options, settings: s, seen: make(map[string]bool)}
}

// setScript stores the script and its arguments, which stand before the block.
func (b *block) setScript(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if args[0] == "" {
		return b.start.Errf("%s: the script is empty", b.name)
	}
	b.settings.pool().Script = args
	b.seen["script"] = true
	return nil
}

// read reads the block that d is in front of, if there is one. Every error names
// file and line.
func (b *block) read(d *caddyfile.Dispenser) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		o, err := b.find(d)
		if err != nil {
			return err
		}
		if err := b.admit(d, o); err != nil {
			return err
		}
		b.seen[o.name] = true

		args := d.RemainingArgs()
		if len(args) < o.min || len(args) > o.max {
			return d.Errf("%s: wrong number of arguments (usage: %s)", o.name, o.usage())
		}
		if o.block != nil {
			inner := newBlock(d, o.name, inUploads, o.block, b.settings)
			if err := inner.read(d); err != nil {
				return err
			}
			if len(inner.seen) == 0 {
				return inner.start.Errf("%s: nothing in its block (usage: %s); allowed: %s", o.name, o.usage(), inner.allowed())
			}
			continue
		}
		if err := o.parse(args, b.settings); err != nil {
			return d.Errf("%s: %w (usage: %s)", o.name, err, o.usage())
		}
	}
	return nil
}

// find returns the option that d stands on.
func (b *block) find(d *caddyfile.Dispenser) (option, error) {
	i := slices.IndexFunc(b.options, func(o option) bool { return o.name == d.Val() })
	switch {
	case i < 0:
		return option{}, d.Errf("unknown option %q in %s; allowed: %s", d.Val(), b.name, b.allowed())
	case b.options[i].in&b.in == 0:
		return option{}, d.Errf("option %q does not belong in %s; allowed: %s", d.Val(), b.name, b.allowed())
	}
	return b.options[i], nil
}

// allowed lists the options of the block for messages.
func (b *block) allowed() string {
	var names []string
	for _, o := range b.options {
		if o.in&b.in != 0 {
			names = append(names, o.name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// admit checks an option against the ones before it.
func (b *block) admit(d *caddyfile.Dispenser, o option) error {
	if b.seen[o.name] && !o.repeat {
		return d.Errf("%s already specified", o.name)
	}
	for _, name := range b.given() {
		other := b.byName(name)
		if slices.Contains(o.not, name) || slices.Contains(other.not, o.name) {
			return d.Errf("%s contradicts %s: give one of them", o.name, name)
		}
		if name == "pool" && o.ofPool() || o.name == "pool" && other.ofPool() {
			return d.Errf("%s contradicts %s: a shared pool is described in the global option, not where it is used", o.name, name)
		}
	}
	return nil
}

// given lists what was seen in a fixed order, so that messages are stable.
func (b *block) given() []string {
	names := make([]string, 0, len(b.seen))
	for name := range b.seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// byName returns the option of that name. The script is no option but counts as
// one that describes a pool.
func (b *block) byName(name string) option {
	i := slices.IndexFunc(b.options, func(o option) bool { return o.name == name })
	if i < 0 {
		return option{name: name, in: inPool}
	}
	return b.options[i]
}

// checkRuns reports an error unless the block says what to run.
func (b *block) checkRuns() error {
	if b.seen["script"] || b.seen["command"] || b.seen["pool"] {
		return nil
	}
	if b.in == inPool {
		return b.start.Errf("%s runs nothing: give a script behind its name, or a command", b.name)
	}
	return b.start.Errf("%s runs nothing: give a script, a command or a pool", b.name)
}

// checkEnd reports an error if tokens are left.
func checkEnd(d *caddyfile.Dispenser) error {
	if d.Next() {
		return d.Errf("unexpected %q behind the block", d.Val())
	}
	return nil
}
