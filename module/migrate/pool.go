package migrate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// pool is what runs PHP: a pool of PHP-FPM, or what is only known by the address that nginx has of it.
type pool struct {
	name    string
	section *fpmconf.Section // nil where none is known
	// blocks are the directives php_worker that use it.
	blocks []*node
	// from are fastcgi_pass, readTimeout fastcgi_read_timeout, fromNginx lines for the pool that come of nginx.
	from, readTimeout []*nginxconf.Directive
	fromNginx         []*node
	params            string // what nginx tells it besides, as text
	site              string // that uses it first
}

// poolKey is what makes a pool one: PHP-FPM's, and what nginx tells it besides.
type poolKey struct{ name, params string }

// pools are all of one configuration.
type pools struct {
	*translator
	sections []fpmconf.Section
	used     map[string]bool // sections, by name
	known    map[poolKey]*pool
	inOrder  []*pool
}

func newPools(t *translator, sections []fpmconf.Section) *pools {
	return &pools{translator: t, sections: sections, used: make(map[string]bool), known: make(map[poolKey]*pool)}
}

// poolOf is the pool of locations that run PHP in the same way. What they tell PHP-FPM with each request a pool
// has for all, so others get another one.
func (s *site) poolOf(php []*location) *pool {
	var fromNginx []*node
	var timeouts, from []*nginxconf.Directive
	params := "" // what makes it another pool
	seen := make(map[string]bool)
	for _, l := range php {
		from = append(from, l.own("fastcgi_pass")...)
		timeouts = append(timeouts, l.readTimeout...)
		for _, n := range l.poolLines {
			if !seen[n.text] {
				seen[n.text] = true
				fromNginx = append(fromNginx, n)
				if !strings.HasPrefix(n.text, "#") {
					params += n.text + "\n"
				}
			}
		}
	}
	p := s.pools.get(s.addressOf(from), params, s.name)
	p.from, p.readTimeout, p.fromNginx = append(p.from, from...), append(p.readTimeout, timeouts...), append(p.fromNginx, fromNginx...)
	return p
}

// addressOf is where PHP-FPM listens.
func (s *site) addressOf(to []*nginxconf.Directive) string {
	if len(to) == 0 {
		return ""
	}
	address := to[0].Arg(0)
	if up := s.upstreams[address]; up != nil {
		s.noteDone(up, "the pool of PHP-FPM that it leads to is one of php_worker")
		address = ""
		for _, d := range up.Block {
			switch {
			case d.Name != "server":
				s.noteDone(d, "of the upstream, whose place a pool takes")
			case address == "":
				s.noteDone(d, "of the upstream, whose place a pool takes")
				address = d.Arg(0)
			default:
				s.note(Note{d.Pos.String(), d.String(), "a pool is on this machine, and one: its number of workers is what counts"})
			}
		}
	}
	return address
}

// get is the pool behind an address for those that tell PHP the same; site is a name for another one.
func (p *pools) get(address, params, site string) *pool {
	address = normalAddress(address)
	section := p.section(address)
	name := nameOf(address)
	if section != nil {
		name = section.Name
	}
	key := poolKey{name, params}
	if known := p.known[key]; known != nil {
		return known
	}
	known := &pool{name: name, section: section, params: params, site: nameOf(site)}
	p.known[key] = known
	p.inOrder = append(p.inOrder, known)
	return known
}

