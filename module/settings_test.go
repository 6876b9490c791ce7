package module

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// sampleOf is a value of the type that is not its zero; each n gives another one.
// A word that the field's comment allows is needed where not every text will do.
func sampleOf(t *testing.T, field reflect.StructField, n int) reflect.Value {
	t.Helper()
	if words := map[string][]string{
		"Relay": {"stdio", "unix"}, "Mode": {"worker", "classic"}, "Codec": {"proto", "json"}, "Pipeline": {"off", "off"}, "User": {"nobody", "nobody"}, "Warmup": {"/up", "/down"},
	}[field.Name]; words != nil {
		return reflect.ValueOf(words[n])
	}
	if field.Name == "Memory" { // it has a least
		return reflect.ValueOf(int64(minMemory + n))
	}
	text := []string{"some", "other"}[n]
	switch v := reflect.New(field.Type).Elem(); v.Interface().(type) {
	case string:
		return reflect.ValueOf(text)
	case bool:
		return reflect.ValueOf(true)
	case []string:
		return reflect.ValueOf([]string{text, "more"})
	case map[string]string:
		if field.Name == "Rlimits" {
			return reflect.ValueOf(map[string]string{[]string{"nofile", "core"}[n]: "64"})
		}
		return reflect.ValueOf(map[string]string{text: "value"})
	case int, int64, caddy.Duration:
		v.SetInt(int64(n) + 7)
		return v
	case *int:
		return reflect.ValueOf(new(n + 7))
	case *Workers:
		return reflect.ValueOf(&Workers{Min: n + 1, Max: 9})
	case *Queue:
		return reflect.ValueOf(&Queue{Size: n + 7})
	default:
		t.Fatalf("there is no sample for %s %s: add one", field.Name, field.Type)
		return reflect.Value{}
	}
}

// poolFor is a pool in whose mode the field has a meaning.
func poolFor(field reflect.StructField) (c PoolConfig) {
	if jsonKey(field) != "command" && Misplaced(jsonKey(field), true) != "" {
		c.Command = []string{"php", "worker.php"}
	}
	return c
}

// eachSetting runs a test for every field of PoolConfig.
func eachSetting(t *testing.T, test func(t *testing.T, field reflect.StructField)) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[PoolConfig]()) {
		t.Run(field.Name, func(t *testing.T) { test(t, field) })
	}
}

func set(c *PoolConfig, name string, v reflect.Value) {
	reflect.ValueOf(c).Elem().FieldByName(name).Set(v)
}

func get(c *PoolConfig, name string) any {
	return reflect.ValueOf(c).Elem().FieldByName(name).Interface()
}

func TestDefaultsFillWhatAPoolLeavesOut(t *testing.T) {
	eachSetting(t, func(t *testing.T, field reflect.StructField) {
		var defaults PoolConfig
		pool := poolFor(field)
		before := pool
		theirs := sampleOf(t, field, 0)
		set(&defaults, field.Name, theirs)
		pool.merge(&defaults)
		if got := get(&pool, field.Name); !reflect.DeepEqual(got, theirs.Interface()) {
			t.Errorf("a pool that leaves it out has %v, want %v", got, theirs)
		}
		set(&pool, field.Name, reflect.Zero(field.Type))
		if !reflect.DeepEqual(pool, before) {
			t.Errorf("it has set something else, too: %+v", pool)
		}
	})
}

func TestWhatAPoolSaysWinsOverTheDefaults(t *testing.T) {
	eachSetting(t, func(t *testing.T, field reflect.StructField) {
		if field.Type.Kind() == reflect.Map {
			return // these are merged: see the next test
		}
		var defaults, pool PoolConfig
		set(&defaults, field.Name, sampleOf(t, field, 0))
		own := sampleOf(t, field, 1)
		set(&pool, field.Name, own)
		pool.merge(&defaults)
		if got := get(&pool, field.Name); !reflect.DeepEqual(got, own.Interface()) {
			t.Errorf("the pool has %v, want its own %v", got, own)
		}
	})
}

