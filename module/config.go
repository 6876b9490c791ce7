package module

import (
	"github.com/caddyserver/caddy/v2"
)

// PoolConfig describes one pool of PHP processes. It stands inline in
// a handler, under "pools" of the app (to be shared by several sites), or under
// "defaults" of the app, whose fields fill what a pool leaves out.
type PoolConfig struct {
	// Name labels the pool in metrics, logs and the admin API. Required, and
	// unique, under "pools" of the app. Default: made from the script; classic without one.
	Name string `json:"name,omitempty"`

	// Mode is "worker", where the processes run the script or command, which stays and takes one request
	// after another; or "classic", where PHP runs, for each request, the script that it names, and
	// begins anew with the next, as under PHP-FPM (Linux only). Default: classic where there is neither script nor command.
	Mode string `json:"mode,omitempty"`

	// Script is the worker script followed by its arguments; the pool runs
	// "<php> <script> <args...>". It excludes Command.
	Script []string `json:"script,omitempty"`

	// Command is the whole command line, program first, where Script does not
	// fit (a wrapper such as vendor/bin/roadrunner-worker). No shell reads it.
	Command []string `json:"command,omitempty"`

	// PHP is the PHP binary for Script: a path, or a name looked up in PATH. In classic mode it is that of
	// php-fpm or php-cgi. Default: php; in classic mode the newest php-fpm there is, else php-cgi.
	PHP string `json:"php,omitempty"`

	// Split lists the extensions of PHP scripts in classic mode: no other file is executed, and behind them a
	// path may go on as PATH_INFO. Default: .php.
	Split []string `json:"split,omitempty"`

	// Ini holds php.ini settings; one that would do nothing in a worker is an error.
	// max_execution_time, in seconds, is the CPU time that a worker may use for one
	// request, and the work after its answer; then it is killed, and the answer is 504
	// (Linux only; 0: no limit). The settings reach PHP through an additional ini
	// folder in PHP_INI_SCAN_DIR, so also when Command is a wrapper. Default:
	// max_execution_time 30, and memory_limit 512M where PHP's own is none.
	Ini map[string]string `json:"ini,omitempty"`

	// Env is added to the workers' environment. Placeholders such as {env.*} are
	// replaced when the config is loaded, here and in Ini, Script, Command, the name of the
	// PHP binary, Dir, Name and the folders of Uploads and Sendfile; one that has no value
	// then, such as {http.request.host}, is an error. Other braces stay as they are: JSON, a route such as /users/{id}. \{ is always a brace.
	Env map[string]string `json:"env,omitempty"`

	// ClearEnv starts the workers from an empty environment, PATH excepted. It is so
	// anyway where User is another user than Caddy's own.
	ClearEnv bool `json:"clear_env,omitempty"`

	// Dir is the workers' working directory. Symbolic links in it are
	// followed at every start of a worker. Default: Caddy's own.
	Dir string `json:"dir,omitempty"`

	// User runs the workers as another user: "user", or "user:group", by
	// name or number. Needs Caddy to run as root, or with the capabilities CAP_SETUID, CAP_SETGID,
	// CAP_CHOWN and CAP_KILL, unless Caddy is that user already. As under PHP-FPM, another user gets nothing
	// of Caddy's environment, which may hold secrets, but PATH: name in Env what
	// it needs. HOME, USER and LOGNAME are its own. Default: Caddy's own.
	User string `json:"user,omitempty"`

	// Rlimits are resource limits of each worker: "soft" or "soft:hard", a
	// number in the limit's own unit or "unlimited", by the limit's name: as,
	// core, cpu, data, fsize, memlock, nofile, nproc, stack. For processes of another User, and for a hard limit
	// above its own, Caddy needs CAP_SYS_RESOURCE, which root in a container often lacks. Linux only.
	Rlimits map[string]string `json:"rlimits,omitempty"`

	// Workers is how many processes the pool keeps. Default: one per CPU,
	// growing to four per CPU while requests wait.
	Workers *Workers `json:"workers,omitempty"`

	// IdleTimeout is how long a worker above the minimum may stay unused.
	// Default: 1m.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// Warmup is the URI of a request that every new worker must answer, with
	// a status below 500, or 503, which applications in maintenance say, before it
	// serves. Default: none.
	Warmup string `json:"warmup,omitempty"`

	// MaxRequests ends a worker gracefully after so many requests; it goes on
	// answering until its successor is ready. Default: no limit.
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

	// DrainTimeout is how long a request may still take when its worker, or Caddy,
	// is to end. Then the worker gets SIGTERM, and SIGKILL after a second, and the client 503.
	// Default: 5m for a worker that is replaced; 20s when Caddy ends, counted from the
	// signal, or from the end of the http app's shutdown_delay. A shorter
	// grace_period of the http app ends the requests earlier.
	DrainTimeout caddy.Duration `json:"drain_timeout,omitempty"`

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
	// one. Default: GET, HEAD and OPTIONS requests, and no others, are sent ahead of
	// their turn, up to seven, while many wait and recent ones were short (0.75 ms
	// on average); what lies behind one that takes long all the same is given to
	// another worker after 10 to 20 ms.
	Pipeline string `json:"pipeline,omitempty"`

	// Buffer is the largest response in bytes that is read from the worker at
	// once, so that a slow client does not hold the worker. A larger one is
	// passed on as the client reads it. Default: 8 MB (8_000_000).
	Buffer int64 `json:"buffer,omitempty"`

	// Memory bounds in bytes what all requests and answers of the pool hold in memory
	// together, those of a pool that it has replaced included. From half of it on bodies
	// and answers go to temporary files, whatever their size; beyond it new requests, and
	// from seven eighths on forms and large headers of answers, are answered 503 with Retry-After. At least 64 MB.
	// Default: an eighth of what Caddy may use, which is the machine's memory, or less
	// where a cgroup or GOMEMLIMIT says so, and at least 64 MB (64_000_000).
	Memory int64 `json:"memory,omitempty"`

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
	// Dir is the folder, which must exist, in which the files are stored, in one of
	// this Caddy's own; what a Caddy that was killed left there is removed at the
	// next start.
	// Default: the system's temporary folder.
	Dir string `json:"dir,omitempty"`

	// MaxFiles is the largest number of files in one request; a request with
	// more is answered 413. Default: 20.
	MaxFiles int `json:"max_files,omitempty"`

	// Allow lists the only file name extensions that are stored; any other file
	// reaches PHP as a failed upload (error 8). Default: all are.
	Allow []string `json:"allow,omitempty"`

	// Forbid lists the extensions that are never stored. It wins over Allow.
	Forbid []string `json:"forbid,omitempty"`
}

// Attribute is one PSR-7 request attribute.
type Attribute struct {
	// Name of the attribute.
	Name string `json:"name"`

	// Value of the attribute; placeholders are replaced for each request. One without
	// a value becomes nothing; braces that hold no placeholder stay as they are.
	Value string `json:"value"`
}
