//go:build linux

package workerpool

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

func TestClassicSettingsReachPHP(t *testing.T) {
	c := Config{
		Min: 1, Env: map[string]string{"MY_NAME": "my value"},
		Ini:     map[string]string{"memory_limit": "77M", "auto_prepend_file": "none"},
		Rlimits: []process.Rlimit{{Name: "nofile", Soft: 77, Hard: 78}},
	}
	eachPHP(t, c, func(t *testing.T, c classic) {
		for script, want := range map[string]string{
			`echo getenv("MY_NAME");`:       "my value",
			`echo ini_get("memory_limit");`: "77M",
			`echo posix_getrlimit()["soft openfiles"], " ", posix_getrlimit()["hard openfiles"];`: "77 78",
			`echo getenv("RR_RELAY") === false ? "none" : "set";`:                                 "none",
			`echo getenv("NOTIFY_SOCKET") === false ? "none" : "set";`:                            "none",
			`echo ini_get("max_execution_time") > 0 ? "its own" : "none";`:                        "its own",
		} {
			if got := c.get(t, script); got != want {
				t.Errorf("%s: %q, want %q", script, got, want)
			}
		}
	})
}

func TestClassicRunsAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start processes of others")
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	eachPHP(t, Config{Min: 1, User: &process.User{UID: uint32(uid), GID: uint32(gid), Name: u.Username, Home: "/"}}, func(t *testing.T, c classic) {
		for dir := c.dir; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.get(t, `echo posix_getuid(), " ", posix_getgid();`); got != u.Uid+" "+u.Gid {
			t.Errorf("got %q", got)
		}
		parent := parentOf(t, c.processes(t)[0])
		info, err := os.Stat("/proc/" + strconv.Itoa(parent))
		if err != nil {
			t.Fatal(err)
		}
		_ = info
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(parent) + "/status")
		if !strings.Contains(string(status), "Uid:\t"+u.Uid+"\t"+u.Uid) {
			t.Errorf("the parent is another's:\n%s", status)
		}
		c.get(t, `error_log("words of nobody");`)
		c.logged(t, "words of nobody")
	})
}

func TestClassicLogsWhatPHPSays(t *testing.T) {
	eachPHP(t, Config{Min: 1, Ini: map[string]string{"log_errors": "1", "error_log": "", "display_errors": "0", "html_errors": "0"}}, func(t *testing.T, c classic) {
		pid, err := strconv.ParseInt(c.get(t, `echo getmypid();`), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		who := zap.Int64("pid", pid)
		c.get(t, `error_log("plain words"); trigger_error("careful", E_USER_WARNING); error_log(json_encode(["level" => "error", "message" => "in JSON"])); error_log("[php debug] little");`)
		c.logged(t, "plain words", who)
		c.logged(t, "careful", who)
		c.logged(t, "in JSON", who)
		c.get(t, `function f() { throw new Exception("all is\nlost"); } f();`)
		c.logged(t, "Fatal error", who)
		for message, level := range map[string]zapcore.Level{"plain words": zap.InfoLevel, "careful": zap.WarnLevel, "in JSON": zap.ErrorLevel, "Fatal error": zap.ErrorLevel, "[php debug] little": zap.DebugLevel} {
			for _, e := range c.logs.FilterMessageSnippet(message).All() {
				if e.Level != level {
					t.Errorf("%s: level %s", message, e.Level)
				}
				if strings.Contains(e.Message, "PHP message") || strings.Contains(e.Message, "said into") {
					t.Errorf("with words of php-fpm's: %s", e.Message)
				}
			}
			if n := c.logs.FilterMessageSnippet(message).Len(); n != 1 {
				t.Errorf("%s: %d records", message, n)
			}
		}
	})
}

func TestClassicTellsWhatIsWrongWithThePHPThatItShallStart(t *testing.T) {
	php, err := exec.LookPath("php")
	if err != nil {
		t.Skip(err)
	}
	for name, c := range map[string]struct {
		command []string
		want    string
	}{
		"the command line PHP":    {[]string{php}, "cli program"},
		"no PHP":                  {[]string{"/bin/echo"}, "does not say which PHP it is"},
		"nothing":                 {[]string{"/no/such/php-fpm"}, "does not exist"},
		"an option that it lacks": {[]string{phpPrograms(t)["fpm"], "--no-such-option"}, "the process ended"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(Config{Name: "classic", Classic: &Classic{}, Command: c.command, Min: 1}, zap.NewNop(), Events{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { end(t, p) })
			if err := p.Start(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestClassicNamesThePHPThatItHasFound(t *testing.T) {
	phpPrograms(t)
	ini := map[string]string{"opcache.enable": "1", "opcache.preload": "/nowhere/preload.php", "opcache.preload_user": "nobody"}
	p, err := New(Config{Name: "classic", Classic: &Classic{}, Min: 1, Ini: ini}, zap.NewNop(), Events{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, p) })
	err = p.Start(t.Context())
	boot := as[*BootError](t, err)
	if len(boot.Command) != 1 || !strings.HasPrefix(filepath.Base(boot.Command[0]), "php") || !strings.Contains(err.Error(), "("+boot.Command[0]+")") {
		t.Errorf("%q failed, and the error is: %v", boot.Command, err)
	}
}
