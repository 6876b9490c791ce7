package migrate

import (
	"fmt"
	"slices"
	"strings"
)

// useMap is the placeholder of a variable that a map sets; the site gets that map.
func (s *site) useMap(name string) (string, error) {
	if !isVariable(name) {
		return "", fmt.Errorf("Caddy has no $%s", name)
	}
	if !slices.Contains(s.usedMaps, name) {
		d := s.maps[name]
		if _, err := s.expand(d.Arg(0), ""); err != nil || d.Arg(0) == "$"+name {
			return "", fmt.Errorf("the map of $%s: Caddy has no %s", name, d.Arg(0))
		}
		for _, entry := range d.Block {
			if len(entry.Args) != 1 || strings.Contains(entry.Args[0], "$") || entry.Name == "include" {
				return "", fmt.Errorf("the map of $%s has %q", name, entry)
			}
		}
		s.usedMaps = append(s.usedMaps, name)
	}
	return "{" + name + "}", nil
}

// mapLines are the maps that the site uses.
func (s *site) mapLines() (nodes []*node) {
	for _, name := range s.usedMaps {
		d := s.maps[name]
		s.used[d] = true
		source, _ := s.expand(d.Arg(0), "")
		n := s.quoted(d, "map", source, "{"+name+"}")
		for _, entry := range d.Block {
			key := entry.Name
			if text, ok := strings.CutPrefix(key, "~"); ok {
				text, fold := strings.CutPrefix(text, "*")
				p, err := newPattern(text, fold)
				if err != nil || len(p.except) > 0 {
					n.block = append(n.block, s.noteLeft(entry, "%v", errRegexp))
					continue
				}
				key = "~" + p.text
			}
			if key == "" {
				key = "~^$"
			}
			n.block = append(n.block, s.quoted(entry, "", key, entry.Args[0]))
		}
		nodes = append(nodes, n)
	}
	return nodes
}
