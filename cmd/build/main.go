// Command build makes the Caddy that xcaddy.toml describes:
//
//	go run ./cmd/build [-o <file>] [--print]
//
// It runs in the root of the repository, where xcaddy.toml and go.mod are, and
// needs the go command alone. With --print it builds nothing and prints the
// xcaddy command line that makes the same program. GOOS, GOARCH and the other
// variables of the go command have their usual meaning.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// run reads the files of the current folder and builds or prints.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.SetOutput(stderr)
	output := flags.String("o", "caddy", "write the program to `file`")
	printOnly := flags.Bool("print", false, "print the xcaddy command line instead of building")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	recipe, err := readRecipe("xcaddy.toml")
	if err != nil {
		return err
	}
	mod, err := readGoMod(ctx, "go.mod")
	if err != nil {
		return err
	}
	if err := recipe.check(mod); err != nil {
		return err
	}
	if *printOnly {
		_, err := fmt.Fprintln(stdout, recipe.xcaddy(*output))
		return err
	}

	env, goArgs, err := recipe.goBuild(*output)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, strings.Join(env, " "), "go", strings.Join(quoted(goArgs), " "))
	build := exec.CommandContext(ctx, "go", goArgs...)
	build.Env = append(os.Environ(), env...)
	build.Stdout, build.Stderr = stdout, stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("running go build: %w", err)
	}
	return nil
}
