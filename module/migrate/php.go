package migrate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// phpAmong are the locations that run PHP by a regular expression for scripts, or for one script.
func (s *site) phpAmong(all []*location) (php []*location) {
	for _, l := range all {
		if l.runsPHP() && l.bad == nil && (l.kind == regexps && (l.aboutScripts() || strings.Contains(l.text, `\.php`)) || l.kind == exact && strings.HasSuffix(l.path, ".php")) {
			php = append(php, l)
		}
	}
	return php
}

// findPHP decides which locations are the site's PHP.
func (s *site) findPHP() {
	var special []*location
	for _, l := range s.phpAmong(s.locations) {
		if len(l.own("allow", "deny", "auth_basic", "alias")) > 0 && !l.forAnyScript() {
			special = append(special, l)
			continue
		}
		s.php = append(s.php, l)
		if s.main == nil || l.forAnyScript() && !s.main.forAnyScript() {
			s.main = l
		}
	}
	if s.main == nil && len(special) > 0 && s.rootLocation == nil {
		s.php, s.main = special, special[0]
	}
	if s.main != nil {
		return
	}
	if s.rootLocation != nil && s.rootLocation.runsPHP() {
		s.php, s.main = []*location{s.rootLocation}, s.rootLocation
		return
	}
	try := s.scope.last("try_files")
	if s.rootLocation != nil {
		try = s.rootLocation.last("try_files")
	}
	if try != nil && len(try.Args) > 0 {
		if l := s.locationNamed(try.Args[len(try.Args)-1]); l != nil && l.runsPHP() {
			s.php, s.main = []*location{l}, l
		}
	}
}

// forAnyScript says whether the location matches whatever PHP script there is, by its extension.
func (l *location) forAnyScript() bool { return l.kind == regexps && l.anyScript() }

// refuseOthers refuses the scripts that nginx would not have run, where it runs only some. Locations that do just this
// are done with.
func (s *site) refuseOthers() (nodes []*node) {
	if s.main == nil || s.main.kind != regexps && s.main.kind != exact || s.main.forAnyScript() || s.rootLocation != nil && answersAll(s.rootLocation.scope) {
		return nil
	}
	m := matcher{lines: []*node{line(`path_regexp \.php(/|$)`, s.main.d)}}
	m.lines = append(m.lines, s.notPHP()...)
	status, from := "404", s.main.d
	for _, l := range s.locations {
		if l.kind == regexps && l.bad == nil && justScripts.MatchString(l.text) && refuses(l.block) {
			if contains(l.block, "deny") {
				status = "403"
			}
			from = l.d
			s.dropped = append(s.dropped, l)
			s.markAll(l.block)
			s.noteDone(l.d, "the other scripts are refused where PHP's location is carried over")
		}
	}
	word := s.define(m, s.main.d, &nodes)
	return append(nodes, line("error "+word+status, from).commented("other scripts did not run"))
}

// justScripts is a pattern for nothing but scripts.
var justScripts = regexp.MustCompile(`^(\(\?i\))?(\.\*)?\\\.php(\$|\(/\|\$\)|\(\?:\$\|/\)|\(\?:/\|\$\)|\(\$\|/\))?$`)

// notPHP are the lines of a matcher that leave out what the site's PHP locations match.
func (s *site) notPHP() (lines []*node) {
	for _, l := range s.php {
		switch l.kind {
		case exact:
			lines = append(lines, s.quoted(l.d, "not path_regexp", "^"+regexp.QuoteMeta(l.path)+"$"))
		case regexps:
			lines = append(lines, s.quoted(l.d, "not path_regexp", l.text))
			if len(l.except) > 0 && !s.saidExcept {
				s.saidExcept = true
				s.left = append(s.left, Note{l.d.Pos.String(), l.d.String(), "its look-ahead is not carried over: more scripts run than did"})
			}
		}
	}
	return lines
}