// normalAddress is an address in one of its forms.
func normalAddress(address string) string {
	address = strings.TrimSuffix(strings.TrimPrefix(address, "unix:"), ":")
	address = strings.Replace(address, "/var/run/", "/run/", 1)
	address = strings.Replace(address, "localhost:", "127.0.0.1:", 1)
	if address != "" && strings.Trim(address, "0123456789") == "" {
		address = "127.0.0.1:" + address
	}
	return address
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// nameOf makes the name of a pool from an address.
func nameOf(address string) string {
	name := strings.TrimSuffix(address[strings.LastIndexByte(address, '/')+1:], ".sock")
	if name = strings.Trim(notInName.ReplaceAllString(name, "-"), "-."); name == "" {
		return "php"
	}
	return name
}

// section is the pool of PHP-FPM that listens at an address; if there is only one, it is that.
func (p *pools) section(address string) *fpmconf.Section {
	var only *fpmconf.Section
	n := 0
	for i := range p.sections {
		section := &p.sections[i]
		if section.Name == "global" || section.Name == "" {
			continue
		}
		for _, setting := range section.Settings {
			if setting.Key == "listen" && normalAddress(strings.ReplaceAll(setting.Value, "$pool", section.Name)) == address && address != "" {
				return section
			}
		}
		only, n = section, n+1
	}
	if n == 1 {
		return only
	}
	return nil
}

// write writes the settings of all pools: into the one php_worker that uses it, or as a pool with a name.
func (p *pools) write() {
	var named []*node
	p.nameVariants()
	for _, pool := range p.inOrder {
		if len(pool.blocks) == 0 {
			continue
		}
		options := p.lastOfEach(p.options(pool))
		if version := p.version(pool); version != nil {
			options = append([]*node{version}, options...)
		}
		if len(pool.blocks) == 1 {
			if pool.section != nil {
				options = append([]*node{{text: "name " + pool.name, from: []string{pool.section.Pos.String()}}}, options...)
			} else if len(p.inOrder) > 1 { // else both would be one pool
				options = append([]*node{{text: "name " + pool.name}}, options...)
			}
			pool.blocks[0].block = append(pool.blocks[0].block, options...)
			if len(pool.blocks[0].block) == 0 {
				pool.blocks[0].block = nil
			}
			continue
		}
		for _, b := range pool.blocks {
			b.block = append([]*node{{text: "pool " + pool.name}}, b.block...)
		}
		n := line("pool "+pool.name, pool.from...).with(append([]*node{{text: "mode classic"}}, options...)...)
		if pool.section != nil {
			n.from = append([]string{pool.section.Pos.String()}, n.from...)
		}
		named = append(named, n)
	}
	if len(named) > 0 {
		p.global = append([]*node{{text: "php_worker", block: named}}, p.global...)
	}
	for _, section := range p.sections {
		switch {
		case section.Name == "global" || section.Name == "":
			for _, s := range section.Settings {
				p.finished(s, "it is of PHP-FPM's own process, which php_worker takes the place of")
			}
		case !p.used[section.Name]:
			p.left = append(p.left, Note{section.Pos.String(), "[" + section.Name + "]", "no server of nginx uses this pool"})
		}
	}
}

// lastOfEach leaves out options that another one of the same name follows: it counts.
func (p *pools) lastOfEach(options []*node) (all []*node) {
	seen := make(map[string]bool)
	for _, n := range slices.Backward(options) {
		words := strings.SplitN(n.text, " ", 3)
		key := words[0]
		if (key == "env" || key == "ini" || key == "rlimit") && len(words) == 3 {
			key += " " + words[1]
		}
		if seen[key] && !strings.HasPrefix(n.text, "#") {
			for _, from := range n.from {
				p.note(Note{from, n.text, "what is said of it later counts"})
			}
			continue
		}
		seen[key] = true
		all = append(all, n)
	}
	slices.Reverse(all)
	return all
}

// nameVariants gives names of their own to pools that are one of PHP-FPM's. The one that is told nothing keeps its name.
func (p *pools) nameVariants() {
	taken := make(map[string]bool)
	for _, pool := range p.inOrder {
		if pool.params == "" {
			taken[pool.name] = true
		}
	}
	for _, pool := range p.inOrder {
		if pool.params == "" {
			continue
		}
		name := pool.name
		for n := 1; taken[name]; n++ {
			if name = pool.name + "-" + pool.site; n > 1 {
				name += "-" + strconv.Itoa(n)
			}
		}
		pool.name, taken[name] = name, true
	}
}

func (p *pools) finished(s fpmconf.Setting, text string) {
	p.note(Note{s.Pos.String(), s.String(), text})
}

func (p *pools) leaves(s fpmconf.Setting, text string) *node {
	n := Note{s.Pos.String(), s.String(), text}
	p.left = append(p.left, n)
	return &node{text: "# " + n.String()}
}

// options are the lines of a pool.
func (p *pools) options(pool *pool) (nodes []*node) {
	if pool.section != nil {
		p.used[pool.section.Name] = true
		f := fpm{pools: p}
		nodes = f.options(pool.section)
		pool.readTimeout = f.without(pool.readTimeout)
	}
	var longest *nginxconf.Directive
	for _, d := range pool.readTimeout {
		value, err := duration(d.Arg(0))
		switch {
		case err != nil || value <= 0:
			nodes = append(nodes, p.noteLeft(d, "it is no duration above 0"))
		case longest == nil:
			longest = d
		default:
			if other, _ := duration(longest.Arg(0)); value > other {
				longest = d
			}
		}
	}
	for _, d := range pool.readTimeout {
		if d != longest && longest != nil {
			p.noteDone(d, "a pool has one request_timeout: the longest is taken")
		}
	}
	if longest != nil {
		value, _ := duration(longest.Arg(0))
		nodes = append(nodes, line("request_timeout "+short(value), longest))
	}
	seen := make(map[string]bool)
	for _, n := range pool.fromNginx {
		if !seen[n.text] {
			seen[n.text] = true
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// phpVersion is in the names of Debian's sockets: php8.2-fpm.sock.
var phpVersion = regexp.MustCompile(`php(\d+\.\d+)-fpm`)

// version is the line that names the PHP of a pool, nil where there is one version only.
func (p *pools) version(pool *pool) *node {
	versions := make(map[string]bool)
	own := ""
	for _, other := range p.inOrder {
		for _, d := range other.from {
			if m := phpVersion.FindStringSubmatch(d.Arg(0)); m != nil {
				versions[m[1]] = true
				if other == pool {
					own = m[1]
				}
			}
		}
	}
	if own == "" || len(versions) < 2 {
		return nil
	}
	return line("php php-fpm"+own, pool.from...)
}
