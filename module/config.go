package module

import (
	"github.com/caddyserver/caddy/v2"
)

// PoolConfig describes one pool of resident PHP processes. It stands inline in
// a handler, under "pools" of the app (to be shared by several sites), or under
// "defaults" of the app, whose fields fill what a pool leaves out.
type PoolConfig struct {
	// Name labels the pool in metrics, logs and the admin API. Required, and
	// unique, under "pools" of the app. Default: made from the script.
	Name string `json:"name,omitempty"`

	// Script is the worker script followed by its arguments; the pool runs
	// "<php> <script> <args...>". It excludes Command.
	Script []string `json:"script,omitempty"`

	// Command is the whole command line, program first, where Script does not
	// fit (a wrapper such as vendor/bin/roadrunner-worker). No shell reads it.
	Command []string `json:"command,omitempty"`

	// PHP is the PHP binary for Script: a path, or a name looked up in PATH.
	// Default: php.
	PHP string `json:"php,omitempty"`

	// Ini holds php.ini settings. They reach PHP through an additional ini
	// folder in PHP_INI_SCAN_DIR, so also when Command is a wrapper.
	Ini map[string]string `json:"ini,omitempty"`

	// Env is added to the workers' environment. Placeholders of the
	// environment ({env.*}) are replaced when the config is loaded.
	Env map[string]string `json:"env,omitempty"`

	// ClearEnv starts the workers from an empty environment, PATH excepted.
	ClearEnv bool `json:"clear_env,omitempty"`

	// Dir is the workers' working directory. Symbolic links in it are
	// followed at every start of a worker. Default: Caddy's own.
	Dir string `json:"dir,omitempty"`

	// User runs the workers as another user: "user", or "user:group", by
	// name or number. Needs Caddy to run as root. Default: Caddy's own.
	User string `json:"user,omitempty"`

	// Rlimits are resource limits of each worker: "soft" or "soft:hard", a
	// number in the limit's own unit or "unlimited", by the limit's name: as,
	// core, cpu, data, fsize, memlock, nofile, nproc, stack. Linux only.
	Rlimits map[string]string `json:"rlimits,omitempty"`

	// Workers is how many processes the pool keeps. Default: one per CPU,
	// growing to four per CPU while requests wait.
	Workers *Workers `json:"workers,omitempty"`

	// IdleTimeout is how long a worker above the minimum may stay unused.
	// Default: 1m.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// Warmup is the URI of a request that every new worker must answer, with
	// a status below 500, before it serves. Default: none.
	Warmup string `json:"warmup,omitempty"`

	// MaxRequests ends a worker gracefully after so many requests. Default:
	// no limit.
	MaxRequests int `json:"max_requests,omitempty"`

	// MaxRequestsJitter spreads MaxRequests by up to so many percent upwards,
	// so that workers do not end together. Default: 10.
	MaxRequestsJitter *int `json:"max_requests_jitter,omitempty"`

	// MaxMemory ends a worker gracefully whose resident memory in bytes
	// exceeds it after a response. Default: no limit. Linux only.
	MaxMemory int64 `json:"max_memory,omitempty"`

	// MaxLifetime ends a worker gracefully that is older, or up to a tenth
	// younger, by chance, so that not all go together. Default: no limit.
	MaxLifetime caddy.Duration `json:"max_lifetime,omitempty"`

	// MaxSurge is how many workers more than usual may run while workers are
	// replaced, whatever for; those that only finish what they have begun do not
	// count. Default: 1.
	MaxSurge int `json:"max_surge,omitempty"`

	// RequestTimeout is how long a worker may take until its answer begins,
	// waits included. Then it is killed and the answer is 504. Default: no
	// limit.
	RequestTimeout caddy.Duration `json:"request_timeout,omitempty"`

	// StreamIdleTimeout is the longest silence between two pieces of a
	// streamed answer. Then the worker is killed and the connection cut.
	// Default: no limit.
	StreamIdleTimeout caddy.Duration `json:"stream_idle_timeout,omitempty"`

	// Queue bounds the requests that wait for a worker. Default: 1000
	// requests, 30s each; beyond that the answer is 503 with Retry-After.
	Queue *Queue `json:"queue,omitempty"`

	// BootTimeout is how long a worker may take from its start until it asks
	// for its first request. Default: 60s.
	BootTimeout caddy.Duration `json:"boot_timeout,omitempty"`

	// StopTimeout is how long a worker may take from the stop frame until
	// SIGKILL; SIGTERM comes halfway. Default: 10s.
	StopTimeout caddy.Duration `json:"stop_timeout,omitempty"`

	// Watch is for development: the workers are restarted, one by one, when a
	// file changes that one of these patterns matches. Patterns are relative
	// to Dir; ** crosses folders, {a,b} is either. A list with one empty
	// pattern stands for PHP files, templates and YAML files below Dir.
	// Folders named var, cache, storage, tmp, log, logs, node_modules and .git
	// are left out. Default: nothing is watched.
	Watch []string `json:"watch,omitempty"`

	// Relay is the way frames travel: "auto" (file descriptors 3 and 4, or
	// stdin and stdout where the worker insists on them), "stdio" or "unix".
	// PHP reads a large body from a socket several times faster than from a
	// pipe, so with auto the workers are replaced by ones with a socket when
	// requests are larger than 32 KiB on average, and back below 4 KiB, at most
	// once a minute. Default: auto.
	Relay string `json:"relay,omitempty"`

	// Pipeline "off" never sends a request to a worker that is still at another
	// one. Default: it is done, ahead of its turn, while many requests wait and
	// recent ones were short (0.75 ms on average), with up to seven at once where
	// all are GET, HEAD or OPTIONS; what the worker has not begun when it fails, or
	// has not read when it takes longer, is given to another one. Relay "unix" cannot
	// take requests back and never does it, nor do systems other than Linux.
	Pipeline string `json:"pipeline,omitempty"`

	// Buffer is the largest response in bytes that is read from the worker at
	// once, so that a slow client does not hold the worker. A larger one is
	// passed on as the client reads it. Default: 8 MB (8_000_000).
	Buffer int64 `json:"buffer,omitempty"`

	// Codec is the encoding of the request context: "json", which every
	// generation of the RoadRunner packages understands, or "proto".
	// Default: json.
	Codec string `json:"codec,omitempty"`
}