// phpWorker is the directive for the scripts of these locations, with the settings of in.
func (s *site) phpWorker(in *scope, php []*location, files []string, from *nginxconf.Directive) *node {
	n := line("php_worker").with()
	for _, l := range php {
		s.collectPHP(l)
		n.addFrom(l.d)
		n.addFrom(l.own("fastcgi_pass")...)
	}
	if d := in.last("index"); d != nil {
		s.used[d] = true
		var scripts []string
		for _, name := range d.Args {
			if strings.HasSuffix(name, ".php") && !strings.ContainsAny(name, "$/") {
				scripts = append(scripts, name)
			}
		}
		others := notScripts(d.Args)
		switch {
		case len(scripts) == 0:
			n.block = append(n.block, line("index off", d))
		case !slices.Equal(scripts, []string{"index.php"}):
			n.block = append(n.block, s.quoted(d, "index", scripts...))
		default:
			text := "index.php, and else a folder's index.html, are the default"
			if strings.HasPrefix(d.Arg(0), "index.htm") {
				text = "a folder's index.php comes before its index.html"
			}
			s.noteDone(d, "%s", text)
		}
		others = slices.DeleteFunc(others, func(name string) bool { return name == "index.html" || name == "index.htm" })
		for _, name := range d.Args {
			if strings.ContainsAny(name, "$/") {
				others = append(others, name)
			}
		}
		if len(others) > 0 {
			n.block = append(n.block, s.noteLeft(d, "only index.html and scripts are served as the index of a folder, not %s", strings.Join(others, ", ")))
		}
	}
	if len(files) > 0 {
		n.block = append(n.block, s.quoted(from, "try_files", files...))
	}
	if len(s.deny) > 0 {
		n.block = append(n.block, s.quotedAll("deny_scripts", s.deny, s.denyFrom))
	}
	if d := in.last("client_max_body_size"); d != nil {
		if value, err := size(d.Arg(0)); err != nil {
			n.block = append(n.block, s.noteLeft(d, "%v", err))
		} else if s.used[d] = true; strings.Trim(d.Arg(0), "0kKmMgG") == "" {
			n.block = append(n.block, line("max_body "+largestBody, d).commented("no limit: this is the largest there is; PHP's post_max_size counts"))
		} else if exceeds(value, largestBody) {
			n.block = append(n.block, line("max_body "+largestBody, d), s.noteLeft(d, "max_body is at most %s, which nothing larger can be sent through", largestBody))
		} else {
			n.block = append(n.block, line("max_body "+value, d))
		}
	} else if !s.saidBody {
		s.saidBody = true
		s.note(Note{s.server.Pos.String(), "client_max_body_size", "not set: nginx refused bodies over 1 MB, php_worker those over 128 MB; PHP's post_max_size counts in both"})
	}
	p := s.poolOf(php)
	p.blocks = append(p.blocks, n)
	return n
}

// quotedAll is quoted with several places.
func (s *site) quotedAll(word string, values []string, from []*nginxconf.Directive) *node {
	n := s.quoted(from[0], word, values...)
	n.from = line("", from...).from
	return n
}

// extension is what a pattern for scripts says of their extensions.
var extension = regexp.MustCompile(`\\\.\((?:\?:)?([a-z0-9|]+)\)`)

// extensionsOf are those besides .php that a pattern has, nil for .php alone.
func extensionsOf(text string) (all []string) {
	m := extension.FindStringSubmatch(text)
	if m == nil || m[1] == "php" {
		return nil
	}
	for one := range strings.SplitSeq(m[1], "|") {
		if one == "" {
			return nil
		}
		all = append(all, "."+one)
	}
	if !slices.Contains(all, ".php") {
		return nil
	}
	return all
}

// collectPHP notes what a location tells PHP-FPM.
func (s *site) collectPHP(l *location) {
	if l.taken {
		return
	}
	l.taken = true
	for _, d := range l.block {
		if s.used[d] {
			continue
		}
		switch d.Name {
		case "fastcgi_pass":
			s.used[d] = true
			if extensions := extensionsOf(l.text); l.kind == regexps && extensions != nil {
				l.poolLines = append(l.poolLines, s.quoted(l.d, "split", extensions...))
			}
		case "fastcgi_split_path_info":
			s.noteDone(d, "php_worker splits the path behind .php")
		case "fastcgi_param", "fastcgi_read_timeout", "fastcgi_script_name":
		case "set":
			if strings.Contains(d.Arg(1), "$fastcgi_path_info") {
				s.noteDone(d, "php_worker gives PATH_INFO")
			}
		case "try_files":
			if args := strings.Join(d.Args, " "); args == "$uri =404" || args == "$fastcgi_script_name =404" || args == "$document_root$fastcgi_script_name =404" {
				s.noteDone(d, "php_worker runs no script that is not there")
			}
		case "if":
			if len(d.Args) == 2 && d.Arg(0) == "(!-f" && strings.Contains(d.Arg(1), "fastcgi_script_name") && len(d.Block) == 1 && d.Block[0].Name == "return" {
				s.noteDone(d, "php_worker runs no script that is not there")
			}
		case "internal":
			if l.kind == regexps || l.kind == exact {
				continue
			}
			s.used[d] = true
		case "fastcgi_intercept_errors":
			if d.Arg(0) == "on" && len(l.inherited("error_page")) > 0 {
				l.poolLines = append(l.poolLines, s.noteLeft(d, "PHP's own error pages are sent here: Caddy's directive intercept replaces them"))
			} else {
				s.noteDone(d, "there is no error_page, and PHP's own is sent")
			}
		case "index", "client_max_body_size", "autoindex":
		case "root":
			if root := strings.TrimSuffix(d.Arg(0), "/"); root == s.root {
				s.used[d] = true
			}
		}
	}
	for _, d := range l.inherited("fastcgi_read_timeout") {
		s.used[d] = true
		l.readTimeout = append(l.readTimeout, d)
	}
	for _, d := range l.inherited("fastcgi_param") {
		if l.kind == named && s.used[d] && d.Arg(0) == "SCRIPT_FILENAME" {
			continue // the front controller
		}
		s.param(d, l)
	}
}

