// Package module lets PHP applications that stay resident answer Caddy's requests. It is the
// part that knows Caddy: its configuration, its life cycle, its admin API and its metrics. The
// worker processes themselves are the matter of package workerpool, and what is in a
// request or an answer that of package exchange.
//
// # Modules
//
//   - php_worker ([App]) owns the pools of a configuration;
//   - http.handlers.php_worker ([Handler]) answers requests, by a pool of the app or one of its
//     own, and serves files without PHP ([Static]);
//   - admin.api.php_worker serves the pools on the admin endpoint.
//
// The command "caddy php-worker" talks to that endpoint; its "migrate" is package migrate. In a Caddyfile, the directive
// php_worker stands for the handler.
//
// # Life cycle
//
// Caddy calls, for each configuration, in this order:
//
//	Provision, Validate   every module     no process is started: "caddy validate" ends here
//	Start                 [App]            all pools boot side by side; an error rejects the
//	                                       configuration, and the old one goes on
//	(requests)            [Handler]
//	"stopping"            (an event)       only when Caddy itself ends: what still runs is
//	                                       bounded by the drain timeout
//	Cleanup               [App]            gives the pools up
//
// Start of a new configuration comes before Cleanup of the old one, so for a while both are
// alive.
//
// # Who owns a pool during a reload
//
// A pool belongs to whoever holds it, and one registry for the whole process counts the
// holds. The key of a pool is made of its settings: if these are the same in the new
// configuration, both hold the same pool, and its processes know nothing of the reload.
// Otherwise the new configuration makes another one.
//
//   - Of the pools of one name, one serves: the one whose configuration has started last.
//     A configuration that Caddy rejects afterwards gives the name back.
//   - A request belongs to the pool of its handler. Where that pool is not ready yet, or has
//     ended, the one that serves under its name takes the request, if it has the same codec.
//   - A pool that nobody holds any more gives its name up, finishes the requests it has, and
//     ends; a reload does not wait for that. When Caddy itself ends, the workers are waited for.
//   - Totals of metrics are kept by name, for ever, so that no counter goes back.
//   - A pool logs as the newest configuration says that has started and holds it: the files that
//     loggers write to are closed with their configuration.
//
// # Locks
//
// The registry has one mutex, a pool one for its loggers, and neither is held during I/O or
// while a method of the engine is called that may block. Everything a request needs of a
// handler is made when that is provisioned, and not changed afterwards.
package module
