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

	// Dir is the workers' working directory. Default: Caddy's own.
	Dir string `json:"dir,omitempty"`

	// Workers is how many processes the pool keeps. Default: one per CPU.
	Workers *Workers `json:"workers,omitempty"`

	// Queue bounds the requests that wait for a worker. Default: 1000
	// requests, 30s each; beyond that the answer is 503 with Retry-After.
	Queue *Queue `json:"queue,omitempty"`

	// BootTimeout is how long a worker may take from its start until it asks
	// for its first request. Default: 60s.
	BootTimeout caddy.Duration `json:"boot_timeout,omitempty"`

	// StopTimeout is how long a worker may take from the stop frame until
	// SIGKILL; SIGTERM comes halfway. Default: 10s.
	StopTimeout caddy.Duration `json:"stop_timeout,omitempty"`

	// Relay is the way frames travel: "auto" (file descriptors 3 and 4, or
	// stdin and stdout where the worker insists on them), "stdio" or "unix".
	// Default: auto.
	Relay string `json:"relay,omitempty"`

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
	// Min is the number of workers the pool keeps. Default: one per CPU.
	Min int `json:"min,omitempty"`
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
	// Dir receives the files. Default: the system's temporary folder.
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
