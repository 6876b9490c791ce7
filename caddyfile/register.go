package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// directive is the word for both the directive and the global option.
const directive = "php_worker"

func init() {
	httpcaddyfile.RegisterDirective(directive, parseDirective)
	httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.Before, "file_server")
	httpcaddyfile.RegisterGlobalOption(directive, parseGlobal)
}
