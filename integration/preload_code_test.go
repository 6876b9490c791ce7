package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// coded is a site that preloads an application of these files below current/, with a map of classes for its autoloader and the code of
// its script, which may say with $there what was there before it.
func coded(t *testing.T, kind, code, classes string, files map[string]string, options ...string) preloading {
	p := preloading{dir: filepath.Dir(scripts(t))}
	files["map.php"] = "<?php return " + classes + ";"
	files["public/index.php"] = `<?php
		$there = implode(' ', array_filter(array_keys($map = require __DIR__ . '/../map.php'), fn($class) => class_exists($class, false)));
		spl_autoload_register(function ($class) use ($map) { require __DIR__ . '/../' . $map[$class]; });
		` + code
	put(t, filepath.Join(p.dir, "current"), files)
	port := freePorts(t, 1)[0]
	p.url = base(port)
	p.server = start(t, on(port, classicSite("/nowhere", append(options, "root "+p.root(), "name app", "workers 2", "resolve_root restart", "preload auto",
		"ini opcache.file_update_protection 0", "php "+phpOfKind(t, kind))...)))
	return p
}

// says wants the application to answer so.
func (p preloading) says(t *testing.T, query, want string) {
	t.Helper()
	if status, body := get(t, p.url+"/?"+query); status != http.StatusOK || body != want {
		t.Errorf("%q: status %d, %q, want %q", query, status, body, want)
	}
}

func TestAFileOfAnyNameIsPreloaded(t *testing.T) {
	t.Parallel()
	eachPHPKind(t, func(t *testing.T, kind string) {
		const folder = "o\nd'\"d$x\xff\\ é/"
		quoted := `"` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`, "$", `\$`).Replace(folder)
		p := coded(t, kind, `echo N\A::X, $there;`, `['N\A' => `+quoted+`A.php"]`, map[string]string{folder + "A.php": "<?php namespace N; class A { const X = 1; }"})
		p.says(t, "", "1")
		p.restart()
		p.says(t, "", `1N\A`)
	})
}

func TestAPreloadedClassTakesTheConstantsOfItsRequest(t *testing.T) {
	t.Parallel()
	eachPHPKind(t, func(t *testing.T, kind string) {
		p := coded(t, kind, `define('N\MODE', $_GET['mode']); define('MODE', $_GET['mode']);
			echo N\A::X, N\A::$s, count(N\A::$all), (new N\A)->p, N\A::f(), N\E::X, N\E::from('one')->name, ' ', $there;
			N\A::$s = 'changed'; N\A::$all[] = 1;`, `['N\A' => 'A.php', 'N\E' => 'E.php']`, map[string]string{
			"A.php": `<?php namespace N; class A { const X = MODE; public static $s = \MODE; public static $all = []; public $p = self::X; static function f($x = MODE) { static $n = MODE; return $x . $n .= '+'; } }`,
			"E.php": `<?php namespace N; enum E: string { case One = 'one'; const X = MODE; }`,
		})
		for _, there := range []string{"", `N\A N\E`, `N\A N\E`} {
			for _, mode := range []string{"a", "b", "a"} {
				p.says(t, "mode="+mode, strings.ReplaceAll("MM0MMM+MOne ", "M", mode)+there)
			}
			p.restart()
		}
	})
}

// The file that it was loaded from is still there, and as it was.
func TestAClassThatCountsInAnotherFileNowIsNotPreloadedFromTheOld(t *testing.T) {
	t.Parallel()
	eachPHPKind(t, func(t *testing.T, kind string) {
		p := coded(t, kind, `echo N\A::X, ' ', $there;`, `['N\A' => 'vendor/A.php']`, map[string]string{
			"vendor/A.php": "<?php namespace N; class A { const X = 'vendor'; }", "own/A.php": "<?php namespace N; class A { const X = 'own'; }",
		})
		deploy := func(own string) {
			t.Helper()
			put(t, filepath.Join(p.dir, "current"), map[string]string{"map.php": "<?php return ['N\\A' => '" + own + "/A.php'];"})
		}
		p.says(t, "", "vendor ")
		p.restart()
		p.restart() // no request has looked at the map
		deploy("own")
		p.restart()
		p.waitLog("nothing is preloaded until the next restart: a file has changed since PHP was started")
		p.says(t, "", "own ")
		p.restart()
		p.says(t, "", `own N\A`)

		deploy("vendor")
		if err := os.Remove(filepath.Join(p.dir, "current", "own", "A.php")); err != nil {
			t.Fatal(err)
		}
		p.restart()
		p.says(t, "", "vendor ")
		p.restart()
		p.says(t, "", `vendor N\A`)
	})
}

func TestAnotherUserPreloads(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	name, _, _ := www(t)
	eachPHPKind(t, func(t *testing.T, kind string) {
		p := coded(t, kind, `echo N\A::X, ' ', $there;`, `['N\A' => 'A.php']`, map[string]string{"A.php": "<?php namespace N; class A { const X = 1; }"}, "user "+name, "dir /")
		for dir := p.dir; dir != os.TempDir(); dir = filepath.Dir(dir) { // which a test has for itself
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		p.says(t, "", "1 ")
		p.restart()
		p.says(t, "", `1 N\A`)
	})
}
