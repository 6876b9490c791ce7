// Package caddyfile teaches the Caddyfile the words of php_worker. It turns
// tokens into the JSON of package module and knows no defaults: what a Caddyfile
// leaves out is left out of the JSON, too. Importing it registers the directive
// and the global option; it exports nothing.
//
// # The directive
//
//	php_worker [<matcher>] [<script> [<args...>]] {
//		# what runs
//		command      <binary> [<args...>]
//		php          <binary>
//		ini          <key> <value>
//		env          <key> <value>
//		clear_env
//		dir          <path>
//		user         <user>[:<group>]
//		rlimit       <name> <soft>[:<hard>]
//
//		# how many
//		workers      <n> | <min> <max>
//		idle_timeout <duration>
//		warmup       <uri>
//
//		# how long one worker lives
//		max_requests <n> [<jitter %>]
//		max_memory   <size>
//		max_lifetime <duration>
//		max_surge    <n>
//
//		# how long a request may take
//		queue        <size> [<timeout>]
//		request_timeout <duration>
//		stream_idle_timeout <duration>
//		boot_timeout <duration>
//		stop_timeout <duration>
//		drain_timeout <duration>
//
//		# HTTP
//		root         <path>
//		static       off
//		max_body     <size>
//		body_memory  <size>
//		raw_body
//		uploads {
//			dir          <path>
//			max_files    <n>
//			allow        <ext...>
//			forbid       <ext...>
//		}
//		uri          original | rewritten
//		attribute    <name> <value>
//		buffer       <size>
//		memory       <size>
//		sendfile     <root...>
//
//		# operating it
//		name         <pool>
//		pool         <name>
//		watch        [<glob...>]
//		debug
//		codec        json | proto
//		relay        auto | stdio | unix
//		pipeline     off
//
//		# classic mode
//		mode         worker | classic
//		resolve_root request | restart
//		preload      off | auto
//		index        <file...> | off
//		try_files    <file...>
//		split        <ext...>
//		deny_scripts <path...>
//	}
//
// What each option means and its default stand at the field of the same name in
// module.Handler and module.PoolConfig, and with examples in docs/options.md. Only ini, env, rlimit and attribute may
// be repeated, each time with another key. Numbers, sizes (512KB, 64MB, 1GiB) and
// durations (500ms, 30s, 5m, 1d) are above 0, but <min> and <jitter %> may be 0:
// "workers 0 8" starts the first worker with the first request.
//
// Placeholders are replaced in script, command, php, ini, env, dir, name, and the folders of
// uploads and sendfile when the configuration is loaded, where one without a value is an error;
// in attribute and root for each request. Braces that hold none stay in all but root: JSON,
// a route such as /users/{id}. Caddy's short forms ({host}, {path}, {uri}) always are
// placeholders; \{ is always a brace.
//
// Without script, command and pool the mode is classic: each request names the script that
// runs. A script given by an absolute
// path needs a matcher before it, "php_worker * /srv/app/worker.php", because
// Caddy takes a first argument that starts with a slash for a path to match.
//
// These contradict each other and are refused together: a script or php with
// command; pool with a script, name, or any option that the global option
// accepts in a pool; static off with root, unless the mode is classic; raw_body with uploads;
// and, in either mode, what has a meaning only in the other ([module.Misplaced]).
//
// # Its route
//
// The directive stands for one route with the handler php_worker. It serves a file that exists below root and
// may be served, or the index.html of a folder, and gives everything else to PHP; module.Static says which
// files these are. With "static off" it serves none. Without root in the block the site's root counts; a
// site that has none serves nothing from disk. In classic mode the index scripts of a folder come before its
// index.html.
//
// Among a site's directives php_worker comes just before file_server. Several of them are
// sorted as reverse_proxy is: longer paths first, and one without a matcher last.
//
// # The global option
//
//	{
//		php_worker {
//			defaults {
//				<options>
//			}
//			pool <name> [<script> [<args...>]] {
//				<options>
//			}
//		}
//	}
//
// A pool is shared by every site that names it. Its options are those above that
// concern the processes: what runs, how many, both groups of how long, and
// buffer, memory, watch, codec, relay, pipeline, mode and split. The same ones without command and mode stand in defaults,
// which fill what a pool, shared or not, leaves out, as far as they mean something in its mode.
//
// # Errors
//
// Every error names file and line. An unknown option is answered with the allowed
// ones, a bad value with the expected form, and an option that is given twice or
// contradicts another is never a silent choice.
package caddyfile

//go:generate go test -count=1 -run ^TestTheReferenceIsWhatTheCodeSays$ . -update
