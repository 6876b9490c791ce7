package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ways are the ways to start PHP: what a worker sees must not depend on them.
var ways = map[string]func(t *testing.T, options ...string) string{
	"script":  lifeWorker,
	"wrapper": wrappedWorker,
}

// getJSON decodes the answer of a page of worker.php.
func getJSON[T any](t *testing.T, url string) (value T) {
	t.Helper()
	status, body := get(t, url)
	if err := json.Unmarshal([]byte(body), &value); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, error %v: %s", status, err, body)
	}
	return value
}

// phpSays runs a line of code in a PHP that nobody has configured.
func phpSays[T any](t *testing.T, code string) (value T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "php", "-r", "echo json_encode("+code+");")
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &value)
	}
	if err != nil {
		t.Fatalf("php -r %s: %v\n%s", code, err, out)
	}
	return value
}

func TestIniReachesPHPAndTheUsersWins(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, base := site(t, way(t, "workers 1", "ini memory_limit 77M", "ini date.timezone Asia/Tokyo", `ini user_agent "quoted \"x\"; y"`, "ini precision 5"))
			got := getJSON[map[string]string](t, base+"/ini?"+url.Values{"of[]": {"memory_limit", "date.timezone", "user_agent", "precision", "variables_order", "opcache.enable_cli", "opcache.jit", "opcache.jit_buffer_size"}}.Encode())
			for name, want := range map[string]string{
				"memory_limit": "77M", "date.timezone": "Asia/Tokyo", "user_agent": `quoted "x"; y`, "precision": "5",
				"variables_order": "EGPCS",
			} {
				if got[name] != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
			}
			if phpSays[bool](t, "extension_loaded('Zend OPcache')") {
				wantJIT, wantSize := "tracing", "32M"
				if name == "wrapper" { // which PHP it runs, and whether that can have a JIT, nobody knows
					wantJIT, wantSize = "", "0"
				}
				if cli, jit, size := got["opcache.enable_cli"], got["opcache.jit"], got["opcache.jit_buffer_size"]; cli != "1" || jit != wantJIT || size != wantSize {
					t.Errorf("opcache.enable_cli is %q, opcache.jit %q, opcache.jit_buffer_size %q", cli, jit, size)
				}
			}
			_, base = site(t, way(t, "workers 1", "ini variables_order GPCS", "ini opcache.jit off"))
			if got := getJSON[map[string]string](t, base+"/ini?of[]=opcache.jit")["opcache.jit"]; got == "tracing" {
				t.Error("opcache.jit is on although the user turned it off")
			}
			if got := getJSON[map[string]string](t, base+"/ini?of[]=variables_order")["variables_order"]; got != "GPCS" {
				t.Errorf("variables_order is %q although the user set it", got)
			}
		})
	}
}

func TestPHPKeepsItsOwnIniFolder(t *testing.T) {
	t.Parallel()
	type php struct{ Extensions, Scanned []string }
	own := phpSays[php](t, "['Extensions' => get_loaded_extensions(), 'Scanned' => array_values(array_filter(array_map('trim', explode(',', (string) php_ini_scanned_files()))))]")
	mine := t.TempDir()
	if err := os.WriteFile(filepath.Join(mine, "mine.ini"), []byte("precision = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, base := site(t, way(t, "workers 1"))
			got := getJSON[php](t, base+"/php")
			if n := len(own.Scanned); len(got.Scanned) != n+1 || !slices.Equal(got.Scanned[:n], own.Scanned) {
				t.Errorf("PHP has read %v, want its own files %v and one of ours", got.Scanned, own.Scanned)
			}
			for _, extension := range own.Extensions {
				if !slices.Contains(got.Extensions, extension) {
					t.Errorf("the extension %s is missing", extension)
				}
			}
		})
		t.Run(name+" and a folder of the user's", func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				option string
				env    []option
			}{
				{option: env("PHP_INI_SCAN_DIR", ":"+mine)},
				{option: "", env: []option{withEnv("PHP_INI_SCAN_DIR=:" + mine)}},
			} {
				_, base := site(t, way(t, "workers 1", "ini memory_limit 77M", c.option), c.env...)
				got := getJSON[map[string]string](t, base+"/ini?of[]=precision&of[]=memory_limit")
				if got["precision"] != "3" || got["memory_limit"] != "77M" {
					t.Errorf("the settings are %v: want the user's folder and ours", got)
				}
			}
		})
	}
}