func TestKeysAndValuesOfDefaultsAndPoolAreMerged(t *testing.T) {
	merged := 0
	eachSetting(t, func(t *testing.T, field reflect.StructField) {
		if field.Type.Kind() != reflect.Map {
			return
		}
		merged++
		var defaults, pool PoolConfig
		set(&defaults, field.Name, reflect.ValueOf(map[string]string{"both": "default", "theirs": "1"}))
		set(&pool, field.Name, reflect.ValueOf(map[string]string{"both": "pool", "own": "2", "empty": ""}))
		pool.merge(&defaults)
		if got, want := get(&pool, field.Name), map[string]string{"both": "pool", "theirs": "1", "own": "2", "empty": ""}; !reflect.DeepEqual(got, want) {
			t.Errorf("the pool has %v, want %v", got, want)
		}
		if got := get(&defaults, field.Name); !reflect.DeepEqual(got, map[string]string{"both": "default", "theirs": "1"}) {
			t.Errorf("the defaults, which other pools share, have become %v", got)
		}
	})
	if merged < 3 {
		t.Errorf("only %d settings have keys", merged)
	}
}

func TestDefaultsWithoutAMeaningInItsModeDoNotFillAPool(t *testing.T) {
	defaults := PoolConfig{Relay: "unix", Codec: "proto", Warmup: "/up", Pipeline: "off", Split: []string{".phtml"}, IdleTimeout: 7}
	var pool PoolConfig
	pool.merge(&defaults)
	if want := (PoolConfig{Split: []string{".phtml"}, IdleTimeout: 7}); !reflect.DeepEqual(pool, want) {
		t.Errorf("a classic pool has %+v", pool)
	}
	pool = PoolConfig{Script: []string{"w.php"}}
	pool.merge(&defaults)
	if pool.Split != nil || pool.Relay != "unix" {
		t.Errorf("a pool of workers has %+v", pool)
	}
}

