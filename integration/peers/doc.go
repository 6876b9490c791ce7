// Package peers configures the servers that php_worker is compared with: php-fpm,
// and nginx in front of it. Both live in a folder of the caller's, listen on nothing
// but loopback and a Unix socket, stay in the foreground, and are started and ended
// by the caller.
package peers

import (
	"os"
	"path/filepath"
)

// Find returns the first file that one of the patterns matches, or "".
func Find(patterns ...string) string {
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// FPMBinary is php-fpm, "" where there is none.
func FPMBinary() string {
	return Find("/usr/sbin/php-fpm*", "/usr/bin/php-fpm*", "/opt/homebrew/sbin/php-fpm")
}

// CGIBinary is php-cgi, "" where there is none.
func CGIBinary() string {
	return Find("/usr/bin/php-cgi*", "/opt/homebrew/bin/php-cgi")
}

// NginxBinary is nginx with Debian's files of FastCGI parameters, "" where there is none.
func NginxBinary() string {
	if Find(Params) == "" {
		return ""
	}
	return Find("/usr/sbin/nginx", "/usr/bin/nginx")
}

// Files that come with Debian's nginx.
const (
	// Params are what a script is told besides its own name.
	Params = "/etc/nginx/fastcgi_params"
	// Snippet is Debian's way to PHP: it splits PATH_INFO off, and passes what exists.
	// It includes fastcgi.conf by that name, from the folder of the configuration.
	Snippet = "/etc/nginx/snippets/fastcgi-php.conf"
	// ScriptParams are Params and SCRIPT_FILENAME.
	ScriptParams = "/etc/nginx/fastcgi.conf"
)

// root says whether we are root: both programs then have to be told to stay it.
func root() bool { return os.Geteuid() == 0 }
