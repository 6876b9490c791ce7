package workerpool

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/budget"
	"github.com/phpworker/caddy-php-worker/workerpool/launch"
	"github.com/phpworker/caddy-php-worker/workerpool/process"
	"github.com/phpworker/caddy-php-worker/workerpool/watch"
)

// PHP is what a PHP program says of itself.
type PHP = launch.PHP

// Relay says how frames travel between the pool and a worker.
type Relay = launch.Relay

// The relays. See [goridge] for the addresses that workers see.
const (
	// RelayAuto offers file descriptors 3 and 4, and stdin and stdout as
	// well, and takes the pair on which the worker answers. While requests
	// are large, 32 KiB on average, new workers get a socket, as RelayUnix.
	RelayAuto = launch.RelayAuto
	// RelayStdio is stdin and stdout only.
	RelayStdio = launch.RelayStdio
	// RelayUnix is a Unix socket for each worker.
	RelayUnix = launch.RelayUnix
)

// Prepend is a PHP script that runs before that of each worker.
type Prepend = launch.Prepend

// Classic are settings of workers that start and end each request as PHP itself does.
type Classic struct {
	// Extensions are those of the files that may be executed, each with its dot. Default: ".php".
	Extensions []string
	// Preload says that PHP may compile, when the workers are replaced, the classes that requests to the old ones have loaded, before the first
	// request to the new ones: it gets what Config.Begin has returned for both. nil: nothing is preloaded.
	Preload func(before, next any) bool
}

// Config describes a pool. The zero value of a field means its default.
type Config struct {
	// Name labels the pool in logs and errors.
	Name string
	// Command is the program and its arguments. The program is looked up,
	// and symbolic links in it and in Dir are followed, at every start.
	Command []string
	// Classic makes the workers processes of a php-fpm or php-cgi, which Command names, with options such as -d; without a
	// Command the system's is taken. Then Request.Frame and the answers are as package fastcgi has them, with the
	// head of an answer as context. SuitIni, Prepend, IsPHP, Relay, RelayEnvName and NoPipeline do not count, nor does
	// MaxExecutionTime: PHP itself sees to that. nil: each worker is a Command of its own, which
	// speaks goridge. Linux only.
	Classic *Classic
	// Dir is the working directory. Default: that of this process.
	Dir string
	// Env is added to the environment; it wins over everything.
	Env map[string]string
	// ClearEnv starts from an empty environment; PATH is kept.
	ClearEnv bool
	// Ini holds php.ini settings.
	Ini map[string]string
	// Prepend runs in PHP before the script of a worker; nil: nothing does.
	Prepend *Prepend
	// SuitIni returns further ones, which suit the PHP that is there, nil where that could not
	// be asked. It is called before the first worker and with each restart; not at all where it is
	// nil. It may log, and must not call the pool.
	SuitIni func(*PHP, *zap.Logger) map[string]string
	// Begin is called when a generation of workers is about to begin, before the first one and with each restart, and returns what they
	// all have in common: Request.Suit gets it. before is what it returned for the generation before, nil where there was none. It must not call
	// the pool. nil: they have nothing in common.
	Begin func(before any) any
	// IsPHP says that the program of Command is PHP, whatever its name.
	IsPHP bool
	// User runs the workers as another user; nil: as this one. Needs root, or the capabilities
	// for it. Their environment begins as with ClearEnv then, and with that user's HOME, USER
	// and LOGNAME.
	User *process.User
	// Rlimits are resource limits of the workers.
	Rlimits []process.Rlimit

	// Min is the number of workers kept; Max the number grown to while
	// requests wait. Both 0: one per CPU, growing to four. Max 0: Min.
	Min, Max int
	// IdleTimeout is how long a worker above Min stays unused. Default: 1m.
	IdleTimeout time.Duration
	// MaxSurge is how many workers more than needed may run during a
	// restart. Default: 1.
	MaxSurge int

	// MaxRequests ends a worker after so many requests; 0: never.
	// MaxRequestsJitter spreads it by up to so many percent upwards.
	MaxRequests, MaxRequestsJitter int
	// MaxMemory ends a worker whose resident memory, in bytes, exceeds it
	// after a response; 0: never.
	MaxMemory int64
	// MaxLifetime ends a worker that is older, or up to a tenth younger, by
	// chance; 0: never.
	MaxLifetime time.Duration

	// QueueSize is the largest number of waiting requests. Default: 1000.
	QueueSize int
	// QueueTimeout is the longest wait of one. Default: 30s.
	QueueTimeout time.Duration
	// RequestTimeout is how long a worker may take until the first frame of
	// its answer; 0: for ever.
	RequestTimeout time.Duration
	// MaxExecutionTime is how much CPU time a worker may use for a request, a stream to
	// its end and the work after the answer included; then it is ended, and the request fails
	// with ErrCPUTime. It is looked at every second, or ten times within a shorter limit. 0: no
	// limit. Linux only.
	MaxExecutionTime time.Duration
	// StreamIdleTimeout is the longest silence within a stream; 0: for ever.
	StreamIdleTimeout time.Duration
	// BootTimeout is how long a worker may take to become ready. Default: 60s.
	BootTimeout time.Duration
	// StopTimeout is the time from the stop frame to SIGKILL. Default: 10s.
	StopTimeout time.Duration

	// DrainTimeout is how long a worker that shall go may take for the
	// request, or stream, that it still has, and the work after its answer. Then it
	// is ended, and the request fails with ErrCut.
	// Default: 5m.
	DrainTimeout time.Duration

	// Tests override the constants of these names.
	readyWithin, outputPatience time.Duration

	// Watch are patterns of files, relative to Dir, whose change restarts the
	// workers. Default: nothing is watched.
	Watch []string

	// Relay is how frames travel. Default: RelayAuto.
	Relay Relay
	// RelayEnvName are further environment variables, besides RR_RELAY, that
	// tell the worker its relay.
	RelayEnvName []string
	// NoPipeline never sends a busy worker further requests.
	NoPipeline bool
	// MaxInMemory is the largest answer in bytes that is read at once, so
	// that its worker is free again. Default: 8 MB.
	MaxInMemory int64
	// Budget bounds what answers hold in memory, but for their heads, which are booked in any case; nil: nothing does. An answer for which
	// there is no room comes in pieces, as one that is larger than MaxInMemory, and its
	// frame is Crowded.
	Budget *budget.Budget
	// Warmup is sent to a new worker before it serves; nil: nothing.
	Warmup *Warmup
}

