package module

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

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
	return failed(cmd, exitUsage, err)
}

// runs makes a command of f, which gives the exit status and an error.
func runs(f caddycmd.CommandFunc) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		code, err := f(caddycmd.Flags{FlagSet: cmd.Flags()})
		if err == nil {
			return nil
		}
		return failed(cmd, code, err)
	}
}

// failed tells what went wrong, as a line of text: Caddy's own way is an entry of its log,
// which is JSON where standard error is no terminal.
func failed(cmd *cobra.Command, code int, err error) error {
	fmt.Fprintln(os.Stderr, "Error:", err)
	cmd.SilenceErrors = true
	if code == exitRefused {
		return err
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, nil)
}

// endpoint finds the admin endpoint as "caddy reload" does: by --address, by the configuration
// that --config names, or by the Caddyfile of the current folder.
func endpoint(fl caddycmd.Flags) (string, error) {
	address, file, adapter := fl.String("address"), fl.String("config"), fl.String("adapter")
	var config []byte
	if address == "" {
		var err error
		if config, file, adapter, err = caddycmd.LoadConfig(file, adapter); err != nil {
			return "", fmt.Errorf("finding the admin endpoint, which --address can name: %w", err)
		}
	}
	address, err := caddycmd.DetermineAdminAPIAddress(address, config, file, adapter)
	if err != nil {
		return "", fmt.Errorf("finding the admin endpoint: %w", err)
	}
	return address, nil
}

// call sends a request to the admin endpoint and decodes the answer into out. The
// returned code is what the program shall exit with on an error.
func call(fl caddycmd.Flags, method, path string, body, out any) (int, error) {
	address, err := endpoint(fl)
	if err != nil {
		return exitUsage, err
	}
	return callAt(address, method, path, body, out)
}

// callAt is call for an endpoint that is known.
func callAt(address, method, path string, body, out any) (int, error) {
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return exitUsage, err
		}
	}
	response, err := askAdmin(address, method, path, encoded)
	if _, refused := errors.AsType[*refusal](err); refused {
		return exitRefused, err
	}
	if err != nil {
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