// scriptBelowRoot says whether SCRIPT_FILENAME is the usual one.
func (s *site) scriptBelowRoot(value string) bool {
	if s.root != "" {
		value = strings.Replace(value, s.root, "$document_root", 1)
	}
	value = strings.NewReplacer("$realpath_root", "$document_root", "$document_root/", "$document_root").Replace(value)
	return slices.Contains([]string{"$document_root$fastcgi_script_name", "$request_filename"}, value)
}

// usual are the parameters that php_worker gives by itself.
var usual = strings.Fields(`SCRIPT_FILENAME QUERY_STRING REQUEST_METHOD CONTENT_TYPE CONTENT_LENGTH SCRIPT_NAME REQUEST_URI DOCUMENT_URI DOCUMENT_ROOT
	SERVER_PROTOCOL REQUEST_SCHEME GATEWAY_INTERFACE SERVER_SOFTWARE REMOTE_ADDR REMOTE_PORT REMOTE_USER SERVER_ADDR SERVER_PORT SERVER_NAME
	REDIRECT_STATUS PATH_INFO PATH_TRANSLATED ORIG_PATH_INFO HTTP_HOST`)

// param is one parameter for PHP.
func (s *site) param(d *nginxconf.Directive, l *location) {
	name, value := d.Arg(0), d.Arg(1)
	switch {
	case name == "PHP_VALUE" || name == "PHP_ADMIN_VALUE":
		s.used[d] = true
		for setting := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\n' || r == ';' }) {
			if key, v, ok := strings.Cut(setting, "="); ok && !strings.Contains(v, "$") {
				if key, v = strings.TrimSpace(key), strings.Trim(strings.TrimSpace(v), `"'`); lacksUnit(key, v) {
					l.poolLines = append(l.poolLines, s.noteLeft(d, "%s: %v", key, errFewBytes))
				} else {
					l.poolLines = append(l.poolLines, s.quoted(d, "ini", key, v))
				}
			} else if strings.TrimSpace(setting) != "" {
				l.poolLines = append(l.poolLines, s.noteLeft(d, "%q is no setting with a fixed value", setting))
			}
		}
	case name == "HTTPS" && (s.https || strings.HasPrefix(value, "$")):
		s.noteDone(d, "php_worker says HTTPS where it is, also behind trusted proxies")
	case name == "HTTPS":
		l.poolLines = append(l.poolLines, s.noteLeft(d, "name the proxy that has TLS in the global option servers { trusted_proxies }: HTTPS is what it says then"))
	case name == "SCRIPT_FILENAME" && !s.scriptBelowRoot(value):
		l.poolLines = append(l.poolLines, s.noteLeft(d, "php_worker runs the script that the path names below root"))
	case slices.Contains(usual, name):
		s.noteDone(d, "php_worker gives it")
	case strings.HasPrefix(name, "HTTP_") && value == "":
		s.noteDone(d, "php_worker never passes Proxy on; others: request_header -<name>")
	case strings.Contains(value, "$"):
		l.poolLines = append(l.poolLines, s.noteLeft(d, "a value that changes with the request: a pool's env has fixed ones only"))
	default:
		s.used[d] = true
		l.poolLines = append(l.poolLines, s.quoted(d, "env", name, value))
	}
}
