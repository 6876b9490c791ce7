package migrate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// translated is the Caddyfile of a server with this body and this pool, without the places, and what is left.
func translated(t *testing.T, body, pool string) (caddyfile, left string) {
	t.Helper()
	directives, err := nginxconf.Parse("n", []byte("server {\nlisten 80;\nserver_name a.test;\nroot /srv;\n"+body+"\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	sections, err := fpmconf.Parse("w", []byte(pool))
	if err != nil {
		t.Fatal(err)
	}
	r, err := translate(directives, sections)
	if err != nil {
		t.Fatal(err)
	}
	var notes []string
	for _, n := range r.Left {
		notes = append(notes, n.String())
	}
	var lines []string
	for line := range strings.Lines(r.Caddyfile) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") {
			line = comment.ReplaceAllString(line, "")
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n"), strings.Join(notes, "\n")
}

// comment is what stands behind a line.
var comment = regexp.MustCompile(` # .*$`)

const php = "location ~ \\.php$ { fastcgi_pass unix:/run/php.sock; }\n"

// rules are pieces of a server, and lines that come of them, one after the other; "!" is before lines that do not.
var rules = []struct {
	name, body string
	want       []string
	left       string // "" is nothing
}{
	{"a front controller", "location / { try_files $uri $uri/ /index.php?$args; }" + php, []string{"php_worker"}, ""},
	{"no front controller", php, []string{"php_worker {", "try_files {path} {path}/ =404", "}"}, ""},
	{"only a front controller", "location / { try_files $uri /app.php$is_args$args; }" + php, []string{"try_files {path} /app.php"}, ""},
	{"a front controller with a query", "location / { try_files $uri /index.php?q=$uri&$args; }" + php,
		[]string{"not file {path}", "not path_regexp \\.php$", "rewrite @line5 /index.php?q={path}&{query}", "try_files {path} =404"}, ""},
	{"a front controller by a name", "location / { try_files $uri @app; }\nlocation @app { fastcgi_pass unix:/x; fastcgi_param SCRIPT_FILENAME /srv/front.php; }", []string{"try_files /front.php"}, ""},
	{"a rewrite by a name", "location / { try_files $uri @app; }\nlocation @app { rewrite ^/(.*)$ /index.php?p=$1 last; }" + php,
		[]string{"not file {path}", "path_regexp re6 ^/(.*)$", "rewrite @line6 /index.php?p={re.re6.1}&{query}"}, ""},
	{"all of a location that is closed", "location /a { deny all; }" + php, []string{"error /a* 403"}, ""},
	{"exact and regular locations", "location = /a { return 404; }\nlocation ~* ^/b(c)$ { return 403; }" + php, []string{"error /a 404", "@line6 path_regexp re6 (?i)^/b(c)$", "error @line6 403"}, ""},
	{"a look-ahead", "location ~ /\\.(?!well-known) { deny all; }" + php, []string{"path_regexp /\\.", "not path_regexp /\\.(?:well-known)", "error @line5 403"}, ""},
	{"a regular expression that Go has not", "location ~ (a)\\1 { deny all; }" + php, []string{"!403"}, "n:5: location ~ (a)\\1: a regular expression that Go has not: write this location yourself, it is left out"},
	{"addresses in their order", "deny 1.2.3.4; allow 1.2.3.0/24; deny all;" + php,
		[]string{"@line5 client_ip 1.2.3.4", "error @line5 403", "@line5_2 not client_ip 1.2.3.0/24", "error @line5_2 403"}, ""},
	{"what is open again", "location /a/ { allow all; deny all; }\nlocation / { try_files $uri /index.php; }" + php, []string{"!403"}, ""},
	{"a password closes the place", "location /a { auth_basic x; auth_basic_user_file /f; }" + php, []string{"handle /a* {", "error 403"}, "accounts stand in the Caddyfile: put those of /f"},
	{"a nested location inherits that", "location /a { deny 1.2.3.4; location ~ \\.jpg$ { expires 1d; } }", []string{"error @line5 403", "handle @line5_2 {", "Cache-Control max-age=86400"}, ""},
	{"return before deny", "location /a { deny all; return 404; }", []string{"error /a* 404"}, ""},
	{"redirects", "location = /a { return 301 /b; }\nlocation = /c { return https://x.test$request_uri; }\nlocation = /d { return 444; }\nlocation = /e { return 200 'a b'; }",
		[]string{"redir /a /b 301", "redir /c https://x.test{uri} 302", "abort /d", `respond /e "a b" 200`}, ""},
	{"scripts without a path behind them", "location = /a.php { deny all; }" + php, []string{"error /a.php 403", "@line5 path_regexp \\.php/", "error @line5 404", "php_worker {"}, ""},
	{"scripts that may have one", "location ~ [^/]\\.php(/|$) { fastcgi_pass unix:/x; }", []string{"!path_regexp"}, ""},
	{"rewrites", "rewrite ^/a/(\\d+)$ /a.php?id=$1 last;\nrewrite ^/b$ /c permanent;\nrewrite ^/d(.*)$ https://x.test$1? redirect;" + php,
		[]string{"path_regexp re5 ^/a/(\\d+)$", "rewrite @line5 /a.php?id={re.re5.1}&{query}", "@line6 path_regexp ^/b$", "redir @line6 /c{?query} 301", "redir @line7 https://x.test{re.re7.1} 302"}, ""},
	{"conditions", "if ($request_method = POST) { return 405; }\nif ($http_user_agent ~* bot) { return 403; }\nif (!-f $request_filename) { rewrite ^ /index.php last; }\nif ($arg_x != \"\") { return 404; }" + php,
		[]string{"@line5 method POST", "error @line5 405", "@line6 header_regexp User-Agent (?i)bot", "@line7 not file {path}", "rewrite @line7 /index.php", `@line8 not vars {query.x} ""`}, ""},
	{"a condition that is not known", "if ($invalid_referer) { return 403; }", []string{"!403"}, "Caddy has no $invalid_referer: its block is left out"},
	{"uploads without scripts", "location ~* ^/(?:uploads|files)/.*\\.php$ { deny all; }" + php, []string{"deny_scripts /uploads /files"}, ""},
	{"uploads anywhere", "location ~* /uploads/.*\\.php$ { deny all; }" + php, []string{"path_regexp (?i)/uploads/.*\\.php$", "error @line5 403"}, ""},
	{"files that keep their time", "location ~* \\.css$ { expires 30d; add_header Cache-Control public; access_log off; }" + php, []string{"handle @line5 {", "header {", `Cache-Control "max-age=2592000, public"`, "match status 2xx 3xx", "file_server", "}"}, ""},
	{"a folder without PHP", "location ^~ /static/ { }" + php, []string{"handle /static/* {", "file_server {", "hide *.php"}, ""},
	{"an alias of the same name", "location /pma { alias /usr/share/pma; }", []string{"handle /pma* {", "root /usr/share", "file_server"}, ""},
	{"an alias of another name", "location /a/ { alias /data/b/; }", []string{"root /data/b", "uri strip_prefix /a", "file_server"}, ""},
	{"a list of a folder", "location /a/ { autoindex on; }", []string{"handle /a/* {", "file_server browse"}, ""},
	{"a list of the folder at the top", "location /a/ { alias /data/b/; autoindex on; }" + php, []string{"uri strip_prefix /a", "not {", "not file {path}/", "not path /", "not file {path}/index.php {path}/index.html"}, ""},
	{"the folder at the top exists", "if (!-e $request_filename) { rewrite ^/(.*)$ /index.php?q=$1 last; }\nif (-d $request_filename) { return 410; }" + php,
		[]string{"not file {path} {path}/", "not path /", "rewrite @line5 /index.php?q={re.re5.1}&{query}", "not {", "not file {path}/", "not path /", "error @line6 410"}, ""},
	{"a front controller with a query is not for the folder at the top", "location / { try_files $uri $uri/ /index.php?q=$uri; }" + php, []string{"not file {path} {path}/", "not path /"}, ""},
	{"a proxy", "location /a/ { proxy_pass http://127.0.0.1:3000; proxy_set_header X-A b; }", []string{"handle /a/* {", "reverse_proxy 127.0.0.1:3000 {", "header_up X-A b"}, ""},
	{"only some scripts", "location ~ ^/index\\.php(/|$) { fastcgi_pass unix:/x; internal; }\nlocation ~ \\.php$ { return 404; }\nlocation / { try_files $uri /index.php; }",
		[]string{"path_regexp re5 ^/index\\.php(/|$)", "error @line5_2 404", "path_regexp \\.php(/|$)", "not path_regexp ^/index\\.php(/|$)", "error @line5 404", "php_worker"}, ""},
	{"settings of PHP", "client_max_body_size 8m;\nlocation ~ \\.php$ { fastcgi_pass 127.0.0.1:9000; fastcgi_read_timeout 90; fastcgi_param A b; fastcgi_param PHP_VALUE 'x=1\ny = 2'; }",
		[]string{"max_body 8MiB", "request_timeout 1m30s", "env A b", "ini x 1", "ini y 2"}, ""},
	{"bodies without a limit", "client_max_body_size 0;" + php, []string{"max_body 4080MiB"}, ""},
	{"bodies as large as may be", "client_max_body_size 4080m;" + php, []string{"max_body 4080MiB"}, ""},
	{"bodies that are too large", "client_max_body_size 10G;" + php, []string{"max_body 4080MiB"}, "n:5: client_max_body_size 10G: max_body is at most 4080MiB"},
	{"error pages", "error_page 404 /404.html; error_page 500 @x;", []string{"handle_errors 404 {", "rewrite * /404.html"}, "n:5: error_page 500 @x: write handle_errors yourself"},
	{"proxies that are trusted", "set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;", []string{"trusted_proxies static 10.0.0.0/8", "client_ip_headers X-Forwarded-For"}, ""},
	{"what is not known", "some_module on;", []string{"file_server"}, "n:5: some_module on: has no counterpart that is known here"},
}

func TestEachRuleOfNginxHasItsLines(t *testing.T) {
	t.Parallel()
	for _, r := range rules {
		got, left := translated(t, r.body, "")
		rest := got
		for _, want := range r.want {
			if no, ok := strings.CutPrefix(want, "!"); ok {
				if strings.Contains(got, no) {
					t.Errorf("%s: there is %q in:\n%s", r.name, no, got)
				}
				continue
			}
			_, after, ok := strings.Cut("\n"+rest+"\n", "\n"+want+"\n")
			if !ok {
				_, after, ok = strings.Cut(rest, want)
			}
			if !ok {
				t.Errorf("%s: %q is not, in its order, in:\n%s", r.name, want, got)
				break
			}
			rest = after
		}
		if r.left == "" && left != "" || !strings.Contains(left, r.left) {
			t.Errorf("%s: left is %q, not %q", r.name, left, r.left)
		}
	}
}

func TestThePoolOfPHPFPMBecomesOptions(t *testing.T) {
	t.Parallel()
	for pool, want := range map[string]string{
		"pm = static\npm.max_children = 4":                        "workers 4",
		"pm = dynamic\npm.max_children = 9\npm.start_servers = 3": "workers 3 9",
		"pm = ondemand\npm.max_children = 9":                      "workers 0 9",
		"pm = ondemand\npm.process_idle_timeout = 30":             "idle_timeout 30s",
		"pm.max_requests = 100":                                   "max_requests 100",
		"user = a\ngroup = b":                                     "user a:b",
		"user = a":                                                "user a\n",
		"request_terminate_timeout = 2m":                          "request_timeout 2m",
		"php_admin_value[open_basedir] = /a:/b":                   "ini open_basedir /a:/b",
		"php_flag[x] = on":                                        "ini x 1",
		"php_admin_flag[x] = no":                                  "ini x 0",
		"php_value[x] =":                                          `ini x ""`,
		"env[A] = yes":                                            "env A 1\n",
		"env[A] = 'yes'":                                          "env A yes\n",
		"env[A] = off":                                            "env A \"\"\n",
		"env[A] = b c":                                            `env A "b c"`,
		"env[A] = $B":                                             "env A {env.B}",
		"chdir = /a":                                              "dir /a",
		"rlimit_files = 1024":                                     "rlimit nofile 1024",
		"rlimit_core = unlimited":                                 "rlimit core unlimited",
		"pm = static":                                             "clear_env",
		"clear_env = no":                                          "!clear_env",
		"chroot = /x":                                             "?w:2: chroot = /x: there is no chroot",
		"something = 1":                                           "?w:2: something = 1: has no counterpart",
		"php_admin_value[x] = {$A}":                               "?a Caddyfile cannot hold this value",
		"pm = static\npm.max_children = many":                     "?it is no number of processes",
		"request_terminate_timeout = 0\nsecurity.limit_extensions = .x": "?split names other extensions",
	} {
		got, left := translated(t, php, "[www]\n"+pool)
		no, not := strings.CutPrefix(want, "!")
		noted, isLeft := strings.CutPrefix(want, "?")
		switch {
		case not && strings.Contains(got, no), isLeft && !strings.Contains(left, noted), !not && !isLeft && !strings.Contains(got, want):
			t.Errorf("%q is not %q, but, with %q left:\n%s", pool, want, left, got)
		}
	}
}

func TestServersThatOnlyLeadToHTTPSAreGone(t *testing.T) {
	t.Parallel()
	secure := "server { listen 443 ssl; server_name a.test; root /s; }\n"
	for text, want := range map[string]string{
		"server { listen 80; server_name a.test; return 301 https://$host$request_uri; }" + secure:                                     "a.test {",
		"server { listen 80; server_name a.test; location / { return 301 https://a.test$request_uri; } }" + secure:                     "a.test {",
		"server { listen 80; server_name a.test; if ($host = a.test) { return 301 https://$host$request_uri; } return 404; }" + secure: "a.test {",
		"server { listen 80; server_name a.test; rewrite ^ https://$host$request_uri? permanent; }" + secure:                           "a.test {",
		"server { listen 80; server_name a.test; return 301 https://b.test$request_uri; }" + secure:                                    "http://a.test {",
		"server { listen 80; server_name a.test; return 301 https://$host$request_uri; }":                                              "http://a.test {",
		"server { listen 80; listen 443 ssl; server_name a.test; if ($scheme = http) { return 301 https://$host$request_uri; } }":      "a.test {",
		"server { listen 80; listen 443 ssl; server_name a.test; }":                                                                    "http://a.test, https://a.test {",
		"server { listen 8080; server_name a.test .b.test; }":                                                                          "http://a.test:8080, http://b.test:8080, http://*.b.test:8080 {",
		"server { listen 80 default_server; server_name _; }":                                                                          "http://:80 {",
		"server { server_name a.test; }": "http://a.test {",
	} {
		directives, err := nginxconf.Parse("n", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r, err := translate(directives, nil)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(r.Caddyfile, "\n")
		if first != want || strings.Contains(r.Caddyfile, "redir") && !strings.HasPrefix(want, "http://a.test {") {
			t.Errorf("%s\nis:\n%s", text, r.Caddyfile)
		}
	}
}

func TestAPathThatNoMatcherTakesIsLeft(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/a " + strings.Repeat("x", 1000), "/a \xff"} {
		caddyfile, left := translated(t, fmt.Sprintf("location = \"%s\" { return 200 hello; }\n%s", path, php), "")
		if !strings.Contains(left, path) || strings.Contains(caddyfile, "hello") {
			t.Errorf("%.10q: left is %q, written:\n%s", path, left, caddyfile)
		}
	}
}

func TestAConfigurationWithoutAServerIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := translate(nil, nil); !errors.Is(err, ErrNoServer) {
		t.Errorf("the error is %v", err)
	}
}

func TestPoolsThatSeveralSitesUseGetAName(t *testing.T) {
	t.Parallel()
	two := "server { server_name a.test; root /a; " + php + "}\nserver { server_name b.test; root /b; " + php + "}"
	directives, err := nginxconf.Parse("n", []byte(two))
	if err != nil {
		t.Fatal(err)
	}
	r, err := translate(directives, []fpmconf.Section{{Name: "www", Settings: []fpmconf.Setting{{Key: "pm.max_children", Value: "3"}, {Key: "listen", Value: "/run/php.sock"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Caddyfile; strings.Count(got, "pool www") != 3 || strings.Count(got, "workers") != 1 {
		t.Errorf("got:\n%s", got)
	}
}
