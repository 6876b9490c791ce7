package caddyfile

import (
	"maps"
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
// new one is a new line in a table. What it means and its default are not here
// but at the field of the JSON that parse sets; "make docs" writes the list in the
// package comment and docs/options.md from both.
type option struct {
	// begins is the heading of the options from this one on, in both.
	begins string

	name string

	// args is what stands behind the name, as messages show it; at least min
	// and at most max arguments are accepted.
	args     string
	min, max int

	// example are arguments that somebody might write.
	example string

	// since is the release that brought the word. Empty: the first one.
	since string

	// about says what the word means, where that is no field of package module with a comment.
	about string

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
	// the block; at is where each stands, and each key of one that may be repeated ("ini memory_limit").
	seen map[string]bool
	at   map[string]caddyfile.Dispenser
}

// newBlock is for the block of the word that d stands on.
func newBlock(d *caddyfile.Dispenser, name string, in level, options []option, s *settings) *block {
	return &block{name: name, in: in, start: *d, options: options, settings: s, seen: make(map[string]bool), at: make(map[string]caddyfile.Dispenser)}
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
		b.at[o.name] = *d

		place := *d
		args := d.RemainingArgs()
		if o.repeat && len(args) > 0 {
			b.at[o.name+" "+args[0]] = place
		}
		if len(args) < o.min || len(args) > o.max {
			return d.Errf("%s: wrong number of arguments (usage: %s)", o.name, o.usage())
		}
		if o.block != nil {
			inner := newBlock(d, o.name, inUploads, o.block, b.settings)
			if err := inner.read(d); err != nil {
				return err
			}
			maps.Copy(b.at, inner.at)
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

// checkMode reports an error if the block contradicts the mode of its pool. The script or command, or their absence, tells
// the mode where the block does not.
func (b *block) checkMode(classic bool) error {
	runs := b.seen["script"] || b.seen["command"]
	switch mode := b.settings.pool().Mode; {
	case b.seen["mode"] && classic && runs:
		return b.errorAt("mode", "mode %s contradicts a script or a command: each request names the script that runs", mode)
	case b.seen["mode"] && !classic && !runs:
		return b.errorAt("mode", "%s runs nothing: mode %s needs a script or a command", b.name, mode)
	}
	if b.seen["root"] && b.settings.staticOff && !classic {
		return b.errorAt("root", "root contradicts static: give one of them")
	}
	for _, name := range slices.Sorted(maps.Keys(b.at)) {
		if why := module.Misplaced(name, classic); why != "" {
			return b.errorAt(name, "%s has no meaning in %s mode: %s", name, module.ModeName(classic), why)
		}
	}
	return nil
}

// errorAt is an error about the option of that name, where it stands.
func (b *block) errorAt(name, format string, args ...any) error {
	d := b.at[name]
	return d.Errf(format, args...)
}

// about puts an error of package module, which begins with the name of the option that it is about, to where that
// stands: to its own line where the option is repeated. nil stays nil.
func (b *block) about(err error) error {
	if err == nil {
		return nil
	}
	words := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == ' ' || r == ':' })
	for n := min(2, len(words)); n > 0; n-- {
		if d, ok := b.at[strings.Join(words[:n], " ")]; ok {
			return d.WrapErr(err)
		}
	}
	return b.start.WrapErr(err)
}

// checkEnd reports an error if tokens are left.
func checkEnd(d *caddyfile.Dispenser) error {
	if d.Next() {
		return d.Errf("unexpected %q behind the block", d.Val())
	}
	return nil
}
