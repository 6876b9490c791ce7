package module

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "php-worker",
		Short: "Lists, restarts and scales the pools of a running Caddy, ends workers, and migrates from nginx",
		Long: `
Talks to the admin endpoint of a running Caddy, found as "caddy reload" finds it; migrate only reads files.

Exit status: 0 when done, 1 when Caddy refused or the restart was aborted,
2 when the command line is wrong or Caddy cannot be reached. "migrate" has its own.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.PersistentFlags().String("address", "", "Address of the admin endpoint, if it is not the default")
			cmd.PersistentFlags().StringP("config", "c", "", "Configuration file that names the admin endpoint")
			cmd.PersistentFlags().StringP("adapter", "a", "", "Config adapter of that file")
			cmd.SetFlagErrorFunc(usageError)
			cmd.Args = takes(cobra.NoArgs)
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			list := &cobra.Command{
				Use: "list", Short: "Shows the pools and their workers", Args: takes(cobra.NoArgs),
				RunE: runs(cmdList),
			}
			list.Flags().Bool("json", false, "Print JSON")
			restart := &cobra.Command{
				Use: "restart [<pool>...]", Short: "Replaces all workers, one at a time, and waits until the new ones serve",
				Long: `Replaces the workers of the named pools, or of all pools. If a new worker cannot start, the old ones keep serving.

It is done when the new workers answer every new request. Old ones that still finish what
they have begun are listed; with "--wait drained" they are waited for, too.`,
				RunE: runs(cmdRestart),
			}
			restart.Flags().Bool("no-wait", false, "Return at once")
			restart.Flags().String("wait", "serving", "What to wait for: serving (the new workers answer), or drained (the old ones have gone)")
			scale := &cobra.Command{
				Use: "scale <pool> <min> [<max>]", Short: "Changes the number of workers until the pool's settings change",
				Args: takes(cobra.RangeArgs(2, 3)), RunE: runs(cmdScale),
			}
			stop := &cobra.Command{
				Use: "stop <pid>...", Short: "Replaces single workers",
				Long: `Ends the workers with these process ids, as "list" shows them, and starts others as needed. A worker
finishes its request, and work after it, first; with "--force" it is ended at once, and its request fails.`,
				Args: takes(cobra.MinimumNArgs(1)), RunE: runs(cmdStop),
			}
			stop.Flags().Bool("force", false, "End them at once, whatever they are at")
			cmd.AddCommand(list, restart, scale, stop, migrateCommand())
		},
	})
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
	fmt.Fprintln(w, "POOL\tMODE\tWORKERS\tMIN\tMAX\tQUEUE\tHELD\tRESTARTS\tSTATE")
	for _, p := range all {
		restarts := 0
		for _, n := range p.Restarts {
			restarts += n
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%s of %s\t%d\t%s\n", p.Name, p.Mode, len(p.Workers), p.Min, p.Max, p.Queue,
			humanize.Bytes(uint64(p.HeldBytes)), humanize.Bytes(uint64(p.MaxHeldBytes)), restarts, p.word())
	}
	fmt.Fprintln(w) // the columns of one table are no measure for those of the other
	fmt.Fprintln(w, "PID\tPOOL\tSTATE\tREQUESTS\tMEMORY\tAGE\tBUSY")
	for _, p := range all {
		for _, k := range p.Workers {
			state := k.State
			if !k.DrainsUntil.IsZero() {
				state = "draining"
			}
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

// word is how the pool is.
func (p *poolStatus) word() string {
	ready := func(k workerStatus) bool { return k.State != workerpool.StateBooting.String() }
	switch {
	case p.LastError != "":
		return "failing"
	case p.Restarting:
		return "restarting"
	case len(p.Workers) > 0 && !slices.ContainsFunc(p.Workers, ready):
		return "starting"
	}
	return "ok"
}

func cmdRestart(fl caddycmd.Flags) (int, error) {
	query := map[string]string{"serving": "?wait=true", "drained": "?wait=drained"}[fl.String("wait")]
	if query == "" {
		return exitUsage, fmt.Errorf("--wait %s is unknown: it is one of serving, drained", fl.String("wait"))
	}
	if fl.Bool("no-wait") {
		if fl.Changed("wait") { // cobra's own word for this would be no matter of usage
			return exitUsage, errors.New("--no-wait and --wait exclude each other")
		}
		query = ""
	}
	address, err := endpoint(fl)
	if err != nil {
		return exitUsage, err
	}
	names := fl.Args()
	if len(names) == 0 {
		var all []poolStatus
		if code, err := callAt(address, http.MethodGet, "/php_worker/pools", nil, &all); err != nil {
			return code, err
		}
		for _, p := range all {
			names = append(names, p.Name)
		}
		if len(names) == 0 {
			return exitRefused, errors.New("there is no pool")
		}
	}
	for _, name := range names {
		var outcome restartStatus
		if code, err := callAt(address, http.MethodPost, poolPath(name, "/restart")+query, nil, &outcome); err != nil {
			return code, fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s: %s\n", name, outcome.Status)
		for _, k := range outcome.Draining {
			fmt.Printf("%s: old worker %d still drains, busy for %s, ends in %s at the latest\n", name, k.PID,
				short(time.Duration(k.BusyMS*float64(time.Millisecond))), short(time.Until(k.DrainsUntil)))
		}
	}
	return 0, nil
}

// short is a duration for people.
func short(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
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
	fmt.Printf("%s: %s\n", p.Name, workersText(p.Min, p.Max))
	return 0, nil
}

// workersText says how many workers a pool keeps.
func workersText(least, most int) string {
	switch {
	case least < most:
		return fmt.Sprintf("between %d and %d workers", least, most)
	case most == 1:
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", most)
}

func cmdStop(fl caddycmd.Flags) (int, error) {
	query, how := "", "after its request"
	if fl.Bool("force") {
		query, how = "?force=true", "at once"
	}
	address, err := endpoint(fl)
	if err != nil {
		return exitUsage, err
	}
	var all []poolStatus
	if code, err := callAt(address, http.MethodGet, "/php_worker/pools", nil, &all); err != nil {
		return code, err
	}
	pools := make(map[int]string) // of all workers
	for _, p := range all {
		for _, w := range p.Workers {
			pools[w.PID] = p.Name
		}
	}
	for _, arg := range fl.Args() {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			return exitUsage, fmt.Errorf("%q is not a process id", arg)
		}
		pool, known := pools[pid]
		if !known {
			return exitRefused, fmt.Errorf("no pool has a worker %d", pid)
		}
		if code, err := callAt(address, http.MethodDelete, poolPath(pool, "/workers/"+arg)+query, nil, nil); err != nil {
			return code, fmt.Errorf("%s: worker %d: %w", pool, pid, err)
		}
		fmt.Printf("%s: worker %d ends %s\n", pool, pid, how)
	}
	return 0, nil
}
