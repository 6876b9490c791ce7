package module

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/phpworker/caddy-php-worker/module/migrate"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

func TestSettingsThatWouldDoNothingAreRefusedAndSayWhatDoes(t *testing.T) {
	for line, want := range map[string]string{
		"max_input_time 60": "read_body", "output_buffering 4096": "buffer", "html_errors on": "plain text", "implicit_flush off": "log",
		"register_argc_argv off": "always", "file_uploads off": "uploads with", "enable_post_data_reading off": "raw_body",
		"upload_tmp_dir /tmp": "uploads { dir }", "zlib.output_compression on": "encode", "user_ini.filename .user.ini": "ini lines",
		"cgi.fix_pathinfo 0": "other ways", "fastcgi.logging 0": "other ways", "max_multipart_body_parts 9": "max_file_uploads",
		"output_handler x": "log", "zlib.output_handler x": "encode", "user_ini.cache_ttl 1": "ini lines",
		"max_execution_time soon": "number of seconds", "max_execution_time -2": "number of seconds", "max_execution_time 1.5": "number of seconds",
	} {
		name, value, _ := strings.Cut(line, " ")
		c := PoolConfig{Script: []string{"w.php"}, Ini: map[string]string{name: value}}
		if err := c.prepare(); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), want) {
			t.Errorf("ini %s: %v; want a word about %q", line, err, want)
		}
	}
	for _, line := range []string{
		"memory_limit 10000", "post_max_size 0", "upload_max_filesize 0", "upload_max_filesize 1K",
		"html_errors off", "implicit_flush 1", "output_buffering off", "register_argc_argv On", "file_uploads 1", "enable_post_data_reading true",
		"zlib.output_compression 0", "memory_limit -1", "post_max_size 8M", "upload_max_filesize 2M", "max_file_uploads 5", "auto_prepend_file x.php",
		"max_execution_time 0", "max_execution_time -1", "max_execution_time 300", "display_errors off", "error_log /dev/stderr", "expose_php off",
	} {
		name, value, _ := strings.Cut(line, " ")
		c := PoolConfig{Script: []string{"w.php"}, Ini: map[string]string{name: value}}
		if err := c.prepare(); err != nil {
			t.Errorf("ini %s: %v", line, err)
		}
	}
}

func TestAFewBytesOfAnIniLineAreMegabytesWithoutTheirUnit(t *testing.T) {
	for _, line := range []string{"memory_limit 256", "post_max_size 8", "upload_max_filesize 9999"} {
		for _, mode := range []string{"worker", "classic"} {
			name, value, _ := strings.Cut(line, " ")
			c := PoolConfig{Mode: mode, Ini: map[string]string{name: value}}
			want := "ini " + line + " has no unit, and so few bytes are hardly meant: write " + value + "M"
			if err := c.Check(); err == nil || err.Error() != want {
				t.Errorf("%s, mode %s: %v", line, mode, err)
			}
		}
	}
}

