package migrate

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// access are the lines that refuse requests of a scope: allow and deny, passwords, methods. closed says
// that no request gets further; whole, that what the scope inherits counts, too.
func (s *site) access(in *scope, whole bool) (nodes []*node, closed bool) {
	find := in.own
	if whole {
		find = in.inherited
	}
	if any := in.last("satisfy"); any != nil && any.Arg(0) == "any" {
		nodes = append(nodes, s.noteLeft(any, "Caddy has no alternative of addresses and passwords: here both count"))
	}
	if whole || len(in.own("return")) == 0 { // which would answer first
		more, all := s.allowDeny(find("allow", "deny"))
		nodes, closed = append(nodes, more...), closed || all
	}
	for _, d := range find("limit_except") {
		nodes = append(nodes, s.limitExcept(d)...)
	}
	if basic := in.last("auth_basic"); basic != nil && (whole || len(in.own("auth_basic")) > 0) {
		more := s.password(in, basic)
		nodes, closed = append(nodes, more...), closed || len(more) > 0
	}
	return nodes, closed
}

// allowDeny are the lines of allow and deny, whose order counts.
func (s *site) allowDeny(rules []*nginxconf.Directive) (nodes []*node, closed bool) {
	var allowed []string
	var from []*nginxconf.Directive
	open := false
	for _, d := range rules {
		if open {
			s.noteDone(d, "what stands before it decides")
			continue
		}
		s.used[d] = true
		who := d.Arg(0)
		if who != "all" && !isAddress(who) {
			nodes = append(nodes, s.noteLeft(d, "it names no address of the internet: put it aside, or write it as a matcher"))
			continue
		}
		from = append(from, d)
		switch {
		case d.Name == "allow" && who == "all":
			s.noteDone(d, "nothing else is refused here")
			open = true
			continue
		case d.Name == "allow":
			allowed = append(allowed, who)
			if !slices.ContainsFunc(rules, func(r *nginxconf.Directive) bool { return r.Name == "deny" }) {
				s.noteDone(d, "nothing is refused here")
			}
			continue
		case who == "all" && len(allowed) == 0:
			return append(nodes, line("error 403", d)), true
		}
		var m matcher
		if who != "all" {
			m.lines = append(m.lines, line("client_ip "+who, d))
		}
		if len(allowed) > 0 {
			m.lines = append(m.lines, line("not client_ip "+strings.Join(allowed, " "), from...))
		}
		word := s.define(m, d, &nodes)
		nodes = append(nodes, line("error "+word+"403", from...))
		if who == "all" {
			return nodes, false
		}
	}
	return nodes, false
}

func isAddress(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(text)
	return err == nil
}

// limitExcept refuses other methods than those named.
func (s *site) limitExcept(d *nginxconf.Directive) (nodes []*node) {
	s.used[d] = true
	methods := append([]string{}, d.Args...)
	for i, m := range methods {
		methods[i] = strings.ToUpper(m)
		if m == "GET" {
			methods = append(methods, "HEAD")
		}
	}
	for _, rule := range d.Block {
		s.used[rule] = true
		if rule.String() != "deny all" {
			nodes = append(nodes, s.noteLeft(rule, "within limit_except only \"deny all\" has a counterpart: here the other methods are refused"))
		}
	}
	word := s.define(matcher{lines: []*node{s.quoted(d, "not method", methods...)}}, d, &nodes)
	return append(nodes, line("error "+word+"403", d))
}

// password closes what had a password until somebody has put the accounts into the Caddyfile.
func (s *site) password(in *scope, d *nginxconf.Directive) (nodes []*node) {
	file := in.last("auth_basic_user_file")
	if file != nil {
		s.used[file] = true
	}
	if d.Arg(0) == "off" {
		if outer := in.up.last("auth_basic"); outer != nil && outer.Arg(0) != "off" {
			return []*node{s.noteLeft(d, "the password around it counts here, too: move its lines to where it shall count")}
		}
		s.noteDone(d, "no password is asked here")
		return nil
	}
	where := "a file of accounts"
	if file != nil {
		where = file.Arg(0)
	}
	nodes = append(nodes,
		s.noteLeft(d, "accounts stand in the Caddyfile: put those of %s into the lines below (a hash that begins with $2 is bcrypt and can be taken as it is, others are made anew with \"caddy hash-password\") and delete the line \"error 403\"; until then nobody gets in", where),
		line("# basic_auth {", d),
		line("#	<name> <hash>", file),
		&node{text: "# }"},
		line("error 403", d).commented("the password is missing"),
	)
	return nodes
}
