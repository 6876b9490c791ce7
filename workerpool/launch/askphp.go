package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// PHP is what a PHP program says of itself.
type PHP struct {
	// Version is such as "8.3.1", and VersionID such as 80301.
	Version   string `json:"version"`
	VersionID int    `json:"id"`
	// MemoryLimit is memory_limit as php.ini and the pool's settings have it; "-1" is none.
	MemoryLimit string `json:"memory_limit"`
	// JIT says that OPcache's JIT would work: it does not beside extensions such as Xdebug.
	JIT bool `json:"jit"`
	// Sockets says that the sockets extension is loaded.
	Sockets bool `json:"sockets"`
}

// askTimeout is how long PHP may take to tell of itself, where a worker can be started without that.
const askTimeout = 5 * time.Second

// question is answered by a PHP program in a line that begins with questionMark. The settings
// behind it make it try the JIT, and leave a debugger alone.
const (
	questionMark = "php_worker asked: "
	// Before PHP 8 json_encode may be missing.
	question = `printf("\n` + questionMark + `{\"version\": \"%s\", \"id\": %d, \"memory_limit\": \"%s\", \"sockets\": %s, \"jit\": %s}\n", PHP_VERSION, PHP_VERSION_ID,` +
		` preg_replace("/[^-\\w.]/", "", ini_get("memory_limit")), extension_loaded("sockets") ? "true" : "false",` +
		` function_exists("opcache_get_status") && !empty(opcache_get_status(false)["jit"]["on"]) ? "true" : "false");`
)

var questionSettings = []string{"-d", "opcache.enable=1", "-d", "opcache.enable_cli=1", "-d", "opcache.jit=tracing", "-d", "opcache.jit_buffer_size=32M",
	"-d", "xdebug.start_with_request=no", "-d", "error_log="}

// askPHP starts the PHP program behind the pool's command once, with the settings in iniDir, to ask
// it what it is. The command's own "-d" options count. nil where the program is not known to be PHP; an error where it
// does not answer.
func (s *Settings) askPHP(ctx context.Context, iniDir string) (*PHP, error) {
	program := s.interpreter()
	if program == nil {
		return nil, nil
	}
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	exit, err := s.ask(ctx, append(append(program, questionSettings...), "-r", question), "pipes", iniDir, &out, nil)
	if err != nil {
		return nil, err
	}
	_, answer, found := strings.Cut(out.String(), questionMark)
	var php PHP
	if !found || json.Unmarshal([]byte(strings.SplitN(answer, "\n", 2)[0]), &php) != nil {
		return nil, fmt.Errorf("%s did not tell what it is (%s)", program[0], exit)
	}
	return &php, nil
}

// ask runs another command once as if it were that of a worker, and returns how it has ended. One that does not
// before ctx is killed, which is an error.
func (s *Settings) ask(ctx context.Context, command []string, relay, iniDir string, stdout, stderr io.Writer) (exit string, err error) {
	asked := *s
	asked.Command = command
	cmd, err := asked.command()
	if err != nil {
		return "", err
	}
	cmd.Env = s.environment(relay, iniDir, cmd.Dir)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second // for a process that holds stdout open
	p, err := process.Start(cmd, s.User, nil)
	if err != nil {
		return "", err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		<-p.Done()
		return "", fmt.Errorf("%s did not answer: %w", command[0], context.Cause(ctx))
	}
	exit, _ = p.Exit()
	return exit, nil
}

// suit asks PHP what suits it, where nobody has yet, or again.
func (l *execLauncher) suit(ctx context.Context, again bool) error {
	if l.settings.SuitIni == nil {
		return nil
	}
	return l.ini.suit(again, func(plain string) map[string]string {
		php, _ := l.settings.askPHP(ctx, plain) // the worker's own start tells more
		l.ini.prepend = l.settings.Prepend
		if php != nil && php.VersionID < prependSince {
			l.ini.prepend = nil
		}
		return l.settings.SuitIni(php)
	})
}

var phpName = regexp.MustCompile(`^php[0-9.]*(-cli|-zts)?(\.exe)?$`)

// interpreter is the PHP program behind the command, with the options that it is given there; nil where that
// cannot be told from the command, nor from the first line of the script that it is.
func (s *Settings) interpreter() []string {
	if s.IsPHP || phpName.MatchString(filepath.Base(s.Command[0])) {
		return append([]string{s.Command[0]}, phpOptions(s.Command[1:])...)
	}
	path, err := exec.LookPath(s.Command[0])
	if err != nil {
		return nil
	}
	if !filepath.IsAbs(path) && s.Dir != "" {
		path = filepath.Join(s.Dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	begin := make([]byte, 256)
	n, _ := f.Read(begin)
	line, _, _ := strings.Cut(string(begin[:n]), "\n")
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") {
		return nil
	}
	for i, word := range words {
		if phpName.MatchString(filepath.Base(word)) {
			return append([]string{word}, phpOptions(words[i+1:])...)
		}
	}
	return nil
}

// phpOptions are those of the arguments of PHP that say which settings it reads.
func phpOptions(args []string) (options []string) {
	for len(args) > 0 {
		switch arg := args[0]; {
		case (arg == "-d" || arg == "-c") && len(args) > 1:
			options, args = append(options, arg, args[1]), args[2:]
			continue
		case arg == "-n", strings.HasPrefix(arg, "-d"), strings.HasPrefix(arg, "-c"):
			options = append(options, arg)
		default:
			return options
		}
		args = args[1:]
	}
	return options
}