// What is refused because PHP's command line overrides it, it does override.
func TestPHPOverridesWhatIsRefusedForThatReason(t *testing.T) {
	dir := t.TempDir()
	other := map[string]string{"html_errors": "1", "implicit_flush": "0", "output_buffering": "4096", "register_argc_argv": "0", "max_input_time": "7", "max_execution_time": "7"}
	var lines []string
	for name, value := range other {
		lines = append(lines, name+"="+value)
	}
	lines = append(lines, "precision=7")
	if err := os.WriteFile(filepath.Join(dir, "x.ini"), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("php", "-r", `echo json_encode(array_map(strval(...), ini_get_all(null, false)));`)
	cmd.Env = append(os.Environ(), "PHP_INI_SCAN_DIR="+string(filepath.ListSeparator)+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var has map[string]string
	if err := json.Unmarshal(out, &has); err != nil {
		t.Fatal(err)
	}
	for name, value := range other {
		if has[name] == value || iniSwitch(has[name]) == iniSwitch(value) {
			t.Errorf("PHP heeds %s: it is %q", name, has[name])
		}
		if idle, refused := idleIni[name]; refused && idle.always != "" && iniSwitch(has[name]) != idle.always {
			t.Errorf("%s is always %q, not %q", name, has[name], idle.always)
		}
	}
	if has["precision"] != "7" {
		t.Error("PHP has not read the file at all")
	}
}

func TestTheCPUTimeOfARequestIsThatOfPHPFPMUnlessALineSaysOtherwise(t *testing.T) {
	for value, want := range map[string]time.Duration{"": 30 * time.Second, "0": 0, "-1": 0, "5": 5 * time.Second, "300": 5 * time.Minute} {
		c := PoolConfig{Script: []string{"w.php"}}
		if value != "" {
			c.Ini = map[string]string{"max_execution_time": value}
		}
		if err := c.prepare(); err != nil {
			t.Fatal(err)
		}
		e, err := c.workerpoolConfig()
		if err != nil || e.MaxExecutionTime != want {
			t.Errorf("max_execution_time %q: %s, %v; want %s", value, e.MaxExecutionTime, err, want)
		}
		if _, told := e.Ini["max_execution_time"]; told {
			t.Error("PHP is told, which ignores it")
		}
	}
}

func TestTheSettingsSuitThePHPThatIsThere(t *testing.T) {
	const none = "a request may take all the memory there is"
	for _, c := range []struct {
		name        string
		php         *workerpool.PHP
		ini         map[string]string
		command     []string
		memory, jit string // that are added
		warning     string
	}{
		{"Debian's", &workerpool.PHP{MemoryLimit: "-1", JIT: true}, nil, nil, "512M", "tracing", ""},
		{"with a limit of its own", &workerpool.PHP{MemoryLimit: "512M", JIT: true}, nil, nil, "", "tracing", ""},
		{"with Xdebug", &workerpool.PHP{MemoryLimit: "128M"}, nil, nil, "", "", ""},
		{"nobody knows", nil, nil, nil, "512M", "", ""},
		{"a line for the memory", &workerpool.PHP{MemoryLimit: "1G"}, map[string]string{"memory_limit": "1G"}, nil, "", "", ""},
		{"a line for the memory, and nobody knows", nil, map[string]string{"memory_limit": "1G"}, nil, "", "", ""},
		{"a line for no limit", &workerpool.PHP{MemoryLimit: "-1"}, map[string]string{"memory_limit": "-1"}, nil, "", "", none},
		{"a line for no limit, and nobody knows", nil, map[string]string{"memory_limit": "-1"}, nil, "", "", none},
		{"an option for no limit", &workerpool.PHP{MemoryLimit: "-1"}, nil, []string{"php", "-d", "memory_limit=-1", "w.php"}, "", "", none},
		{"no time limit", nil, map[string]string{"max_execution_time": "0"}, nil, "512M", "", "a request may run for ever"},
	} {
		t.Run(c.name, func(t *testing.T) {
			core, logs := observer.New(zapcore.DebugLevel)
			config := PoolConfig{Script: []string{"w.php"}, Command: c.command, Ini: c.ini}
			got := config.suitIni(c.php, zap.New(core))
			if got["memory_limit"] != c.memory || got["opcache.jit"] != c.jit {
				t.Errorf("added is %v", got)
			}
			warnings := logs.FilterLevelExact(zapcore.WarnLevel).All()
			if (c.warning == "") != (len(warnings) == 0) || len(warnings) == 1 && !strings.Contains(warnings[0].Message, c.warning) {
				t.Errorf("the warnings are %v; want %q", warnings, c.warning)
			}
			if logs.FilterMessage("limits of a request").Len() != 1 {
				t.Error("nothing says which limits there are")
			}
		})
	}
}

// What migrate takes over from PHP-FPM and nginx, a pool accepts; the rest it names.
func TestMigrateWritesNoSizeThatIsRefused(t *testing.T) {
	for _, name := range []string{"memory_limit", "post_max_size", "upload_max_filesize", "max_file_uploads"} {
		for _, value := range []string{"1", "256", "9999", "10000", "8M", "0", "-1"} {
			dir := t.TempDir()
			nginx, fpm := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "www.conf")
			for file, text := range map[string]string{
				nginx: "server {\nlisten 80;\nlocation ~ \\.php$ {\nfastcgi_pass unix:/x;\nfastcgi_param PHP_VALUE \"" + name + "=" + value + "\";\n}\n}\n",
				fpm:   "[x]\nlisten = /x\nphp_admin_value[" + name + "] = " + value + "\n",
			} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			result, err := migrate.Files(nginx, fpm)
			if err != nil {
				t.Fatal(err)
			}
			line := "ini " + name + " " + value
			written := strings.Contains(result.Caddyfile, "\n\t\t"+line+" #")
			accepted := (&PoolConfig{Mode: modeClassic, Ini: map[string]string{name: value}}).Check() == nil
			if written != accepted || len(result.Left) > 0 == accepted {
				t.Errorf("%s: accepted is %v; left are %v, written is\n%s", line, accepted, result.Left, result.Caddyfile)
			}
		}
	}
}
