package module

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/module/exchange"
	"github.com/phpworker/caddy-php-worker/workerpool"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// What bounds a request under PHP-FPM without a word in php.ini, and not on PHP's command line, which
// runs the workers.
const (
	// defaultMemoryLimit is PHP-FPM's 128M for the work, and room for the largest body of defaultMaxBody: it comes
	// through the pipe, and RoadRunner's packages hold up to three copies of it.
	defaultMemoryLimit   = "512M"
	defaultExecutionTime = 30 * time.Second
)

// ourIni are php.ini settings that suit a resident process; the user's win.
var ourIni = map[string]string{
	// Without it the command line PHP compiles every file anew in each worker
	// and optimises nothing.
	"opcache.enable_cli": "1",
	// Octane and others read the relay from $_ENV, which PHP's production
	// php.ini leaves empty.
	"variables_order": "EGPCS",
}

// jitIni are set besides where the JIT works, which it does not beside extensions such as Xdebug. The
// tracing JIT took an eighth off PHP's CPU time with the RoadRunner packages (docs/benchmarks),
// for 1 MB a worker: the buffer is touched only as far as it is used.
var jitIni = map[string]string{
	"opcache.jit":             "tracing",
	"opcache.jit_buffer_size": "32M",
}

// idleIni are settings that do nothing in a worker: those that PHP's command line overrides, and those
// about what Caddy does here. always is the value that holds anyway, "" for none.
var idleIni = map[string]struct{ always, instead string }{
	"html_errors":              {"0", "errors go to the log, as plain text"},
	"implicit_flush":           {"1", "what is printed goes to the log"},
	"output_buffering":         {"0", "what is printed goes to the log; buffer is about answers"},
	"output_handler":           {"", "what is printed goes to the log"},
	"register_argc_argv":       {"1", "a worker always has them"},
	"max_input_time":           {"", "Caddy reads bodies: servers { timeouts { read_body } } bounds that"},
	"file_uploads":             {"1", "use raw_body, or uploads with allow or forbid"},
	"enable_post_data_reading": {"1", "use raw_body"},
	"upload_tmp_dir":           {"", "use uploads { dir }"},
	"max_multipart_body_parts": {"", "max_input_vars and max_file_uploads bound the parts"},
	"zlib.output_compression":  {"0", "use encode"},
	"zlib.output_handler":      {"", "use encode"},
	"user_ini.filename":        {"", "it is for the other ways to run PHP; write ini lines"},
	"user_ini.cache_ttl":       {"", "it is for the other ways to run PHP; write ini lines"},
}

// checkIni refuses settings that would do nothing.
func checkIni(ini map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(ini)) {
		idle, known := idleIni[name]
		if !known && (strings.HasPrefix(name, "cgi.") || strings.HasPrefix(name, "fastcgi.")) {
			idle.instead, known = "it is for the other ways to run PHP", true
		}
		if known && (idle.always == "" || iniSwitch(ini[name]) != idle.always) {
			return fmt.Errorf("ini %s has no effect in a worker: %s", name, idle.instead)
		}
	}
	_, err := executionTime(ini)
	return err
}

// checkIniSizes refuses sizes whose unit was forgotten. Some do not work in PHP either, which says so where nobody looks.
func checkIniSizes(ini map[string]string) error {
	for _, name := range []string{"memory_limit", "post_max_size", "upload_max_filesize"} {
		if n, err := strconv.Atoi(strings.TrimSpace(ini[name])); err == nil && n > 0 && n < FewBytes {
			return fmt.Errorf("ini %s %d has no unit, and so few bytes are hardly meant: write %dM", name, n, n)
		}
	}
	return nil
}

// iniSwitch is a switch of php.ini as 0 or 1; any other value as it is.
func iniSwitch(value string) string {
	switch strings.ToLower(value) {
	case "on", "yes", "true":
		return "1"
	case "off", "no", "false", "none", "":
		return "0"
	}
	return value
}

// executionTime is the CPU time that the pool's max_execution_time grants a request; 0: any. PHP itself has
// no such limit on its command line, so the pool keeps it.
func executionTime(ini map[string]string) (time.Duration, error) {
	text, set := ini["max_execution_time"]
	if !set {
		return defaultExecutionTime, nil
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < -1 || seconds > 1<<30 {
		return 0, fmt.Errorf("ini max_execution_time %q: want a number of seconds, 0 for no limit", text)
	}
	return time.Duration(max(0, seconds)) * time.Second, nil
}

// suitIni returns the settings that depend on the PHP there is, nil where that is not known, and tells
// which limits a request has.
func (c *PoolConfig) suitIni(php *workerpool.PHP, log *zap.Logger) map[string]string {
	ini := make(map[string]string)
	version := "unknown"
	memory, chosen := c.Ini["memory_limit"]
	if php != nil {
		version = php.Version
		memory = php.MemoryLimit // with the line of the pool
		if php.JIT {
			maps.Copy(ini, jitIni)
		}
	}
	if !chosen { // nor by "-d", which wins over everything
		chosen = slices.ContainsFunc(c.Command, func(arg string) bool { return strings.Contains(arg, "memory_limit=") })
	}
	if !chosen && (memory == "" || noMemoryLimit(memory)) {
		memory = defaultMemoryLimit
		ini["memory_limit"] = memory
	}
	limit, _ := executionTime(c.Ini)
	if !process.KnowsCPUTime {
		limit = 0
	}
	log.Info("limits of a request", zap.String("php", version), zap.String("memory_limit", memory),
		zap.String("max_execution_time", orOff(limit)), zap.String("request_timeout", orOff(time.Duration(c.RequestTimeout))))
	if noMemoryLimit(memory) {
		log.Warn("a request may take all the memory there is: memory_limit is off")
	}
	if limit == 0 && c.RequestTimeout == 0 {
		log.Warn("a request may run for ever: neither max_execution_time, which works on Linux, nor request_timeout is set")
	}
	return ini
}

// noMemoryLimit reports whether a value of memory_limit is PHP's word for none.
func noMemoryLimit(value string) bool {
	n, err := exchange.ParseQuantity(value)
	return err == nil && n < 0
}

func orOff(d time.Duration) string {
	if d == 0 {
		return "off"
	}
	return d.String()
}