func TestTheEnvironmentIsWhatARoadRunnerWorkerExpects(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, base := site(t, way(t, "workers 1", env("APP_NAME", "a b"), env("FROM_CADDY", "{env.SECRET}")), withEnv("SECRET=s3"), withEnv("INHERITED=yes"))
			got := getJSON[map[string]string](t, base+"/env")
			for name, want := range map[string]string{
				"RR_MODE": "http", "RR_RELAY": "pipes://fd/3:fd/4", "LARAVEL_OCTANE_ROADRUNNER_RELAY": "pipes://fd/3:fd/4",
				"APP_NAME": "a b", "FROM_CADDY": "s3", "INHERITED": "yes",
			} {
				if got[name] != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
			}
			if got["RR_VERSION"] == "" {
				t.Error("RR_VERSION is not set")
			}
			// Octane reads the relay from $_ENV, which PHP may leave empty.
			seen := getJSON[struct {
				ENV map[string]string `json:"_ENV"`
			}](t, base+"/php")
			if seen.ENV["LARAVEL_OCTANE_ROADRUNNER_RELAY"] == "" {
				t.Errorf("the relay is missing in $_ENV: %v", seen.ENV)
			}
		})
	}
	t.Run("the user's entries win", func(t *testing.T) {
		t.Parallel()
		_, base := site(t, lifeWorker(t, "workers 1", env("RR_VERSION", "mine"), env("LARAVEL_OCTANE_ROADRUNNER_RELAY", "other"), env("INHERITED", "no")), withEnv("INHERITED=yes"))
		got := getJSON[map[string]string](t, base+"/env")
		if got["RR_VERSION"] != "mine" || got["LARAVEL_OCTANE_ROADRUNNER_RELAY"] != "other" || got["INHERITED"] != "no" {
			t.Errorf("RR_VERSION is %q, LARAVEL_OCTANE_ROADRUNNER_RELAY %q, INHERITED %q", got["RR_VERSION"], got["LARAVEL_OCTANE_ROADRUNNER_RELAY"], got["INHERITED"])
		}
	})
}

func TestWhatAWorkerPrintsBecomesLogRecords(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, base := site(t, way(t, "workers 1", "name printer"))
			_, pid := get(t, base+"/pid")
			for _, c := range []struct{ line, level, message string }{
				{"a plain line", "info", "a plain line"},
				{"PHP Warning:  something odd", "warn", "PHP Warning:  something odd"},
				{"PHP Fatal error:  something bad", "error", "PHP Fatal error:  something bad"},
				{"[php error] from the package", "error", "[php error] from the package"},
				{"[php warning] from the package", "warn", "[php warning] from the package"},
				{`{"message":"from Monolog","level_name":"CRITICAL","context":{"order":7}}`, "error", "from Monolog"},
			} {
				get(t, base+"/say?line="+url.QueryEscape(c.line))
				record := s.waitLog(c.message)
				if record["msg"] != c.message || record["level"] != c.level || record["pool"] != "printer" || record["stream"] != "stderr" {
					t.Errorf("%q became %v, want the level %s", c.line, record, c.level)
				}
				if got, ok := record["pid"].(float64); !ok || int(got) != atoi(t, pid) {
					t.Errorf("%q has the pid %v, want %s", c.line, record["pid"], pid)
				}
				if logger, _ := record["logger"].(string); !strings.HasPrefix(logger, "http.handlers.php_worker") {
					t.Errorf("%q was logged by %q", c.line, logger)
				}
			}
			fields, _ := json.Marshal(s.waitLog("from Monolog"))
			if !strings.Contains(string(fields), `"order":7`) {
				t.Errorf("the context of a JSON line is lost: %s", fields)
			}
			get(t, base+"/warn")
			if record := s.waitLog("from inside PHP"); record["level"] != "warn" || record["pool"] != "printer" {
				t.Errorf("PHP's own warning became %v", record)
			}
		})
	}
}

func TestAStrayEchoBeforeTheBootIsALogLine(t *testing.T) {
	t.Parallel()
	for _, relay := range []string{"auto", "stdio", "unix"} {
		t.Run(relay, func(t *testing.T) {
			t.Parallel()
			s, base := site(t, lifeWorker(t, "workers 1", "relay "+relay, release("fine")))
			record := s.waitLog("printed before the boot")
			if record["level"] != "info" || record["stream"] != "stdout" || record["pid"] == nil || record["pool"] == nil {
				t.Errorf("it became %v", record)
			}
			wantBody(t, base, "fine", 5)
			if len(s.logs.records("printed before the boot")) != 1 {
				t.Error("it was logged more than once")
			}
		})
	}
}
