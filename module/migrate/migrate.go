package migrate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// Note is a directive, and what became of it.
type Note struct {
	// From is the place, such as nginx.conf:12, Line the directive.
	From, Line string
	// Text is a sentence without a full stop.
	Text string
}

func (n Note) String() string { return fmt.Sprintf("%s: %s: %s", n.From, n.Line, n.Text) }

// Result is a site for Caddy.
type Result struct {
	Caddyfile string
	// Left is what somebody has to look at, Done what needs no line in a Caddyfile.
	Left, Done []Note
}

// ErrNoServer is returned for a configuration without a server block.
var ErrNoServer = errors.New("there is no server block")

// Files reads a configuration of nginx and pools of PHP-FPM, of which there may be none.
func Files(nginx string, fpm ...string) (*Result, error) {
	directives, err := nginxconf.Load(nginx)
	if err != nil {
		return nil, err
	}
	sections, err := fpmconf.Load(fpm...)
	if err != nil {
		return nil, err
	}
	result, err := translate(directives, sections)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nginx, err)
	}
	return result, nil
}

// translator turns one configuration into a Caddyfile.
type translator struct {
	http      *scope
	servers   []*nginxconf.Directive
	upstreams map[string]*nginxconf.Directive
	maps      map[string]*nginxconf.Directive // by the variable that they set
	used      map[*nginxconf.Directive]bool
	done      []Note
	noted     map[Note]bool // of done and left
	left      []Note
	pools     *pools
	global    []*node
	elsewhere map[string]string // names whose server only leads to another, with HTTPS
	given     map[string]bool   // names of matchers and expressions
}

// translate is Files for what has been read already.
func translate(nginx []*nginxconf.Directive, fpm []fpmconf.Section) (*Result, error) {
	t := &translator{
		upstreams: make(map[string]*nginxconf.Directive),
		maps:      make(map[string]*nginxconf.Directive),
		used:      make(map[*nginxconf.Directive]bool),
		noted:     make(map[Note]bool),
		elsewhere: make(map[string]string),
		given:     make(map[string]bool),
	}
	t.pools = newPools(t, fpm)
	t.collect(nginx)
	if len(t.servers) == 0 {
		return nil, ErrNoServer
	}
	sites := t.sites()
	t.pools.write()
	rest := t.leftovers(t.http)
	var nodes []*node
	if len(t.global) > 0 {
		nodes = append(nodes, &node{block: t.global}, &node{})
	}
	nodes = append(nodes, rest...)
	if len(rest) > 0 {
		nodes = append(nodes, &node{})
	}
	for i, s := range sites {
		if i > 0 {
			nodes = append(nodes, &node{})
		}
		nodes = append(nodes, s)
	}
	t.noteForgotten(nodes)
	return &Result{Caddyfile: render(nodes), Left: t.left, Done: t.done}, nil
}

// unknown is said of a directive that was lost on the way.
const unknown = "nothing is known of what became of this"

// contexts are the directives whose block is one of directives, and which are translated by those.
var contexts = []string{"http", "server", "location", "if", "limit_except"}

// noteForgotten looks for directives of which nothing was said, and says so: this is a bug, but not one to keep quiet about.
func (t *translator) noteForgotten(nodes []*node) {
	said, whole := make(map[string]bool), make(map[string]bool)
	for _, n := range slices.Concat(t.left, t.done) {
		said[n.From], whole[n.From] = true, true
	}
	var inNodes func(nodes []*node)
	inNodes = func(nodes []*node) {
		for _, n := range nodes {
			for _, pos := range n.from {
				said[pos] = true
			}
			inNodes(n.block)
		}
	}
	inNodes(nodes)
	var walk func(block []*nginxconf.Directive, why string)
	walk = func(block []*nginxconf.Directive, why string) {
		for _, d := range block {
			pos := d.Pos.String()
			if !said[pos] {
				t.left = append(t.left, Note{pos, d.String(), why})
			}
			switch {
			case d.Block == nil, whole[pos]:
			case slices.Contains(contexts, d.Name):
				walk(d.Block, why)
			default:
				walk(d.Block, fmt.Sprintf("it stands in a block of %s, which has none in nginx", d.Name))
			}
		}
	}
	walk(t.http.block, unknown)
	walk(t.servers, unknown)
}

// collect finds the servers and what stands beside them.
func (t *translator) collect(all []*nginxconf.Directive) {
	if t.http == nil {
		t.http = new(scope)
	}
	for _, d := range all {
		switch {
		case d.Name == "http" && d.Block != nil, d.Name == "events" && d.Block != nil:
			t.used[d] = true
			t.collect(d.Block)
		case d.Name == "server" && d.Block != nil:
			t.used[d] = true
			t.servers = append(t.servers, d)
		case d.Name == "upstream" && d.Block != nil:
			t.upstreams[d.Arg(0)] = d
			t.http.block = append(t.http.block, d)
		case d.Name == "map" && len(d.Args) == 2:
			t.maps[strings.TrimPrefix(d.Arg(1), "$")] = d
			t.http.block = append(t.http.block, d)
		default:
			t.http.block = append(t.http.block, d)
		}
	}
}

// noteDone notes that a directive needs no line, and why.
func (t *translator) noteDone(d *nginxconf.Directive, format string, args ...any) {
	t.used[d] = true
	t.note(Note{d.Pos.String(), d.String(), fmt.Sprintf(format, args...)})
}

// note is for what needs no line. What is inherited by several servers is said once.
func (t *translator) note(n Note) {
	if !t.noted[n] {
		t.noted[n] = true
		t.done = append(t.done, n)
	}
}

// noteLeft notes that somebody must look at a directive, and gives the comment for its place.
func (t *translator) noteLeft(d *nginxconf.Directive, format string, args ...any) *node {
	t.used[d] = true
	n := Note{d.Pos.String(), d.String(), fmt.Sprintf(format, args...)}
	if !t.noted[n] {
		t.noted[n] = true
		t.left = append(t.left, n)
	}
	return &node{text: "# " + n.String()}
}

// leftovers deals with what is left of a scope: each directive is done by Caddy itself, or gets a comment.
func (t *translator) leftovers(s *scope) (nodes []*node) {
	for _, d := range s.block {
		switch {
		case t.used[d]:
		case (d.Name == "upstream" || d.Name == "map") && d.Block != nil:
			t.noteDone(d, "nothing that was carried over uses it")
		default:
			nodes = append(nodes, t.leftover(d))
		}
	}
	return slices.DeleteFunc(nodes, func(n *node) bool { return n == nil })
}

// leftover is the comment of a directive that nothing has used, nil if it needs none.
func (t *translator) leftover(d *nginxconf.Directive) *node {
	if text, ok := needsNoLine(d); ok {
		t.noteDone(d, "%s", text)
		return nil
	}
	if text, ok := noCounterpart[d.Name]; ok {
		return t.noteLeft(d, "%s", text)
	}
	return t.noteLeft(d, "has no counterpart that is known here")
}

// unique is a name that was not given before.
func (t *translator) unique(name string) string {
	for n, try := 2, name; ; n++ {
		if !t.given[try] {
			t.given[try] = true
			return try
		}
		try = fmt.Sprintf("%s_%d", name, n)
	}
}
