package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// complete is a recipe that go.mod agrees with once its versions are filled in.
const complete = `
caddy_version = "v2.0.0"
build_flags = '-trimpath -ldflags="-w -s"'
[[plugins]]
module_path = "example.com/plugin"
version = "v1.2.3"
`

const agreeing = "module example.com/plugin\n\nrequire github.com/caddyserver/caddy/v2 v2.0.0\n"

// inFolder runs the command in a folder with these two files and returns what it
// printed.
func inFolder(t *testing.T, xcaddyTOML, goMod string, args ...string) (string, error) {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"xcaddy.toml": xcaddyTOML, "go.mod": goMod} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(folder)
	var out, messages strings.Builder
	err := run(t.Context(), args, &out, &messages)
	return out.String(), err
}

func TestTheRecipeOfTheRepositoryAgreesWithItsGoMod(t *testing.T) {
	t.Chdir("../..")
	recipe, err := readRecipe("xcaddy.toml")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := readGoMod(t.Context(), "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if err := recipe.check(mod); err != nil {
		t.Fatal(err)
	}
}

func TestARecipeThatCannotBeTrueIsRefused(t *testing.T) {
	for name, test := range map[string]struct{ recipe, goMod, want string }{
		"unknown key":           {complete + "vesion = 'x'\n", agreeing, `unknown key "plugins.vesion"`},
		"unknown table":         {complete + "[targets]\nos = 'linux'\n", agreeing, `unknown key "targets`},
		"no TOML":               {"caddy_version =", agreeing, "reading xcaddy.toml"},
		"wrong type":            {"caddy_version = 2", agreeing, "reading xcaddy.toml"},
		"another Caddy":         {strings.Replace(complete, "v2.0.0", "v2.0.1", 1), agreeing, `caddy_version is "v2.0.1" but go.mod requires v2.0.0`},
		"no Caddy":              {complete, "module example.com/plugin\n", "go.mod does not require github.com/caddyserver/caddy/v2"},
		"another module":        {strings.Replace(complete, "/plugin", "/other", 1), agreeing, `module_path is "example.com/other" but go.mod says example.com/plugin`},
		"a second plugin":       {complete + "[[plugins]]\nmodule_path = 'example.com/x'\n", agreeing, "2 plugins, but only this module can be built here"},
		"no plugin":             {"caddy_version = 'v2.0.0'", agreeing, "0 plugins"},
		"an unclosed quote":     {strings.Replace(complete, `-s"`, `-s`, 1), agreeing, `no closing "`},
		"a go.mod that is none": {complete, "modul x\n", "reading go.mod"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := inFolder(t, test.recipe, test.goMod, "--print")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
			if out != "" {
				t.Errorf("printed %q", out)
			}
		})
	}
}

func TestOutsideOfTheRepositoryTheErrorSaysWhereToRun(t *testing.T) {
	t.Chdir(t.TempDir())
	var out strings.Builder
	err := run(t.Context(), nil, &out, &out)
	if err == nil || !strings.Contains(err.Error(), "run this in the root of the repository") {
		t.Errorf("got %v", err)
	}
}

func TestPrintGivesTheXcaddyCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		recipe, want string
		args         []string
	}{
		"a release": {
			recipe: complete,
			want:   `CGO_ENABLED=0 XCADDY_GO_BUILD_FLAGS='-trimpath -ldflags="-w -s"' xcaddy build v2.0.0 --with example.com/plugin@v1.2.3 --output caddy`,
		},
		"a checkout, with another output": {
			recipe: complete + "replacement = '.'\n",
			args:   []string{"-o", "bin/my caddy"},
			want:   `CGO_ENABLED=0 XCADDY_GO_BUILD_FLAGS='-trimpath -ldflags="-w -s"' xcaddy build v2.0.0 --with example.com/plugin@v1.2.3=. --output 'bin/my caddy'`,
		},
		"with the race detector": {
			recipe: "race_detector = true\ncaddy_version = 'v2.0.0'\n[[plugins]]\nmodule_path = 'example.com/plugin'\n",
			want:   `CGO_ENABLED=1 XCADDY_RACE_DETECTOR=1 xcaddy build v2.0.0 --with example.com/plugin --output caddy`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := inFolder(t, test.recipe, agreeing, append(test.args, "--print")...)
			if err != nil || got != test.want+"\n" {
				t.Errorf("got %q, error %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestTheGoCommandGetsTheFlagsOfTheRecipe(t *testing.T) {
	for name, test := range map[string]struct {
		recipe recipe
		env    string
		args   []string
	}{
		"without cgo":            {recipe{BuildFlags: `-trimpath -ldflags="-w -s"`}, "CGO_ENABLED=0", []string{"build", "-o", "x", "-trimpath", "-ldflags=-w -s", "./cmd/caddy"}},
		"with cgo":               {recipe{Cgo: true}, "CGO_ENABLED=1", []string{"build", "-o", "x", "./cmd/caddy"}},
		"with the race detector": {recipe{RaceDetector: true}, "CGO_ENABLED=1", []string{"build", "-o", "x", "-race", "./cmd/caddy"}},
	} {
		t.Run(name, func(t *testing.T) {
			env, args, err := test.recipe.goBuild("x")
			if err != nil || !slices.Equal(env, []string{test.env}) || !slices.Equal(args, test.args) {
				t.Errorf("got %q %q, error %v", env, args, err)
			}
		})
	}
}

func TestAFailedBuildIsAnError(t *testing.T) {
	// The folder has no cmd/caddy.
	if _, err := inFolder(t, complete, agreeing); err == nil || !strings.Contains(err.Error(), "running go build") {
		t.Errorf("got %v", err)
	}
}

func TestSplitAndQuoteReadEachOther(t *testing.T) {
	for _, words := range [][]string{
		{"-trimpath"}, {"-ldflags=-w -s", "x"}, {""}, {"a\"b", "c d"}, {"tab\tbed", "new\nline"},
	} {
		got, err := split(strings.Join(quoted(words), "  "))
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("%q became %q, error %v", words, got, err)
		}
	}
	if got := quote("it's"); got != `'it'\''s'` {
		t.Errorf("got %s", got)
	}
}
