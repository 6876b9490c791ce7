package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// caddyModule is the module whose version caddy_version is.
const caddyModule = "github.com/caddyserver/caddy/v2"

// recipe is the content of xcaddy.toml.
type recipe struct {
	CaddyVersion string   `toml:"caddy_version"`
	BuildFlags   string   `toml:"build_flags"` // quoted as in a shell
	Cgo          bool     `toml:"cgo"`
	RaceDetector bool     `toml:"race_detector"`
	Plugins      []plugin `toml:"plugins"`
}

// plugin is a Go module that is built in.
type plugin struct {
	ModulePath  string `toml:"module_path"`
	Version     string `toml:"version"`
	Replacement string `toml:"replacement"` // a folder to build instead of the version
}

// goMod is what of go.mod the recipe must agree with.
type goMod struct {
	Module  struct{ Path string }
	Require []struct{ Path, Version string }
}

// readRecipe reads a recipe; a key it does not know is an error.
func readRecipe(file string) (recipe, error) {
	var r recipe
	meta, err := toml.DecodeFile(file, &r)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return r, fmt.Errorf("%w: run this in the root of the repository", err)
		}
		return r, fmt.Errorf("reading %s: %w", file, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return r, fmt.Errorf("reading %s: unknown key %q", file, unknown[0].String())
	}
	return r, nil
}

// readGoMod reads a go.mod by means of the go command.
func readGoMod(ctx context.Context, file string) (goMod, error) {
	var mod goMod
	out, err := exec.CommandContext(ctx, "go", "mod", "edit", "-json", file).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return mod, fmt.Errorf("reading %s: %w", file, err)
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return mod, fmt.Errorf("reading %s: %w", file, err)
	}
	return mod, nil
}

// check reports where the recipe says something else than go.mod. The go command
// builds what go.mod says, so only agreement makes the recipe true; another
// plugin is for xcaddy.
func (r recipe) check(mod goMod) error {
	i := slices.IndexFunc(mod.Require, func(m struct{ Path, Version string }) bool { return m.Path == caddyModule })
	switch {
	case i < 0:
		return fmt.Errorf("go.mod does not require %s", caddyModule)
	case mod.Require[i].Version != r.CaddyVersion:
		return fmt.Errorf("caddy_version is %q but go.mod requires %s", r.CaddyVersion, mod.Require[i].Version)
	case len(r.Plugins) != 1:
		return fmt.Errorf("%d plugins, but only this module can be built here: add others to the xcaddy command line", len(r.Plugins))
	case r.Plugins[0].ModulePath != mod.Module.Path:
		return fmt.Errorf("module_path is %q but go.mod says %s", r.Plugins[0].ModulePath, mod.Module.Path)
	}
	_, err := split(r.BuildFlags)
	return err
}

// cgo is the value of CGO_ENABLED. The race detector needs cgo.
func (r recipe) cgo() string {
	if r.Cgo || r.RaceDetector {
		return "1"
	}
	return "0"
}

// goBuild returns the environment and the arguments of the go command.
func (r recipe) goBuild(output string) (env, args []string, err error) {
	flags, err := split(r.BuildFlags)
	if err != nil {
		return nil, nil, err
	}
	args = []string{"build", "-o", output}
	if r.RaceDetector {
		args = append(args, "-race")
	}
	args = append(args, flags...)
	return []string{"CGO_ENABLED=" + r.cgo()}, append(args, "./cmd/caddy"), nil
}

// xcaddy returns the command line, for a shell, by which xcaddy builds the same.
func (r recipe) xcaddy(output string) string {
	words := []string{"CGO_ENABLED=" + r.cgo()}
	if r.RaceDetector {
		words = append(words, "XCADDY_RACE_DETECTOR=1")
	}
	if r.BuildFlags != "" {
		words = append(words, "XCADDY_GO_BUILD_FLAGS="+quote(r.BuildFlags))
	}
	words = append(words, "xcaddy", "build", quote(r.CaddyVersion))
	for _, p := range r.Plugins {
		with := p.ModulePath
		if p.Version != "" {
			with += "@" + p.Version
		}
		if p.Replacement != "" {
			with += "=" + p.Replacement
		}
		words = append(words, "--with", quote(with))
	}
	return strings.Join(append(words, "--output", quote(output)), " ")
}
