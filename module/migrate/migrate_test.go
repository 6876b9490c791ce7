package migrate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module/migrate/fpmconf"
	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

var update = flag.Bool("update", false, "rewrite the Caddyfiles and the notes of testdata")

// scene is a configuration of testdata: what is read, and the result.
type scene struct {
	folder     string
	nginx      string
	directives []*nginxconf.Directive
	sections   []fpmconf.Section
	*Result
}

// scenes are all of testdata.
func scenes(t *testing.T) (all []scene) {
	t.Helper()
	folders, err := filepath.Glob("testdata/*/*.conf")
	for i, file := range folders {
		folders[i] = filepath.Dir(file)
	}
	folders = slices.Compact(folders)
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d configurations, %v", len(folders), err)
	}
	for _, folder := range folders {
		s := scene{folder: folder}
		var pools []string
		files, _ := filepath.Glob(filepath.Join(folder, "*.conf"))
		for _, file := range files {
			if name := filepath.Base(file); name == "nginx.conf" || name == "site.conf" {
				s.nginx = file
			} else {
				pools = append(pools, file)
			}
		}
		if s.Result, err = Files(s.nginx, pools...); err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		s.directives, _ = nginxconf.Load(s.nginx)
		s.sections, _ = fpmconf.Load(pools...)
		all = append(all, s)
	}
	return all
}

func TestRealConfigurationsBecomeTheRecordedCaddyfiles(t *testing.T) {
	for _, s := range scenes(t) {
		var notes strings.Builder
		fmt.Fprintln(&notes, "Left:")
		for _, n := range s.Left {
			fmt.Fprintln(&notes, n)
		}
		fmt.Fprintln(&notes, "\nDone:")
		for _, n := range s.Done {
			fmt.Fprintln(&notes, n)
		}
		for name, got := range map[string]string{"Caddyfile": s.Caddyfile, "notes.txt": notes.String()} {
			path := filepath.Join(s.folder, name)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s: got:\n%s\nwant:\n%s", path, got, want)
			}
		}
	}
}

// place is one or several lines of a file.
var place = regexp.MustCompile(`([^\s:]+):(\d+(?:,\d+)*)`)

// missing are the directives that are in neither the Caddyfile nor the notes.
func (s scene) missing() (lost []string) {
	said := s.Caddyfile
	for _, n := range slices.Concat(s.Left, s.Done) {
		said += "\n" + n.String()
	}
	places := make(map[string]bool)
	for _, m := range place.FindAllStringSubmatch(said, -1) {
		for number := range strings.SplitSeq(m[2], ",") {
			places[m[1]+":"+number] = true
		}
	}
	var walk func(block []*nginxconf.Directive)
	walk = func(block []*nginxconf.Directive) {
		for _, d := range block {
			named := slices.ContainsFunc(slices.Concat(s.Left, s.Done), func(n Note) bool { return n.From == d.Pos.String() && d.Block != nil })
			if !places[d.Pos.String()] && d.Name != "http" && d.Name != "events" {
				lost = append(lost, d.Pos.String()+" "+d.String())
			}
			if !named { // else its block is what was named
				walk(d.Block)
			}
		}
	}
	walk(s.directives)
	for _, section := range s.sections {
		if !places[section.Pos.String()] && section.Name != "global" && len(s.sections) > 1 {
			lost = append(lost, section.Pos.String()+" "+section.Name)
		}
		for _, setting := range section.Settings {
			if !places[setting.Pos.String()] && !slices.ContainsFunc(s.Left, func(n Note) bool { return n.From == section.Pos.String() }) {
				lost = append(lost, setting.Pos.String()+" "+setting.String())
			}
		}
	}
	return lost
}

func TestNoLineOfARealConfigurationIsDroppedSilently(t *testing.T) {
	for _, s := range scenes(t) {
		for _, lost := range s.missing() {
			t.Errorf("%s: nothing is said of %s", s.folder, lost)
		}
	}
}
