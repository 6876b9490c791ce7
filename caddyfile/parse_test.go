package caddyfile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/phpworker/caddy-php-worker/module"
)

// place is one kind of block and a Caddyfile with room for its options.
type place struct {
	in        level
	options   []option
	caddyfile string
}

var places = map[string]place{
	"php_worker": {inDirective, poolOptions, "{\nphp_worker {\npool api x.php\n}\n}\n:80 {\nphp_worker %s {\n%s\n}\n}\n"},
	"pool":       {inPool, poolOptions, "{\nphp_worker {\npool a %s {\n%s\n}\n}\n}\n"},
	"defaults":   {inDefaults, poolOptions, "{\nphp_worker {\ndefaults %s {\n%s\n}\n}\n}\n"},
	"uploads":    {inUploads, uploadOptions, ":80 {\nphp_worker %s worker.php {\nuploads {\n%s\n}\n}\n}\n"},
}

// with writes the lines into the place, together with a script where the lines
// need one.
func (p place) with(lines ...string) string {
	script := ""
	runs := slices.ContainsFunc(lines, func(line string) bool {
		word, _, _ := strings.Cut(line, " ")
		return word == "command" || word == "pool" || word == "mode" || module.Misplaced(word, false) != ""
	})
	if !runs && p.in&onePool != 0 {
		script = "worker.php"
	}
	if slices.Contains(lines, "preload auto") {
		lines = append([]string{"resolve_root restart", "root /srv/app"}, lines...)
	}
	return fmt.Sprintf(p.caddyfile, script, strings.Join(lines, "\n"))
}

// eachOption runs a test for every option in every block where it may stand.
func eachOption(t *testing.T, test func(t *testing.T, p place, o option, line string)) {
	for name, p := range places {
		for _, o := range p.options {
			if o.in&p.in == 0 {
				continue
			}
			t.Run(name+"/"+o.name, func(t *testing.T) { test(t, p, o, o.sample()) })
		}
	}
}

// wantError fails unless the Caddyfile is refused with an error that has all the
// parts and names the file.
func wantError(t *testing.T, input string, parts ...string) {
	t.Helper()
	_, err := adapt(input)
	if err == nil {
		t.Fatalf("accepted:\n%s", input)
	}
	for _, part := range append(parts, "at Caddyfile:") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q; it is about:\n%s", err, part, input)
		}
	}
}

