package module

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "php-worker",
		Short: "Lists, restarts and scales the pools of a running Caddy",
		Long: `
Talks to the admin endpoint of a running Caddy, found as "caddy reload" finds it.

Exit status: 0 when done, 1 when Caddy refused or the restart was aborted,
2 when the command line is wrong or Caddy cannot be reached.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.PersistentFlags().String("address", "", "Address of the admin endpoint, if it is not the default")
			cmd.PersistentFlags().StringP("config", "c", "", "Configuration file that names the admin endpoint")
			cmd.PersistentFlags().StringP("adapter", "a", "", "Config adapter of that file")
			cmd.SetFlagErrorFunc(usageError)
			cmd.Args = takes(cobra.NoArgs)
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			list := &cobra.Command{
				Use: "list", Short: "Shows the pools and their workers", Args: takes(cobra.NoArgs),
				RunE: caddycmd.WrapCommandFuncForCobra(cmdList),
			}
			list.Flags().Bool("json", false, "Print JSON")
			restart := &cobra.Command{
				Use: "restart [<pool>...]", Short: "Replaces all workers, one at a time, and waits for the outcome",
				Long: "Replaces the workers of the named pools, or of all pools. If a new worker cannot start, the old ones keep serving.",
				RunE: caddycmd.WrapCommandFuncForCobra(cmdRestart),
			}
			restart.Flags().Bool("no-wait", false, "Return at once")
			scale := &cobra.Command{
				Use: "scale <pool> <min> [<max>]", Short: "Changes the number of workers until the pool's settings change",
				Args: takes(cobra.RangeArgs(2, 3)), RunE: caddycmd.WrapCommandFuncForCobra(cmdScale),
			}
			cmd.AddCommand(list, restart, scale)
		},
	})
}

const (
	exitRefused = 1
	exitUsage   = 2
)

// takes makes a wrong number of arguments end the program with exitUsage; cobra
// alone would end it with 1.
func takes(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error { return usageError(cmd, args(cmd, given)) }
}

func usageError(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return exitUsage, err })(cmd, nil)
}

// call sends a request to the admin endpoint and decodes the answer into out. The
// returned code is what the program shall exit with on an error.
func call(fl caddycmd.Flags, method, path string, body, out any) (int, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(fl.String("address"), nil, fl.String("config"), fl.String("adapter"))
	if err != nil {
		return exitUsage, fmt.Errorf("finding the admin endpoint: %w", err)
	}
	var payload io.Reader
	headers := make(http.Header)
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return exitUsage, err
		}
		payload = bytes.NewReader(encoded)
		headers.Set("Content-Type", "application/json")
	}
	response, err := caddycmd.AdminAPIRequest(address, method, path, headers, payload)
	if err != nil {
		var refused caddy.APIError
		if errors.As(err, &refused) || strings.Contains(err.Error(), "HTTP ") {
			return exitRefused, err
		}
		return exitUsage, fmt.Errorf("is Caddy running? %w", err)
	}
	defer response.Body.Close()
	if out == nil {
		return 0, nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return exitRefused, fmt.Errorf("reading the answer: %w", err)
	}
	return 0, nil
}

func poolPath(name string, more string) string {
	return "/php_worker/pools/" + url.PathEscape(name) + more
}

func cmdList(fl caddycmd.Flags) (int, error) {
	var all []poolStatus
	if code, err := call(fl, http.MethodGet, "/php_worker/pools", nil, &all); err != nil {
		return code, err
	}
	if fl.Bool("json") {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return 0, encoder.Encode(all)
	}
	return 0, printPools(os.Stdout, all, time.Now())
}

// printPools writes one table of pools and one of workers.
func printPools(out io.Writer, all []poolStatus, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POOL\tWORKERS\tMIN\tMAX\tQUEUE\tRESTARTS\tSTATE")
	for _, p := range all {
		restarts := 0
		for _, n := range p.Restarts {
			restarts += n
		}
		state := "ok"
		switch {
		case p.LastError != "":
			state = "failing"
		case p.Restarting:
			state = "restarting"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", p.Name, len(p.Workers), p.Min, p.Max, p.Queue, restarts, state)
	}
	fmt.Fprintln(w, "\t\t\t\t\t\t")
	fmt.Fprintln(w, "PID\tPOOL\tSTATE\tREQUESTS\tMEMORY\tAGE\tBUSY")
	for _, p := range all {
		for _, k := range p.Workers {
			state := k.State
			if k.Due != "" {
				state += " (" + k.Due + ")"
			}
			busy := ""
			if k.BusyMS > 0 {
				busy = time.Duration(k.BusyMS * float64(time.Millisecond)).Round(time.Millisecond).String()
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\t%s\n", k.PID, p.Name, state, k.Requests,
				humanize.IBytes(uint64(k.MemoryBytes)), now.Sub(k.Started).Round(time.Second), busy)
		}
	}
	return w.Flush()
}

func cmdRestart(fl caddycmd.Flags) (int, error) {
	names := fl.Args()
	if len(names) == 0 {
		var all []poolStatus
		if code, err := call(fl, http.MethodGet, "/php_worker/pools", nil, &all); err != nil {
			return code, err
		}
		for _, p := range all {
			names = append(names, p.Name)
		}
	}
	for _, name := range names {
		path := poolPath(name, "/restart")
		if !fl.Bool("no-wait") {
			path += "?wait=true"
		}
		var outcome struct{ Status string }
		if code, err := call(fl, http.MethodPost, path, nil, &outcome); err != nil {
			return code, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s: %s\n", name, outcome.Status)
	}
	return 0, nil
}

func cmdScale(fl caddycmd.Flags) (int, error) {
	args := fl.Args()
	size := make(map[string]int)
	for i, key := range []string{"min", "max"} {
		if i+1 >= len(args) {
			break
		}
		n, err := strconv.Atoi(args[i+1])
		if err != nil {
			return exitUsage, fmt.Errorf("%q is not a number of workers", args[i+1])
		}
		size[key] = n
	}
	var p poolStatus
	if code, err := call(fl, http.MethodPost, poolPath(args[0], "/scale"), size, &p); err != nil {
		return code, err
	}
	fmt.Printf("%s: between %d and %d workers\n", p.Name, p.Min, p.Max)
	return 0, nil
}
