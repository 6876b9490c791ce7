package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// phpMyAdmin is where Debian has it.
const phpMyAdmin = "/usr/share/phpmyadmin"

// TestClassicPHPMyAdminAnswersAsBehindNginx serves Debian's installation, as it is, at either
// side, and works with a database of each.
func TestClassicPHPMyAdminAnswersAsBehindNginx(t *testing.T) {
	t.Parallel()
	needsPeers(t)
	if _, err := os.Stat(phpMyAdmin); err != nil {
		t.Skip("there is no phpMyAdmin here: apt install phpmyadmin")
	}
	db := startMariaDB(t, "theirs", "ours")
	db.query(t, "CREATE USER anna@localhost IDENTIFIED BY 'sehr geheim'; GRANT ALL ON *.* TO anna@localhost")
	p := pairing{root: phpMyAdmin, ini: [][2]string{{"mysqli.default_socket", db.socket}, {"session.save_path", t.TempDir()}}}
	v := p.start(t).visitors(t,
		masked(`\b[0-9a-f]{16,64}\b`), masked(`(pma\w+|phpMyAdmin|PHPSESSID)(_https)?=[^;&"]+`), masked(`\b(theirs|ours)\b`), masked(`(?i)(expires|max-age)=[^;]+`),
		dates, masked(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), masked(`[A-Z][a-z]{2} \d\d, \d{4} at \d\d:\d\d [AP]M`), masked(`\d+\.\d{4} seconds`),
		masked(`Connection ID: \d+`), masked(`[A-Za-z0-9+/%]{40,}(=|%3D){0,2}`), masked(`nonce-[^']+`), masked(`nginx/[\d.]+|Caddy\S*`), masked(`name=\\?"(set_session|noplugin)\\?" value=\\?"\w+`), masked(`\d{3,10}`), //  numbers drawn by lot
		masked(`time: \d+|"time":\d+|server_time\W+\d+`),
	)
	token := func(page string) string {
		if found := regexp.MustCompile(`(?:name="token" value="|"token":"|token:\s?")([0-9a-f]+)"`).FindStringSubmatch(page); found != nil {
			return found[1]
		}
		return "none"
	}
	// name is the database of the side that asks: theirs comes first.
	turn := 0
	name := func() string { turn++; return []string{"ours", "theirs"}[turn%2] }

	v.get("/", 200)
	v.contain("Welcome to")
	v.submit("/index.php?route=/", 200, func(page string) url.Values {
		return url.Values{"pma_username": {"anna"}, "pma_password": {"wrong"}, "server": {"1"}, "token": {token(page)}, "set_session": {session(page)}}
	})
	v.contain("Cannot log in")
	v.submit("/index.php?route=/", 302, func(page string) url.Values {
		return url.Values{"pma_username": {"anna"}, "pma_password": {"sehr geheim"}, "server": {"1"}, "token": {token(page)}, "set_session": {session(page)}}
	})
	v.get("/index.php?route=/&server=1", 200)
	v.contain("Server: ")
	for _, path := range []string{"/index.php?route=/server/databases", "/index.php?route=/server/sql", "/index.php?route=/server/variables", "/index.php?route=/server/engines", "/index.php?route=/server/collations",
		"/index.php?route=/server/import", "/index.php?route=/server/export", "/index.php?route=/preferences/forms", "/index.php?route=/changelog", "/index.php?route=/license", "/index.php?route=/messages&l=en",
		"/themes/pmahomme/css/theme.css", "/js/dist/functions.js", "/robots.txt", "/url.php?url=https%3A%2F%2Fwww.phpmyadmin.net%2F"} {
		v.send(http.MethodGet, path, nil)
	}
	v.get("/index.php?route=/", 200)
	sql := "CREATE TABLE people (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50)) CHARACTER SET utf8mb4; INSERT INTO people (name) VALUES ('Anna'), ('Bärt'), ('<b>');"
	keep := ""
	form := func(fields ...string) func(page string) url.Values {
		return func(page string) url.Values {
			if found := token(page); found != "none" {
				keep = found
			}
			values := fixed(fields...)(page)
			values.Set("db", name())
			values.Set("token", keep)
			return values
		}
	}
	page := [2]string{v.last[0].body, v.last[1].body}
	again := func() { v.last[0].body, v.last[1].body = page[0], page[1] } // for the token of each
	again()
	v.submit("/index.php?route=/import", 200, form("sql_query", sql, "is_js_confirmed", "0", "pos", "0", "ajax_request", "true", "goto", "index.php?route=/database/sql", "message_to_show", "done", "SQL", "Go"))
	v.contain(`"success":true`)
	again()
	v.submit("/index.php?route=/sql", 200, form("sql_query", "SELECT * FROM people", "ajax_request", "true"))
	v.contain(`"success":true`, "B\\u00e4rt")
	again()
	v.upload("/index.php?route=/import", 200, "import_file", "more.sql", "INSERT INTO people (name) VALUES ('Claire');"+strings.Repeat("-- filling\n", 20_000), form("format", "sql", "charset_of_file", "utf-8", "import_type", "database", "ajax_request", "true"))
	again()
	v.submit("/index.php?route=/export", 200, form("export_type", "database", "export_method", "quick", "quick_or_custom", "quick", "what", "sql", "structure_or_data_forced", "0", "table_select[]", "people", "table_structure[]", "people", "table_data[]", "people", "sql_structure_or_data", "structure_and_data", "output_format", "sendit", "filename_template", "@DATABASE@"))
	v.contain("INSERT INTO", "Bärt", "Claire")
	for i, who := range []string{"theirs", "ours"} {
		if got := db.query(t, "SELECT COUNT(*) FROM "+who+".people"); !strings.Contains(got, "4") {
			t.Errorf("%d: the table of %s has %q", i, who, got)
		}
	}
	v.want(302, "logout")(v.each(http.MethodPost, func(heard) string { return "/index.php?route=/logout" }, func(last heard) (string, string) {
		turn++
		return "application/x-www-form-urlencoded", fmt.Sprintf("token=%s", token(page[(turn+1)%2]))
	}))
}

// session is the field of phpMyAdmin's form of that name.
func session(page string) string {
	if found := regexp.MustCompile(`name="set_session" value="([^"]+)"`).FindStringSubmatch(page); found != nil {
		return found[1]
	}
	return ""
}
