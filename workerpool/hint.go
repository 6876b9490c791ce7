package workerpool

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/phpworker/caddy-php-worker/workerpool/launch"
	"github.com/phpworker/caddy-php-worker/workerpool/link"
)

// bootError says what was seen of a start with these traits, what was printed, what PHP itself said, and what helps
// where that is certain.
func (p *Pool) bootError(traits launch.Traits, err error, output []string, fatal string) *BootError {
	e := &BootError{Pool: p.config.Name, Command: traits.Command, Err: err, Output: output, Fatal: fatal}
	e.Hint = p.config.hint(e, p.php.Load())
	return e
}

// What is certain about a start from what was printed.
var (
	// noScript is what the command line PHP prints for a script that it cannot open.
	noScript = regexp.MustCompile(`Could not open input file: (.+)`)
	// noSockets is how PHP code complains that the sockets extension is missing.
	noSockets = regexp.MustCompile(`(?i)\bext-sockets\b|sockets extension|undefined function \S*socket_`)
	// ownSource is the line of a worker that takes requests, which PHP prints where it is no code for it.
	ownSource = regexp.MustCompile(`Worker::create\(|->waitRequest\(`)
	// notUnderstood is how a PHP complains that is older than the code.
	notUnderstood = regexp.MustCompile(`^Parse error|Call to undefined function`)
	// notCLI are the names of PHP's programs that cannot run a worker.
	notCLI = regexp.MustCompile(`^(php-?(cgi|fpm)[0-9.]*|php[0-9.]+-?(cgi|fpm))(\.exe)?$`)
)

// oldestPHP is the first version that our package is for.
const oldestPHP = 80100

// theLoop is what a worker needs, for hints.
const theLoop = "a worker stays alive and asks for requests in a loop: run() of php_worker's own package, " +
	"or while (... waitRequest() ...) with RoadRunner's"

// hint is what usually helps; "" where what was seen is not proof of one cause. A wrong hint
// is worse than none.
func (c *Config) hint(e *BootError, php *PHP) string {
	printed := strings.Join(e.Output, "\n")
	ended, hasEnded := errors.AsType[*launch.EndedError](e.Err)
	_, neverRan := errors.AsType[*notStarted](e.Err)
	_, inWarmUp := errors.AsType[*warmUpError](e.Err)
	switch {
	case neverRan, errors.Is(e.Err, errBootStopped):
		return ""
	case inWarmUp:
		return "the worker had started, and asked for a request: what failed is the one that warmup sends; " +
			"what the application logs about it tells more"
	case c.Classic != nil:
		return "" // PHP, or php-fpm, has said it
	case notCLI.MatchString(filepath.Base(c.Command[0])):
		program := filepath.Base(c.Command[0])
		return program + " speaks FastCGI; a worker needs PHP's command line program, which is called php"
	case noScript.MatchString(printed):
		hint := "the script does not exist, or may not be read"
		if !filepath.IsAbs(noScript.FindStringSubmatch(printed)[1]) {
			hint += "; its path is relative to the working directory " + c.workingDir()
		}
		return hint
	case strings.Contains(printed, "Failed opening required") && strings.Contains(printed, "vendor/autoload.php"):
		return "the packages of the application are not installed: run composer install in its folder"
	case strings.Contains(printed, launch.PrependName) && strings.Contains(printed, "open_basedir"):
		return "a php.ini limits PHP to the folders of open_basedir, and the file that php_worker runs before the script is in none of them: " +
			"write its line into the pool (ini open_basedir <folders>), where that file is added, or go without (ini auto_prepend_file none)"
	case hasEnded && ended.Orderly && ownSource.MatchString(printed):
		return "PHP has printed the script instead of running it: it must begin with <?php"
	case c.Relay == RelayUnix && noSockets.MatchString(printed):
		return "relay unix needs PHP's sockets extension"
	case notUnderstood.MatchString(e.Fatal) && php != nil && php.VersionID < oldestPHP:
		return "this is PHP " + php.Version + "; php_worker's own package needs 8.1 or newer, and other code may, too"
	case e.Fatal != "":
		return "" // PHP has said it
	case errors.Is(e.Err, link.ErrNotConnected) && c.Relay == RelayUnix:
		return "a worker that reads STDIN and writes STDOUT, whatever RR_RELAY says, needs relay auto or stdio"
	case errors.Is(e.Err, errBootTimeout):
		return "where the start really takes this long, raise boot_timeout"
	case hasEnded && ended.Orderly:
		return "the script came to its end; " + theLoop + "; a script that answers once and ends runs in classic mode: php_worker without a script"
	}
	return ""
}

func (c *Config) workingDir() string {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return "of Caddy"
	}
	return dir
}