func TestEveryOptionIsAcceptedWhereItBelongs(t *testing.T) {
	eachOption(t, func(t *testing.T, p place, o option, line string) {
		if _, err := adapt(p.with(line)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNoOptionIsAcceptedWhereItDoesNotBelong(t *testing.T) {
	refused := 0
	for _, p := range places {
		for _, o := range p.options {
			if o.in&p.in == 0 {
				wantError(t, p.with(o.sample()), "does not belong in", "allowed: ")
				refused++
			}
		}
	}
	if refused == 0 {
		t.Fatal("every option belongs everywhere")
	}
}

func TestNoOptionIsSilentlyOverwritten(t *testing.T) {
	eachOption(t, func(t *testing.T, p place, o option, line string) {
		wantError(t, p.with(line, line), "already specified")
	})
}

func TestNoOptionTakesTooFewOrTooManyArguments(t *testing.T) {
	eachOption(t, func(t *testing.T, p place, o option, line string) {
		if o.min > 0 {
			wantError(t, p.with(o.name+strings.Repeat(" x", o.min-1)), "wrong number of arguments", "usage: "+o.name)
		}
		if o.max < many {
			wantError(t, p.with(o.name+strings.Repeat(" x", o.max+1)), "wrong number of arguments", "usage: "+o.name)
		}
	})
}

func TestNoOptionTakesABlockExceptUploads(t *testing.T) {
	eachOption(t, func(t *testing.T, p place, o option, line string) {
		if o.block == nil {
			wantError(t, p.with(line+" {\nx\n}"), `unknown option "{"`)
		}
	})
}

func TestEveryFieldOfTheJSONHasAWord(t *testing.T) {
	// What the Caddyfile says otherwise: in front of the block, by repeating a
	// word, or as another word's second argument.
	otherwise := map[string]string{
		"script":              "",
		"attributes":          "attribute",
		"rlimits":             "rlimit",
		"max_requests_jitter": "max_requests",
	}
	for options, config := range map[*[]option]any{&poolOptions: module.Handler{}, &uploadOptions: module.Uploads{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(config)) {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if key == "" {
				continue
			}
			word, ok := otherwise[key]
			if !ok {
				word = key
			}
			if word != "" && !slices.ContainsFunc(*options, func(o option) bool { return o.name == word }) {
				t.Errorf("the Caddyfile has no word for %q of %T", key, config)
			}
		}
	}
}

func TestContradictingOptionsAreRefusedInEitherOrder(t *testing.T) {
	pairs := [][2]string{
		{"command", "php"},
		{"raw_body", "uploads"},
		{"pool", "name"},
	}
	for _, o := range poolOptions {
		if o.in&inPool != 0 {
			pairs = append(pairs, [2]string{"pool", o.name})
		}
	}
	for _, pair := range pairs {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			a, b := sampleOf(pair[0]), sampleOf(pair[1])
			wantError(t, places["php_worker"].with(a, b), pair[1]+" contradicts "+pair[0])
			wantError(t, places["php_worker"].with(b, a), pair[0]+" contradicts "+pair[1])
		})
	}
}

func sampleOf(name string) string {
	i := slices.IndexFunc(poolOptions, func(o option) bool { return o.name == name })
	return poolOptions[i].sample()
}

func TestBadBlocksAreRefusedWithTheirLine(t *testing.T) {
	for _, test := range []struct{ name, input, want string }{
		{"script and command", ":80 {\nphp_worker worker.php {\ndebug\ncommand php x.php\n}\n}", "command contradicts script: give one of them, at Caddyfile:4"},
		{"script and pool", "{\nphp_worker {\npool a a.php\n}\n}\n:80 {\nphp_worker worker.php {\npool a\n}\n}", "pool contradicts script: a shared pool is described in the global option, not where it is used, at Caddyfile:8"},
		{"script and command of a pool", "{\nphp_worker {\npool a a.php {\ncommand php a.php\n}\n}\n}", "command contradicts script: give one of them, at Caddyfile:4"},
		{"root and static off", ":80 {\nphp_worker w.php {\nroot x\nstatic off\n}\n}", "root contradicts static: give one of them, at Caddyfile:3"},
		{"worker mode without a script", ":80 {\nphp_worker {\ndebug\nmode worker\n}\n}", "php_worker runs nothing: mode worker needs a script or a command, at Caddyfile:4"},
		{"worker mode of a pool without a script", "{\nphp_worker {\npool a {\nmode worker\n}\n}\n}", `pool "a" runs nothing: mode worker needs a script or a command, at Caddyfile:4`},
		{"classic mode with a script", ":80 {\nphp_worker index.php {\nmode classic\n}\n}", "mode classic contradicts a script or a command: each request names the script that runs, at Caddyfile:3"},
		{"classic mode with a command", "{\nphp_worker {\npool a {\nmode classic\ncommand php x.php\n}\n}\n}", "mode classic contradicts a script or a command: each request names the script that runs, at Caddyfile:4"},
		{"an option for workers in classic mode", ":80 {\nphp_worker {\ndebug\nrelay unix\n}\n}", "relay has no meaning in classic mode: requests travel over FastCGI, on a socket for each process, at Caddyfile:4"},
		{"an option for workers beside a classic pool", "{\nphp_worker {\npool a {\n}\n}\n}\n:80 {\nphp_worker {\npool a\nattribute a b\n}\n}", "attribute has no meaning in classic mode: it is one of PSR-7"},
		{"an option about uploads in classic mode", ":80 {\nphp_worker {\nuploads {\ndir /tmp\nallow jpg\n}\n}\n}", "allow has no meaning in classic mode: PHP stores uploads itself, and the application says which, at Caddyfile:5"},
		{"an option for scripts in worker mode", ":80 {\nphp_worker w.php {\nindex a.php\n}\n}", "index has no meaning in worker mode: it is about the scripts that requests name, and a worker has one script, at Caddyfile:3"},
		{"an option for scripts beside a pool of workers", "{\nphp_worker {\npool a a.php\n}\n}\n:80 {\nphp_worker {\npool a\ndeny_scripts /x\n}\n}", "deny_scripts has no meaning in worker mode"},
		{"preloading by workers", ":80 {\nphp_worker w.php {\npreload auto\n}\n}", "preload has no meaning in worker mode: a worker loads its classes once, when it starts, at Caddyfile:3"},
		{"an index that is no script", ":80 {\nphp_worker {\nindex index.html\n}\n}", `index: "index.html" is no script`},
		{"a path to deny that is none", ":80 {\nphp_worker {\ndeny_scripts uploads\n}\n}", `deny_scripts: "uploads" is no path below root`},
		{"empty script", ":80 {\nphp_worker \"\"\n}", "the script is empty, at Caddyfile:2"},
		{"pool without a global option", ":80 {\nphp_worker {\npool a\n}\n}", `there is no pool "a": the global option php_worker describes none, at Caddyfile:2`},
		{"pool without a name", "{\nphp_worker {\npool {\n}\n}\n}", "pool: its name is missing (usage: pool <name> [<script> [<args...>]] { ... }), at Caddyfile:3"},
		{"two pools of one name", "{\nphp_worker {\npool a a.php\npool a b.php\n}\n}", `pool "a" already specified, at Caddyfile:4`},
		{"two defaults", "{\nphp_worker {\ndefaults {\nworkers 1\n}\ndefaults {\nworkers 2\n}\n}\n}", "defaults already specified, at Caddyfile:6"},
		{"defaults with an argument", "{\nphp_worker {\ndefaults x\n}\n}", `defaults takes a block, not "x", at Caddyfile:3`},
		{"two global options", "{\nphp_worker {\npool a a.php\n}\nphp_worker {\npool b b.php\n}\n}", "the global option php_worker already specified, at Caddyfile:5"},
		{"global option with an argument", "{\nphp_worker x\n}", `the global option php_worker takes a block, not "x", at Caddyfile:2`},
		{"uploads without a block", ":80 {\nphp_worker w.php {\nuploads\n}\n}", "uploads: nothing in its block (usage: uploads { ... }); allowed: allow, dir, forbid, max_files, at Caddyfile:3"},
		{"words behind the block", ":80 {\nphp_worker w.php {\n} extra\n}", `unexpected "extra" behind the block, at Caddyfile:3`},
		{"words behind the global block", "{\nphp_worker {\n} extra\n}", `unexpected "extra" behind the block, at Caddyfile:3`},
		{"matcher of no such name", ":80 {\nphp_worker @x w.php\n}", "unrecognized matcher name: @x, at Caddyfile:2"},
	} {
		t.Run(test.name, func(t *testing.T) { wantError(t, test.input+"\n", test.want) })
	}
}

func TestBadValuesAreRefusedWithTheExpectedForm(t *testing.T) {
	for line, want := range map[string]string{
		"workers many":          `workers: "many" is not a whole number from 1 (usage: workers <n> | <min> <max>)`,
		"workers 0":             `workers: "0" is not a whole number from 1`,
		"workers -3":            `workers: "-3" is not a whole number from 1`,
		"workers 2.5":           `workers: "2.5" is not a whole number from 1`,
		"workers 0 0":           `workers: "0" is not a whole number from 1 (usage: workers <n> | <min> <max>)`,
		"workers -1 3":          `workers: "-1" is not a whole number from 0`,
		"workers 4 2":           `workers: the maximum 2 is below the minimum 4`,
		"max_requests 0":        `max_requests: "0" is not a whole number from 1 (usage: max_requests <n> [<jitter %>])`,
		"max_requests 5 lots":   `max_requests: "lots" is not a percentage from 0 to 100`,
		"max_requests 5 101%":   `max_requests: "101%" is not a percentage from 0 to 100`,
		"max_memory much":       `max_memory: "much" is not a size`,
		"queue 0":               `queue: "0" is not a whole number from 1 (usage: queue <size> [<timeout>])`,
		"queue 5 soon":          `queue: "soon" is not a duration such as 500ms, 30s or 5m`,
		"boot_timeout 30":       `boot_timeout: "30" is not a duration such as 500ms, 30s or 5m (usage: boot_timeout <duration>)`,
		"boot_timeout 0s":       `boot_timeout: "0s" is not a duration`,
		"stop_timeout -1s":      `stop_timeout: "-1s" is not a duration`,
		"drain_timeout 0":       `drain_timeout: "0" is not a duration`,
		"max_body big":          `max_body: "big" is not a size such as 512KB, 64MB or 1GiB (usage: max_body <size>)`,
		"max_body 0":            `max_body: "0" is not a size`,
		"max_body 64":           `max_body: "64" has no unit, and so few bytes are hardly meant: write 64MB, or 64B (usage: max_body <size>)`,
		"body_memory 9999":      `body_memory: "9999" has no unit`,
		"max_memory 0.5":        `max_memory: "0.5" is not a size`,
		"buffer 8,192":          `buffer: "8,192" has no unit`,
		"memory 512":            `memory: "512" has no unit`,
		"body_memory -1MB":      `body_memory: "-1MB" is not a size`,
		"buffer 10EB":           `buffer: "10EB" is not a size`,
		"buffer 16EiB":          `buffer: "16EiB" is not a size`,
		"codec xml":             `codec: "xml" is unknown; allowed: json, proto (usage: codec json | proto)`,
		"mode fpm":              `mode: "fpm" is unknown; allowed: worker, classic (usage: mode worker | classic)`,
		`index ""`:              `index: the value is empty`,
		"relay tcp":             `relay: "tcp" is unknown; allowed: auto, stdio, unix`,
		"static on":             `static: "on" is unknown; allowed: off`,
		"ini memory_limit=1G x": `ini: "memory_limit=1G" is not a key: key and value are separated by a space`,
		`env "" x`:              `env: "" is not a key`,
		`attribute "" x`:        `attribute: the value is empty`,
		`watch ""`:              `watch: the value is empty (usage: watch [<glob...>])`,
		`dir ""`:                `dir: the value is empty`,
		`command "" x`:          `command: the value is empty`,
	} {
		t.Run(line, func(t *testing.T) { wantError(t, places["php_worker"].with(line), want) })
	}
}

func TestFewBytesAreWrittenWithTheirUnit(t *testing.T) {
	for _, line := range []string{"max_body 64B", "body_memory 1b", "max_body 10000", "max_body 64MB"} {
		if _, err := adapt(places["php_worker"].with(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// What package module refuses whatever the machine is told at once, with the line, like what the parser itself refuses.
func TestValuesThatNoPoolCanHaveNameTheirLine(t *testing.T) {
	for lines, want := range map[string]string{
		"w.php {\nworkers 2\nmemory 32MB\n}":                   "memory must be at least 64 MB (64000000 bytes): a large form needs nearly as much while it is read, at Caddyfile:4",
		"w.php {\nini a b\nini output_buffering 1\nini c d\n}": "ini output_buffering has no effect in a worker: what is printed goes to the log; buffer is about answers, at Caddyfile:4",
		"w.php {\nini a b\nini memory_limit 256\n}":            "ini memory_limit 256 has no unit, and so few bytes are hardly meant: write 256M, at Caddyfile:4",
		"w.php {\nini max_execution_time soon\n}":              `ini max_execution_time "soon": want a number of seconds, 0 for no limit, at Caddyfile:3`,
		"w.php {\nrlimit nofile 9\nrlimit nproc 10:5\n}":       "rlimit nproc: the soft limit exceeds the hard one, at Caddyfile:4",
		"w.php {\nwarmup up\n}":                                `warmup: "up" is no URI: it looks like /up or https://example.com/up, at Caddyfile:3`,
		"w.php {\nmax_body 8GB\n}":                             "max_body must be at most 4278190080 bytes, which is what a frame of the protocol can carry, at Caddyfile:3",
		"{\npreload auto\n}":                                   "preload auto needs resolve_root restart",
		"{\nresolve_root restart\npreload auto\n}":             "preload auto needs the option root, without placeholders: preloaded classes are there for every request, so there may be one root only, at Caddyfile:4",
		"{\nindex a.php\nsplit php\n}":                         `split: "php" is no extension such as .php, at Caddyfile:4`,
		"{\nindex a.php\ndeny_scripts uploads\n}":              `deny_scripts: "uploads" is no path below root, such as /uploads, at Caddyfile:4`,
	} {
		t.Run(lines, func(t *testing.T) { wantError(t, ":80 {\nphp_worker "+lines+"\n}\n", want) })
	}
	wantError(t, "{\nphp_worker {\ndefaults {\nmemory 32MB\n}\n}\n}\n", "memory must be at least 64 MB", "at Caddyfile:4")
	wantError(t, "{\nphp_worker {\npool a w.php {\nwarmup up\n}\n}\n}\n", `warmup: "up" is no URI`, "at Caddyfile:4")
}

func TestAValueWithAPlaceholderIsLookedAtWhenTheConfigurationIsLoaded(t *testing.T) {
	if _, err := adapt(places["php_worker"].with("ini max_execution_time {env.SECONDS}")); err != nil {
		t.Error(err)
	}
}

func FuzzCaddyfile(f *testing.F) {
	for name, p := range places {
		for _, o := range p.options {
			line := o.sample()
			if name == "php_worker" || name == "uploads" {
				f.Add("", p.with(line))
			} else {
				f.Add(line, "php_worker worker.php")
			}
		}
	}
	f.Add("pool a a.php {\nworkers 2\n}\ndefaults {\nphp x\n}", "php_worker @m /x {\npool a\n}")
	f.Add("pool \"", "php_worker {{\n} }")
	f.Fuzz(func(t *testing.T, global, site string) {
		if strings.Contains(global+site, "import") {
			return // it would read files, or the snippet it stands in
		}
		input := "{\nphp_worker {\n" + global + "\n}\n}\n:80 {\n" + site + "\n}\n"
		first, err := adapt(input)
		if err != nil {
			return
		}
		if again, err := adapt(input); err != nil || again != first {
			t.Fatalf("the same Caddyfile gave first:\n%s\nthen (error %v):\n%s", first, err, again)
		}
	})
}
