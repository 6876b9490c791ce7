package watch

import (
	"path/filepath"
	"testing"
)

func TestAPatternMatchesWhatItNames(t *testing.T) {
	for _, c := range []struct {
		dir, pattern, base string
		matches, others    []string
	}{
		{"/srv", "*.php", "/srv/", []string{"/srv/a.php", "/srv/.php"}, []string{"/srv/a/b.php", "/srv/a.phpx", "/a.php", "/srv/aXphp"}},
		{"/srv", "**/*.php", "/srv/", []string{"/srv/a.php", "/srv/a/b/c.php"}, []string{"/srv/a.txt", "/srva/b.php"}},
		{"/srv", "**", "/srv/", []string{"/srv/a", "/srv/a/b"}, []string{"/srva"}},
		{"/srv", "app/**/x.{php,env}", "/srv/app/", []string{"/srv/app/x.php", "/srv/app/b/x.env"}, []string{"/srv/app/x.txt", "/srv/x.php"}},
		{"/srv", "a?.php", "/srv/", []string{"/srv/ab.php"}, []string{"/srv/a.php", "/srv/a/.php"}},
		{"/srv", "config/app.yaml", "/srv/config/", []string{"/srv/config/app.yaml"}, []string{"/srv/config/appXyaml"}},
		{"/srv", "../lib/*.php", "/lib/", []string{"/lib/a.php"}, []string{"/srv/lib/a.php"}},
		{"/srv", "/etc/*.ini", "/etc/", []string{"/etc/php.ini"}, []string{"/srv/etc/php.ini"}},
		{"/srv", ".env*", "/srv/", []string{"/srv/.env", "/srv/.env.local"}, []string{"/srv/xenv"}},
		{"/srv", "a}b,c", "/srv/", []string{"/srv/a}b,c"}, []string{"/srv/ab"}},
		// The folder is a name, whatever is in it.
		{"/srv/{app}", "*.php", "/srv/{app}/", []string{"/srv/{app}/a.php"}, []string{"/srv/app/a.php"}},
		{"/srv/a*", "*.php", "/srv/a*/", []string{"/srv/a*/a.php"}, []string{"/srv/ab/a.php"}},
		{"/srv/{app}", "../*.php", "/srv/", []string{"/srv/a.php"}, []string{"/srv/app/a.php"}},
		{"/", "*.php", "/", []string{"/a.php"}, []string{"/a/b.php"}},
	} {
		g, err := compileGlob(filepath.FromSlash(c.pattern), filepath.FromSlash(c.dir))
		if err != nil {
			t.Errorf("%s in %s: %v", c.pattern, c.dir, err)
			continue
		}
		if g.base != filepath.FromSlash(c.base) {
			t.Errorf("%s in %s is looked for in %s; want %s", c.pattern, c.dir, g.base, c.base)
		}
		for _, path := range c.matches {
			if !g.matches(filepath.FromSlash(path)) {
				t.Errorf("%s in %s does not match %s", c.pattern, c.dir, path)
			}
		}
		for _, path := range c.others {
			if g.matches(filepath.FromSlash(path)) {
				t.Errorf("%s in %s matches %s", c.pattern, c.dir, path)
			}
		}
	}
}

func TestAPatternThatIsNoneIsAnError(t *testing.T) {
	if _, err := compileGlob("*.{php", "/srv"); err == nil {
		t.Error("a brace without an end was taken")
	}
}
