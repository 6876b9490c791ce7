package migrate

import (
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// scope is a block of nginx: http, a server or a location, with what it inherits from.
type scope struct {
	up    *scope
	block []*nginxconf.Directive
}

// own are the directives of this name in the block itself.
func (s *scope) own(names ...string) (all []*nginxconf.Directive) {
	for _, d := range s.block {
		for _, name := range names {
			if d.Name == name {
				all = append(all, d)
			}
		}
	}
	return all
}

// inherited are those of the innermost block that has any: so nginx inherits.
func (s *scope) inherited(names ...string) []*nginxconf.Directive {
	for ; s != nil; s = s.up {
		if all := s.own(names...); len(all) > 0 {
			return all
		}
	}
	return nil
}

// last is the last one of inherited, nil where there is none.
func (s *scope) last(name string) *nginxconf.Directive {
	all := s.inherited(name)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// contains says whether the block itself, or one in it, has a directive of this name.
func contains(block []*nginxconf.Directive, name string) bool {
	for _, d := range block {
		if d.Name == name || contains(d.Block, name) {
			return true
		}
	}
	return false
}