// Defaults of Config, also stated at its fields.
const (
	DefaultIdleTimeout  = time.Minute
	DefaultQueueSize    = 1000
	DefaultQueueTimeout = 30 * time.Second
	DefaultBootTimeout  = time.Minute
	DefaultStopTimeout  = 10 * time.Second
	DefaultDrainTimeout = 5 * time.Minute
	DefaultMaxInMemory  = 8_000_000
	DefaultMaxSurge     = 1
	// DefaultGrowth times the number of CPUs is the default of Max.
	DefaultGrowth = 4
)

func (c *Config) setDefaults() {
	if c.Min == 0 && c.Max == 0 {
		c.Min = runtime.GOMAXPROCS(0)
		c.Max = DefaultGrowth * c.Min
	}
	c.Max = max(c.Max, c.Min)
	def(&c.IdleTimeout, DefaultIdleTimeout)
	def(&c.QueueSize, DefaultQueueSize)
	def(&c.QueueTimeout, DefaultQueueTimeout)
	def(&c.BootTimeout, DefaultBootTimeout)
	def(&c.StopTimeout, DefaultStopTimeout)
	def(&c.DrainTimeout, DefaultDrainTimeout)
	def(&c.readyWithin, readyWithin)
	def(&c.outputPatience, outputPatience)
	def(&c.MaxInMemory, DefaultMaxInMemory)
	def(&c.MaxSurge, DefaultMaxSurge)
	def(&c.Relay, RelayAuto)
	if c.Classic != nil {
		c.MaxExecutionTime = 0
	}
}

// preloads says that workers may preload what requests to the generation before have loaded.
func (c *Config) preloads(before, next any) bool {
	return c.Classic != nil && c.Classic.Preload != nil && c.Classic.Preload(before, next)
}

// settings are what workers are started with.
func (c *Config) settings() launch.Settings {
	s := launch.Settings{
		Prepend: c.Prepend,
		Command: c.Command, Dir: c.Dir, Env: c.Env, ClearEnv: c.ClearEnv, Ini: c.Ini, User: c.User, Rlimits: c.Rlimits,
		IsPHP: c.IsPHP, Relay: c.Relay, RelayEnvName: c.RelayEnvName, MaxInMemory: c.MaxInMemory,
	}
	if c.Classic != nil {
		s.Classic = &launch.Classic{Extensions: c.Classic.Extensions, Most: c.Max + c.MaxSurge, Preload: c.Classic.Preload != nil}
	}
	if c.Budget != nil { // a nil one would be no nil interface
		s.Budget = c.Budget
	}
	return s
}

func def[T comparable](field *T, value T) {
	if zero := *new(T); *field == zero {
		*field = value
	}
}

// validate reports the first setting, in the order of the fields, that makes no sense. It is for a configuration
// with its defaults.
func (c *Config) validate() error {
	if c.Classic == nil && len(c.Command) == 0 || len(c.Command) > 0 && c.Command[0] == "" {
		return errors.New("no command: a script or a command is needed")
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"workers", int64(c.Min)}, {"max workers", int64(c.Max)}, {"idle_timeout", int64(c.IdleTimeout)}, {"max_surge", int64(c.MaxSurge)},
		{"max_requests", int64(c.MaxRequests)}, {"max_requests jitter", int64(c.MaxRequestsJitter)},
		{"max_memory", c.MaxMemory}, {"max_lifetime", int64(c.MaxLifetime)},
		{"queue size", int64(c.QueueSize)}, {"queue timeout", int64(c.QueueTimeout)},
		{"request_timeout", int64(c.RequestTimeout)}, {"max_execution_time", int64(c.MaxExecutionTime)}, {"stream_idle_timeout", int64(c.StreamIdleTimeout)},
		{"boot_timeout", int64(c.BootTimeout)}, {"stop_timeout", int64(c.StopTimeout)}, {"drain_timeout", int64(c.DrainTimeout)},
		{"buffer", c.MaxInMemory},
	} {
		if f.value < 0 {
			return fmt.Errorf("%s must not be negative", f.name)
		}
	}
	if c.Max > MaxWorkers {
		return fmt.Errorf("%d workers are more than the limit of %d", c.Max, MaxWorkers)
	}
	if c.MaxInMemory > math.MaxUint32 {
		return fmt.Errorf("buffer of %d bytes is more than a frame can hold", c.MaxInMemory)
	}
	if err := process.CheckRlimits(c.Rlimits); err != nil {
		return err
	}
	if err := watch.Check(c.Watch); err != nil {
		return err
	}
	switch c.Relay {
	case RelayAuto, RelayStdio, RelayUnix:
	default:
		return fmt.Errorf("unknown relay %q: it is one of auto, stdio, unix", c.Relay)
	}
	return nil
}

// MaxWorkers is the largest size of a pool.
const MaxWorkers = 4096