// Workers is the size of a pool.
type Workers struct {
	// Min is the number of workers the pool always keeps. 0 starts the first
	// one with the first request.
	Min int `json:"min,omitempty"`

	// Max is the number up to which the pool grows while requests wait.
	// Default: Min.
	Max int `json:"max,omitempty"`
}

// Queue bounds the requests that wait for a free worker.
type Queue struct {
	// Size is the largest number of waiting requests. Default: 1000.
	Size int `json:"size,omitempty"`

	// Timeout is the longest wait of one request. Default: 30s.
	Timeout caddy.Duration `json:"timeout,omitempty"`
}

// Uploads says where and which uploaded files are stored for PHP.
type Uploads struct {
	// Dir, which must exist, receives the files, in a folder of this Caddy's own;
	// what a Caddy that was killed left there is removed at the next start.
	// Default: the system's temporary folder.
	Dir string `json:"dir,omitempty"`

	// MaxFiles is the largest number of files in one request; a request with
	// more is answered 413. Default: 20.
	MaxFiles int `json:"max_files,omitempty"`

	// Allow, where not empty, lists the file name extensions that are stored;
	// any other file reaches PHP as a failed upload (error 8).
	Allow []string `json:"allow,omitempty"`

	// Forbid lists the extensions that are never stored. It wins over Allow.
	Forbid []string `json:"forbid,omitempty"`
}

// Attribute is one PSR-7 request attribute.
type Attribute struct {
	// Name of the attribute.
	Name string `json:"name"`

	// Value of the attribute; placeholders are replaced for each request.
	Value string `json:"value"`
}