func TestAPoolThatContradictsItsModeIsRefused(t *testing.T) {
	script := []string{"w.php"}
	for want, c := range map[string]PoolConfig{
		`unknown mode "fpm": it is one of worker, classic`:    {Mode: "fpm"},
		"mode classic contradicts a script or a command":      {Mode: "classic", Script: script},
		"mode classic contradicts a script or a command: eac": {Mode: "classic", Command: script},
		"mode worker needs a script or a command":             {Mode: "worker"},
		"relay has no meaning in classic mode":                {Relay: "unix"},
		"codec has no meaning in classic mode":                {Mode: "classic", Codec: "json"},
		"warmup has no meaning in classic mode":               {Warmup: "/"},
		"pipeline has no meaning in classic mode":             {Pipeline: "off"},
		"split has no meaning in worker mode":                 {Script: script, Split: []string{".php"}},
	} {
		if err := c.checkMode(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	for _, c := range []PoolConfig{{}, {Mode: "classic", Split: []string{".php"}}, {Script: script}, {Mode: "worker", Command: script, Relay: "unix"}} {
		if err := c.checkMode(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestDefaultsShareNoMapWithThePool(t *testing.T) {
	defaults := PoolConfig{Env: map[string]string{"A": "1"}}
	var pool PoolConfig
	pool.merge(&defaults)
	pool.Env["B"] = "2"
	if len(defaults.Env) != 1 {
		t.Errorf("the defaults have become %v", defaults.Env)
	}
}

func TestThePHPOfTheDefaultsIsNotForACommand(t *testing.T) {
	defaults := &PoolConfig{PHP: "php8.3"}
	pool := PoolConfig{Command: []string{"php", "x.php"}}
	pool.merge(defaults)
	if pool.PHP != "" || defaults.PHP != "php8.3" {
		t.Errorf("the pool has %q, the defaults %q", pool.PHP, defaults.PHP)
	}
	if err := pool.prepare(); err != nil {
		t.Error(err)
	}
}

func TestAPoolWithoutDefaultsIsLeftAlone(t *testing.T) {
	pool := PoolConfig{Script: []string{"x.php"}}
	pool.merge(nil)
	if !reflect.DeepEqual(pool, PoolConfig{Script: []string{"x.php"}}) {
		t.Errorf("%+v", pool)
	}
}

// engineOf is what the pool's engine is told.
func engineOf(t *testing.T, c PoolConfig) workerpool.Config {
	t.Helper()
	if err := c.prepare(); err != nil {
		t.Fatal(err)
	}
	e, err := c.workerpoolConfig()
	if err != nil {
		t.Fatal(err)
	}
	if e.Warmup != nil {
		e.Warmup.Check = nil // functions are equal to nothing
	}
	e.SuitIni = nil
	return e
}

func TestEverySettingReachesTheEngine(t *testing.T) {
	eachSetting(t, func(t *testing.T, field reflect.StructField) {
		c := PoolConfig{Script: []string{"worker.php"}}
		if Misplaced(jsonKey(field), false) != "" {
			c.Script = nil
		}
		before := engineOf(t, c)
		if field.Name == "Command" {
			c.Script = nil
		}
		set(&c, field.Name, sampleOf(t, field, 0))
		switch field.Name {
		case "Codec": // it is in each frame
			if codec := exchange.CodecNamed(c.Codec); codec == nil || codec == exchange.CodecNamed(defaultCodec) {
				t.Error("it changes nothing")
			}
			return
		case "Memory": // it is the pool's here, not the engine's
			return
		case "Mode":
			c = PoolConfig{Mode: modeClassic}
		}
		if reflect.DeepEqual(engineOf(t, c), before) {
			t.Errorf("%s %v changes nothing", field.Name, get(&c, field.Name))
		}
	})
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	script := []string{"x.php"}
	for _, test := range []struct {
		name   string
		config PoolConfig
		want   string
	}{
		{"two things to run", PoolConfig{Script: script, Command: script}, "script and command exclude each other"},
		{"a binary for a command", PoolConfig{Command: script, PHP: "php8.3"}, "php and command exclude each other"},
		{"a script without a name", PoolConfig{Script: []string{"{env.NO_SUCH_VARIABLE}", "x"}}, "script: its first word is empty"},
		{"a command without a name", PoolConfig{Command: []string{"", "x"}}, "command: its first word is empty"},
		{"a name that no metric can have", PoolConfig{Script: []string{"x\xff.php"}}, `the name "x\xff.php" of a pool must be UTF-8`},
		{"a name that moves the cursor", PoolConfig{Script: script, Name: "a\x1b[2J"}, "without control characters"},
		{"an unknown codec", PoolConfig{Script: script, Codec: "xml"}, `pool "x.php": unknown codec "xml": it is one of json, proto`},
		{"an unknown pipeline", PoolConfig{Script: script, Pipeline: "on"}, `unknown pipeline "on"`},
		{"no workers", PoolConfig{Script: script, Workers: &Workers{}}, "the maximum must be at least 1"},
		{"nobody's user", PoolConfig{Script: script, User: "no such user"}, `user "no such user" is not known`},
		{"no such group", PoolConfig{Script: script, User: "0:no such group"}, `group "no such group" is not known`},
		{"a limit that is no number", PoolConfig{Script: script, Rlimits: map[string]string{"nofile": "many"}}, `rlimit nofile: "many" is neither a number nor unlimited`},
		{"limits the wrong way round", PoolConfig{Script: script, Rlimits: map[string]string{"nofile": "9:8"}}, "the soft limit exceeds the hard one"},
		{"too little memory", PoolConfig{Script: script, Memory: minMemory - 1}, "memory must be at least 64 MB (64000000 bytes)"},
		{"a warm-up that is no URI", PoolConfig{Script: script, Warmup: "up"}, `warmup: "up" is no URI`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.config.prepare()
			if err == nil {
				_, err = test.config.workerpoolConfig()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestANameIsMadeFromWhatRuns(t *testing.T) {
	for _, test := range []struct {
		config PoolConfig
		want   string
	}{
		{PoolConfig{Script: []string{"worker.php", "-v"}}, "worker.php"},
		{PoolConfig{Script: []string{"./a/../worker.php"}}, "worker.php"},
		{PoolConfig{Script: []string{"worker.php"}, Dir: "/srv/app"}, "/srv/app/worker.php"},
		{PoolConfig{Script: []string{"/srv/worker.php"}, Dir: "/srv/app"}, "/srv/worker.php"},
		{PoolConfig{Command: []string{"php", "-d", "x=1", "bin/Worker.PHP"}}, "bin/Worker.PHP"},
		{PoolConfig{Command: []string{"vendor/bin/roadrunner-worker"}, Dir: "/srv"}, "/srv/vendor/bin/roadrunner-worker"},
		{PoolConfig{Script: []string{"worker.php"}, Name: "shop"}, "shop"},
	} {
		if err := test.config.prepare(); err != nil || test.config.Name != test.want {
			t.Errorf("%q, %v, want %q", test.config.Name, err, test.want)
		}
	}
}

func TestPoolsAreTheSameIfTheirSettingsAndTheirFileAre(t *testing.T) {
	dir := t.TempDir()
	for _, release := range []string{"1", "2"} {
		if err := os.WriteFile(filepath.Join(dir, release), []byte(release), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "current.php")
	to := func(release string) {
		_ = os.Remove(link)
		if err := os.Symlink(filepath.Join(dir, release), link); err != nil {
			t.Fatal(err)
		}
	}
	key := func(c PoolConfig) string {
		key, err := c.key()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	to("1")
	c := PoolConfig{Script: []string{link}, Env: map[string]string{"A": "1", "B": "2"}}
	first := key(c)
	if key(PoolConfig{Script: []string{link}, Env: map[string]string{"B": "2", "A": "1"}}) != first {
		t.Error("the order of the environment makes another pool")
	}
	if err := os.WriteFile(filepath.Join(dir, "1"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key(c) != first {
		t.Error("the content of the script makes another pool")
	}
	to("2")
	if key(c) == first {
		t.Error("a link that leads elsewhere makes no other pool")
	}
	to("1")
	if key(c) != first {
		t.Error("the pool is not the same when its link leads back")
	}
	eachSetting(t, func(t *testing.T, field reflect.StructField) {
		changed := c
		set(&changed, field.Name, sampleOf(t, field, 0))
		if key(changed) == first {
			t.Error("it makes no other pool")
		}
	})
}

// statedDefault finds, in docs/options.md, the heading of an option; or a default that begins with a number, with a
// unit or without, of the option or of one of its keys in JSON.
var statedDefault = regexp.MustCompile("(?m)^###+ (.+)$|^(?:-|  - `(.+?)`:.*) Default: (\\d\\S*(?: [KMGi]*B)?)")

// The page is written from the comments of the fields. (The number of files is held by the tests of package form.)
func TestStatedDefaultsAreTheEngines(t *testing.T) {
	p, err := workerpool.New(engineOf(t, PoolConfig{Script: []string{"worker.php"}}), zap.NewNop(), workerpool.Events{})
	if err != nil {
		t.Fatal(err)
	}
	e := p.Config()
	page, err := os.ReadFile("../docs/options.md")
	if err != nil {
		t.Fatal(err)
	}
	checked, option := 0, ""
	for _, stated := range statedDefault.FindAllStringSubmatch(string(page), -1) {
		if stated[1] != "" {
			option = stated[1]
			continue
		}
		name := strings.TrimSpace(option + " " + stated[2])
		text := strings.TrimRight(stated[3], ".,;")
		is, known := map[string]any{
			"idle_timeout": e.IdleTimeout, "boot_timeout": e.BootTimeout, "stop_timeout": e.StopTimeout, "drain_timeout": e.DrainTimeout,
			"max_surge": e.MaxSurge, "max_requests max_requests_jitter": e.MaxRequestsJitter, "buffer": e.MaxInMemory,
			"queue": e.QueueSize, "queue size": e.QueueSize, "queue timeout": e.QueueTimeout,
			"max_body": int64(defaultMaxBody), "body_memory": int64(defaultBodyMemory), "uploads max_files": 20,
		}[name]
		if !known {
			t.Errorf("the default of %s is said to be %s: tell this test where the code has it", name, text)
			continue
		}
		checked++
		switch is := is.(type) {
		case time.Duration:
			if d, err := caddy.ParseDuration(text); err != nil || d != is {
				t.Errorf("the default of %s is said to be %s and is %s", name, text, is)
			}
		case int:
			if n, err := humanize.ParseBytes(text); err != nil || int(n) != is {
				t.Errorf("the default of %s is said to be %s and is %d", name, text, is)
			}
		case int64:
			if n, err := humanize.ParseBytes(text); err != nil || int64(n) != is {
				t.Errorf("the default of %s is said to be %s and is %d", name, text, is)
			}
		}
	}
	if checked < 13 {
		t.Errorf("only %d stated defaults were found", checked)
	}
}
