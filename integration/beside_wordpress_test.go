package integration

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// wordpressSource is where Debian has WordPress, wordpressThemes its themes.
const (
	wordpressSource = "/usr/share/wordpress"
	wordpressThemes = "/var/lib/wordpress/wp-content/themes"
)

// wordpressFiles makes a folder with WordPress as it comes, not yet configured.
func wordpressFiles(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "wordpress")
	for _, pair := range [][2]string{{wordpressSource, root}, {wordpressThemes + "/.", filepath.Join(root, "wp-content", "themes")}} {
		if out, err := exec.Command("cp", "-rL", pair[0], pair[1]).CombinedOutput(); err != nil {
			if _, missing := os.Stat(pair[0]); missing != nil {
				t.Skip("there is no WordPress here: apt install wordpress wordpress-theme-twentytwentythree")
			}
			// The package links to configuration that this one is to do without.
			if !bytes.Contains(out, []byte(".htaccess")) {
				t.Fatalf("copying WordPress: %v\n%s", err, out)
			}
		}
	}
	if err := os.Remove(filepath.Join(root, "wp-config.php")); err != nil { // Debian's
		t.Fatal(err)
	}
	return root
}

// wordpressMasks are what is drawn by lot, and the time. What is known by its place comes before what is known by its
// form only: a number drawn by lot has ten digits now and then, and would be taken for a nonce.
func wordpressMasks(p pairing) []func(string) string {
	return []func(string) string{
		entities, replaced(p.root, p.ours), masked(`wordpress_(theirs|ours)`),
		masked(`(?i)(expires|max-age)=[^;]+`), masked(`data-pw="[^"]*"`), masked(`(wordpress_|wp-settings-|wp-postpass_)[a-z0-9_-]+=[^;]*`),
		masked(`name="(mm|hh|mn|ss|hidden_mn|cur_mn|cur_hh)" value="\d+"`), masked(`class="(hh|mn|ss)">\d+`), masked(`\d\.gravatar`),
		masked(`data-secret=(\\"|&quot;|")\w+|#\?secret=\w+`), masked(`(wordpress|html)-\d+-\d+`), masked(`<kbd>\w{8}</kbd>`), masked(`urn:uuid:[-0-9a-f]+`), masked(`\$P\$[^"]+`),
		dates, masked(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+00:00|Z)?`), masked(`\d{1,2}:\d\d ?[ap]m`), masked(`\d+ (second|min|minute)s?( ago)?`),
		masked(`\b([0-9a-f]{10}(\.\d+)?|\d{11,13}|[0-9a-f]{32})\b`), // nonces, and times since 1970
	}
}

// entities resolves those of characters, which WordPress puts at random into addresses.
func entities(text string) string {
	return regexp.MustCompile(`&#\d+;`).ReplaceAllStringFunc(text, html.UnescapeString)
}

// TestClassicWordPressAnswersAsBehindNginx installs WordPress by its wizard at either side,
// and visits it as a reader, a writer and an administrator.
func TestClassicWordPressAnswersAsBehindNginx(t *testing.T) {
	t.Parallel()
	needsPeers(t)
	// SERVER_NAME as Apache has it, where a site has several names.
	p := pairing{root: wordpressFiles(t), ours: wordpressFiles(t), php: "fastcgi_param SERVER_NAME $host;"}
	db := startMariaDB(t, "wordpress_theirs", "wordpress_ours")
	dir := t.TempDir()
	// Nothing may leave this machine: no mail, and no request but to the site itself.
	put(t, dir, map[string]string{"before.php": "<?php define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); @include $_SERVER['DOCUMENT_ROOT'] . '/../multisite.php';"})
	p.ini = [][2]string{{"auto_prepend_file", filepath.Join(dir, "before.php")}, {"sendmail_path", "/bin/true"}, {"opcache.revalidate_freq", "0"}}
	v := p.start(t).visitors(t, wordpressMasks(p)...)
	v.excuses = excusing(t, excuse{
		`(GET /wp-admin/options-permalink|POST /wp-admin/network).php`, "body: ", "WordPress has help of its own where SERVER_SOFTWARE begins with nginx",
	})
	w := &wordpress{visitors: v, pairing: p, db: db}
	begin := time.Now()
	for _, part := range []struct {
		name  string
		visit func(*testing.T)
	}{
		{"install", w.install}, {"read", w.read}, {"login", w.login}, {"administration", w.administer}, {"write", w.write}, {"permalinks", w.permalinks},
		{"comment", w.comment}, {"cron", w.cron}, {"logout", w.logout}, {"multisite", w.multisite},
	} {
		if !t.Run(part.name, func(t *testing.T) { v.t = t; part.visit(t) }) {
			break // what comes next stands on it
		}
		t.Logf("%s: %v", part.name, time.Since(begin).Round(time.Millisecond))
	}
}

// wordpress is one installation at either side.
type wordpress struct {
	*visitors
	pairing        pairing
	db             mariadb
	post, postPath string // of the post that is written, at either side
}

func (w *wordpress) install(t *testing.T) {
	w.get("/", 302)
	w.get("/wp-admin/setup-config.php", 200)
	w.get("/wp-admin/setup-config.php?step=1&language=", 200)
	w.want(200, "the database")(w.send(http.MethodPost, "/wp-admin/setup-config.php?step=2", func(last heard) (string, string) {
		name := "wordpress_theirs"
		if _, err := os.Stat(filepath.Join(w.pairing.root, "wp-config.php")); err == nil { // theirs is made first
			name = "wordpress_ours"
		}
		return "application/x-www-form-urlencoded", url.Values{
			"dbname": {name}, "uname": {"root"}, "pwd": {""}, "dbhost": {"localhost:" + w.db.socket}, "prefix": {"wp_"}, "language": {""}, "submit": {"Submit"},
		}.Encode()
	}))
	w.contain("Run the installation")
	w.get("/wp-admin/install.php", 200)
	w.contain("weblog_title")
	w.submit("/wp-admin/install.php?step=2", 200, fixed("weblog_title", "Ünïversal <b>", "user_name", "anna", "admin_password", "sehr geheim 1", "admin_password2", "sehr geheim 1",
		"pw_weak", "on", "admin_email", "anna@www.example", "blog_public", "0", "language", "", "Submit", "Install WordPress"))
	w.contain("Success!")
	w.get("/wp-admin/install.php", 200)
	w.contain("Already Installed")
}

func (w *wordpress) read(t *testing.T) {
	w.get("/", 200)
	w.contain("Hello world!")
	for _, path := range []string{"/?p=1", "/?page_id=2", "/?feed=rss2", "/?feed=atom", "/?s=hello", "/?rest_route=/", "/?rest_route=/wp/v2/posts", "/?author=1", "/?cat=1", "/wp-login.php", "/wp-login.php?action=lostpassword",
		"/wp-links-opml.php", "/wp-includes/css/dashicons.min.css", "/wp-includes/js/jquery/jquery.min.js", "/readme.html", "/wp-admin/css/login.min.css", "/wp-config.php"} {
		w.get(path, 200)
	}
	for _, path := range []string{"/?p=999", "/?pagename=missing", "/?rest_route=/missing"} {
		w.get(path, 404)
	}
	for path, status := range map[string]int{"/wp-admin/": 302, "/index.php": 301, "/index.php?p=1": 301, "/xmlrpc.php": 405, "/wp-comments-post.php": 405, "/?rest_route=/wp/v2/settings": 401, "/wp-admin/admin-ajax.php": 400, "/wp-admin/post.php": 302, "/wp-mail.php": 403, "/wp-signup.php": 302} {
		w.get(path, status)
	}
	w.send(http.MethodHead, "/", nil)
	w.want(200, "XML-RPC")(w.send(http.MethodPost, "/xmlrpc.php", func(heard) (string, string) {
		return "text/xml", `<?xml version="1.0"?><methodCall><methodName>demo.addTwoNumbers</methodName><params><param><value><int>2</int></value></param><param><value><int>5</int></value></param></params></methodCall>`
	}))
	w.contain("<int>7</int>")
}

func (w *wordpress) login(t *testing.T) {
	w.get("/wp-login.php", 200)
	w.submit("/wp-login.php", 200, fixed("log", "anna", "pwd", "wrong", "wp-submit", "Log In", "testcookie", "1"))
	w.contain("is incorrect")
	theirs, _ := w.submit("/wp-login.php", 302, fixed("log", "anna", "pwd", "sehr geheim 1", "wp-submit", "Log In", "redirect_to", "http://www.example/wp-admin/", "testcookie", "1"))
	if location := theirs.header.Get("Location"); location != "http://www.example/wp-admin/" {
		t.Errorf("the login leads to %q", location)
	}
}

func (w *wordpress) administer(t *testing.T) {
	for _, page := range []string{"", "index.php", "edit.php", "edit.php?post_type=page", "post-new.php", "post-new.php?post_type=page", "post.php?post=1&action=edit", "upload.php", "upload.php?mode=list", "media-new.php", "edit-comments.php",
		"themes.php", "plugins.php", "users.php", "user-new.php", "profile.php", "tools.php", "import.php", "export.php", "options-general.php", "options-writing.php", "options-reading.php", "options-discussion.php", "options-media.php",
		"options-privacy.php", "edit-tags.php?taxonomy=category", "about.php", "privacy.php", "load-styles.php?c=0&dir=ltr&load%5Bchunk_0%5D=dashicons,admin-bar,common", "load-scripts.php?c=0&load%5Bchunk_0%5D=jquery-core,jquery-migrate,utils",
		"admin-ajax.php?action=rest-nonce", "options.php"} {
		w.get("/wp-admin/"+page, 200)
	}
	w.submit("/wp-admin/admin-ajax.php", 200, fixed("action", "heartbeat", "data[wp-check]", "1"))
}

// nonce finds one in a page.
func nonce(page, before string) string {
	if found := regexp.MustCompile(before + `([0-9a-f]{10})`).FindStringSubmatch(page); found != nil {
		return found[1]
	}
	return "none"
}

// rest calls the REST interface as the editor does.
func (w *wordpress) rest(method, path string, status int, contentType, content string) {
	w.t.Helper()
	w.get("/wp-admin/admin-ajax.php?action=rest-nonce", 200)
	// Each side has a nonce of its own, so it cannot be a header of both.
	w.want(status, method+" "+path)(w.each(method, func(last heard) string { return path + "&_wpnonce=" + strings.TrimSpace(last.body) }, func(heard) (string, string) { return contentType, content }))
}

func (w *wordpress) write(t *testing.T) {
	w.rest(http.MethodPost, "/index.php?rest_route=/wp/v2/posts", 201, "application/json", `{"title":"Grüße","content":"<!-- wp:paragraph --><p>Written in the editor.</p><!-- /wp:paragraph -->","status":"publish","slug":"greetings"}`)
	w.contain("Written in the editor")
	w.post = regexp.MustCompile(`"id":(\d+)`).FindStringSubmatch(w.last[0].body + `"id":0`)[1]
	w.postPath = "/index.php?rest_route=/wp/v2/posts/" + w.post // nginx lets no PUT through to "/"
	w.rest(http.MethodPut, w.postPath, 200, "application/json", `{"excerpt":"short"}`)
	w.rest(http.MethodGet, "/index.php?rest_route=/wp/v2/posts&context=edit", 200, "", "")
	w.headers = map[string]string{"Content-Disposition": `attachment; filename="by-rest.png"`}
	w.rest(http.MethodPost, "/index.php?rest_route=/wp/v2/media", 201, "image/png", picture(t, 700, 500))
	w.headers = nil
	w.contain("by-rest")

	w.get("/wp-admin/media-new.php", 200)
	w.upload("/wp-admin/async-upload.php", 200, "async-upload", "by form.png", picture(t, 600, 400), func(page string) url.Values {
		return url.Values{"name": {"by form.png"}, "action": {"upload-attachment"}, "_wpnonce": {nonce(page, `"_wpnonce":"`)}}
	})
	w.contain(`"success":true`)
	month := time.Now().UTC().Format("2006/01")
	for _, name := range []string{"by-rest.png", "by-form.png", "by-form-150x150.png", "by-form-300x200.png"} {
		w.get("/wp-content/uploads/"+month+"/"+name, 200)
	}
	w.get("/wp-admin/post.php?post=1&action=edit", 200)
	w.submit("/wp-admin/post.php", 302, func(page string) url.Values {
		return url.Values{"action": {"editpost"}, "post_ID": {"1"}, "post_type": {"post"}, "post_title": {"Hello again"}, "content": {"Changed by the form."}, "_wpnonce": {nonce(page, `name="_wpnonce" value="`)}}
	})
	w.rest(http.MethodDelete, w.postPath+"&force=false", 200, "", "")
	w.rest(http.MethodPost, w.postPath, 200, "application/json", `{"status":"publish","slug":"greetings"}`)
	w.get("/?p="+w.post, 200)
	w.contain("Written in the editor.")
}

// picture is a PNG.
func picture(t *testing.T, width, height int) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (w *wordpress) permalinks(t *testing.T) {
	w.get("/wp-admin/options-permalink.php", 200)
	w.submit("/wp-admin/options-permalink.php", 302, func(page string) url.Values {
		return url.Values{"_wpnonce": {nonce(page, `name="_wpnonce" value="`)}, "selection": {"custom"}, "permalink_structure": {"/%year%/%postname%/"}, "category_base": {""}, "tag_base": {""}, "submit": {"Save Changes"}}
	})
	year := time.Now().UTC().Format("2006")
	for _, path := range []string{"/" + year + "/greetings/", "/sample-page/", "/category/uncategorized/", "/author/anna/", "/feed/", "/comments/feed/", "/" + year + "/greetings/feed/", "/" + year + "/", "/wp-json/", "/wp-json/wp/v2/posts?per_page=1",
		"/wp-json/wp/v2/search?search=editor", "/robots.txt", "/wp-json/oembed/1.0/embed?url=http%3A%2F%2Fwww.example%2Fsample-page%2F", "/" + year + "/greetings/embed/"} {
		w.get(path, 200)
	}
	for _, path := range []string{"/" + year + "/greetings", "/?p=" + w.post, "/sample-page"} {
		w.get(path, 301)
	}
	w.get("/favicon.ico", 302)
	w.get("/"+year+"/missing/", 404)
	w.get("/wp-json/missing", 404)
	w.get("/wp-admin/options-permalink.php", 200)
}

func (w *wordpress) comment(t *testing.T) {
	form := []string{"comment", "Nice <b>post</b>", "author", "Bert", "email", "bert@www.example", "url", "", "comment_post_ID", w.post, "comment_parent", "0", "submit", "Post Comment"}
	readers := w.anonymous()
	readers.submit("/wp-comments-post.php", 302, fixed(form...))
	readers.submit("/wp-comments-post.php", 409, fixed(form...)) // the same again
	readers.submit("/wp-comments-post.php", 200, fixed("comment_post_ID", w.post, "comment", "x"))
	w.get("/wp-admin/edit-comments.php?comment_status=moderated", 200)
	w.contain("Nice <b>post</b>")
	w.rest(http.MethodPost, "/index.php?rest_route=/wp/v2/comments/2", 200, "application/json", `{"status":"approved"}`)
	readers.get("/"+time.Now().UTC().Format("2006")+"/greetings/", 200)
	readers.contain("Nice <b>post</b>")
}

func (w *wordpress) cron(t *testing.T) {
	w.get("/wp-cron.php", 200)
	w.submit("/wp-cron.php?doing_wp_cron=1", 200, fixed())
}

func (w *wordpress) logout(t *testing.T) {
	w.get("/wp-admin/", 200)
	w.want(302, "logout")(w.each(http.MethodGet, func(last heard) string {
		return "/wp-login.php?action=logout&_wpnonce=" + nonce(last.body, `action=logout&(?:amp;|#038;)?_wpnonce=`)
	}, nil))
	w.get("/wp-admin/", 302)
}

// multisite makes a network of the site, by the wizard, and a second site under a name of
// its own.
func (w *wordpress) multisite(t *testing.T) {
	multi := func(text string) {
		for _, root := range []string{w.pairing.root, w.pairing.ours} {
			put(t, filepath.Dir(root), map[string]string{"multisite.php": "<?php " + text})
		}
	}
	multi("define('WP_ALLOW_MULTISITE', true);")
	w.login(t)
	w.get("/wp-admin/network.php", 200)
	w.contain("Network Title")
	w.submit("/wp-admin/network.php", 200, func(page string) url.Values {
		return url.Values{"_wpnonce": {nonce(page, `name="_wpnonce" value="`)}, "subdomain_install": {"1"}, "sitename": {"Both"}, "email": {"anna@www.example"}, "submit": {"Install"}}
	})
	w.contain("SUBDOMAIN_INSTALL")
	multi("define('WP_ALLOW_MULTISITE', true); define('MULTISITE', true); define('SUBDOMAIN_INSTALL', true); define('DOMAIN_CURRENT_SITE', 'www.example'); define('PATH_CURRENT_SITE', '/'); define('SITE_ID_CURRENT_SITE', 1); define('BLOG_ID_CURRENT_SITE', 1);")
	w.get("/wp-login.php", 200)
	w.login(t)
	w.get("/wp-admin/network/", 200)
	w.get("/wp-admin/network/sites.php", 200)
	w.get("/wp-admin/network/site-new.php", 200)
	w.submit("/wp-admin/network/site-new.php?action=add-site", 302, func(page string) url.Values {
		return url.Values{"_wpnonce_add-blog": {nonce(page, `name="_wpnonce_add-blog" value="`)}, "blog[domain]": {"two"}, "blog[title]": {"Second"}, "blog[email]": {"anna@www.example"}}
	})
	w.host = "two.example" // WordPress leaves the www out
	w.get("/", 200)
	w.contain("Second")
	w.get("/wp-admin/", 302)
	w.host = "unknown.example"
	w.get("/", 302)
	w.host = "www.example"
	w.get("/", 200)
	w.contain(fmt.Sprintf("%cn", 'Ü'))
}
