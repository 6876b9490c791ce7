package module

import (
	"errors"
	"fmt"
	"io"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/phpworker/caddy-php-worker/module/migrate"
)

// exitLeft is the exit status of a migration of which something is left to a person.
const exitLeft = 3

// errLeft makes it so; the lines that are left have been printed.
var errLeft = errors.New("not everything has a counterpart: look at the lines above")

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate <nginx.conf> [<www.conf>...]", Short: "Writes the Caddyfile for what nginx and PHP-FPM served",
		Long: `Reads the servers of an nginx configuration, the main file or that of one site, and the pools of PHP-FPM
behind them, and prints a Caddyfile. Each line says where it comes from; what has no
counterpart is in a comment at its place, and is listed on standard error.

Nothing is changed, and Caddy need not run. Includes are read.

Exit status: 0 when everything has been carried over, or needs no line in a Caddyfile,
1 when the files cannot be read, 2 when the command line is wrong,
3 when the Caddyfile has been printed and something is left for you to look at.`,
		Args: takes(cobra.MinimumNArgs(1)), RunE: runs(cmdMigrate),
	}
	cmd.Flags().Bool("all", false, "List also what needs no line, and why")
	return cmd
}

func cmdMigrate(fl caddycmd.Flags) (int, error) {
	args := fl.Args()
	result, err := migrate.Files(args[0], args[1:]...)
	if err != nil {
		return exitRefused, err
	}
	fmt.Print(result.Caddyfile)
	printNotes(os.Stderr, result, fl.Bool("all"))
	if len(result.Left) > 0 {
		return exitLeft, errLeft
	}
	return 0, nil
}

// printNotes writes what is left, and how much, or with all set what, needs no line.
func printNotes(out io.Writer, result *migrate.Result, all bool) {
	for _, n := range result.Left {
		fmt.Fprintln(out, n)
	}
	switch n := len(result.Done); {
	case all:
		fmt.Fprintln(out, "These need no line:")
		for _, n := range result.Done {
			fmt.Fprintln(out, n)
		}
	case n > 0:
		fmt.Fprintf(out, "%d directives need no line; --all lists them.\n", n)
	}
}
