package caddyfile

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

var update = flag.Bool("update", false, "rewrite the expected part of testdata from what the adapter gives")

// divider stands between a Caddyfile and what is expected of it: JSON, or a part
// of the error.
const divider = "----------\n"

func TestCaddyfilesAdaptToTheRecordedJSONOrError(t *testing.T) {
	files, err := filepath.Glob("testdata/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(content), divider)
			if !ok {
				t.Fatalf("%s has no line of dashes", file)
			}
			got, err := adapt(input)
			failed := err != nil
			if failed {
				got = err.Error() + "\n"
			}
			if *update {
				if err := os.WriteFile(file, []byte(input+divider+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if isError := !strings.HasPrefix(want, "{"); isError != failed {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
			if failed && (strings.TrimSpace(want) == "" || !strings.Contains(got, strings.TrimSpace(want))) {
				t.Fatalf("got the error:\n%s\nwant:\n%s", got, want)
			}
			if !failed && got != want {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// adapt turns a Caddyfile into indented JSON, as "caddy adapt --pretty" does.
func adapt(input string) (string, error) { return adaptFile("Caddyfile", input) }

// adaptFile is adapt for a Caddyfile of that name; it is not read.
func adaptFile(name, input string) (string, error) {
	options := map[string]any{"filename": name}
	result, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), options)
	if err != nil {
		return "", err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, result, "", "\t"); err != nil {
		return "", err
	}
	return pretty.String() + "\n", nil
}
