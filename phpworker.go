// Package phpworker plugs php_worker into Caddy. It holds no code of its own:
// xcaddy and the module documentation of Caddy's web site import the root package
// of a plugin, and with it come the modules and their Caddyfile directives.
package phpworker

import (
	_ "github.com/phpworker/caddy-php-worker/caddyfile"       // the directive and the global option
	_ "github.com/phpworker/caddy-php-worker/module"          // the modules
	_ "github.com/phpworker/caddy-php-worker/module/listener" // the listener wrapper handover
)
