package workerpool

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// Relay says how frames travel between the pool and a worker.
type Relay string

// The relays. See [goridge] for the addresses that workers see.
const (
	// RelayAuto offers file descriptors 3 and 4, and stdin and stdout as
	// well, and takes the pair on which the worker answers. While requests
	// are large, 32 KiB on average, new workers get a socket, as RelayUnix.
	RelayAuto Relay = "auto"
	// RelayStdio is stdin and stdout only.
	RelayStdio Relay = "stdio"
	// RelayUnix is a Unix socket for each worker.
	RelayUnix Relay = "unix"
)

// Config describes a pool. The zero value of a field means its default.
type Config struct {
	// Name labels the pool in logs and errors.
	Name string
	// Command is the program and its arguments. The program is looked up,
	// and symbolic links in it and in Dir are followed, at every start.
	Command []string
	// Dir is the working directory. Default: that of this process.
	Dir string
	// Env is added to the environment; it wins over everything.
	Env map[string]string
	// ClearEnv starts from an empty environment; PATH is kept.
	ClearEnv bool
	// Ini holds php.ini settings.
	Ini map[string]string
	// User runs the workers as another user; nil: as this one. Needs root.
	User *User
	// Rlimits are resource limits of the workers.
	Rlimits []Rlimit

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
	// StreamIdleTimeout is the longest silence within a stream; 0: for ever.
	StreamIdleTimeout time.Duration
	// BootTimeout is how long a worker may take to become ready. Default: 60s.
	BootTimeout time.Duration
	// StopTimeout is the time from the stop frame to SIGKILL. Default: 10s.
	StopTimeout time.Duration

	// DrainTimeout is how long a worker that shall go may take for the
	// request, or stream, that it still has, and the work after its answer.
	// Default: 5m.
	DrainTimeout time.Duration

	// Other ones than the constants of these names, for tests.
	longTail, outputLingers time.Duration

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
	// Warmup is sent to a new worker before it serves; nil: nothing.
	Warmup *Warmup
}

// Warmup is a request that every new worker must answer before it serves.
type Warmup struct {
	// Request is sent; its Body must be in memory.
	Request Request
	// Check judges the answer; an error fails the boot.
	Check func(*goridge.Frame) error
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
	def(&c.longTail, longTail)
	def(&c.outputLingers, outputLingers)
	def(&c.MaxInMemory, DefaultMaxInMemory)
	def(&c.MaxSurge, DefaultMaxSurge)
	def(&c.Relay, RelayAuto)
}

func def[T comparable](field *T, value T) {
	if zero := *new(T); *field == zero {
		*field = value
	}
}

func (c *Config) validate() error {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return errors.New("no command: a script or a command is needed")
	}
	for name, n := range map[string]int64{
		"workers": int64(c.Min), "max workers": int64(c.Max), "queue size": int64(c.QueueSize),
		"max_requests": int64(c.MaxRequests), "max_requests jitter": int64(c.MaxRequestsJitter),
		"max_memory": c.MaxMemory, "buffer": c.MaxInMemory, "max_surge": int64(c.MaxSurge),
		"idle_timeout": int64(c.IdleTimeout), "queue timeout": int64(c.QueueTimeout),
		"request_timeout": int64(c.RequestTimeout), "stream_idle_timeout": int64(c.StreamIdleTimeout),
		"boot_timeout": int64(c.BootTimeout), "stop_timeout": int64(c.StopTimeout), "max_lifetime": int64(c.MaxLifetime),
	} {
		if n < 0 {
			return fmt.Errorf("%s must not be negative", name)
		}
	}
	if c.Max > MaxWorkers {
		return fmt.Errorf("%d workers are more than the limit of %d", c.Max, MaxWorkers)
	}
	if c.MaxInMemory > math.MaxUint32 {
		return fmt.Errorf("buffer of %d bytes is more than a frame can hold", c.MaxInMemory)
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
