// Command caddy is Caddy with its standard modules and php_worker: the same
// program that "xcaddy build --with github.com/phpworker/caddy-php-worker"
// makes.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/phpworker/caddy-php-worker"
)

func main() {
	caddycmd.Main()
}
