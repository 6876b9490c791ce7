package module

import (
	_ "embed"
	"strings"

	"github.com/phpworker/caddy-php-worker/php"
	"github.com/phpworker/caddy-php-worker/workerpool"
)

// prependScript defines, for PHP, the functions in replacedFunctions.
//
//go:embed prepend.php
var prependScript string

// prependFiles are what it includes: what runs when the process ends; functions of PHP's SAPIs and of FrankenPHP; those that are
// there from the moment on at which a worker serves superglobals; and our package, for scripts that loop
// over frankenphp_handle_request().
var prependFiles = map[string]string{
	"frankenphp.php": frankenphpScript,
	"serving.php":    servingScript,
	"shutdown.php":   shutdownScript,
	"package.php":    php.Bundle(),
}

//go:embed prepend_frankenphp.php
var frankenphpScript string

//go:embed prepend_serving.php
var servingScript string

// replacedFunctions are those whose effect PHP's command line drops without a word, those
// that know nothing of a request that did not come through PHP itself, one that counts the
// buffers of our package, and what belongs to the end of a request: PHP calls session_write_close()
// behind a script, which is how ours knows of its end.
var replacedFunctions = []string{
	"header", "header_register_callback", "header_remove", "headers_list", "headers_sent", "http_response_code", "setcookie", "setrawcookie",
	"is_uploaded_file", "move_uploaded_file", "filter_input", "filter_has_var", "filter_input_array", "request_parse_body", "ob_get_level",
	"flush", "connection_aborted", "connection_status", "register_shutdown_function", "session_write_close",
}

//go:embed prepend_shutdown.php
var shutdownScript string

// prepend is the script that runs before that of a worker. There is none where
// the settings forbid it (auto_prepend_file none), or where the command line has
// another one: PHP would take that, and the functions would be missing.
func prepend(ini map[string]string, command []string) *workerpool.Prepend {
	const setting = "auto_prepend_file"
	if strings.EqualFold(ini[setting], "none") {
		return nil
	}
	for _, word := range command {
		if strings.Contains(word, setting) {
			return nil
		}
	}
	return &workerpool.Prepend{Script: prependScript, Files: prependFiles, Replaces: replacedFunctions}
}
