package migrate

import (
	"slices"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/migrate/nginxconf"
)

// implied are directives that need no line, and why.
var implied = map[string]string{
	"accept_mutex": "Caddy has one process", "multi_accept": "Caddy has one process", "use": "Caddy has one process",
	"worker_processes": "Caddy has one process", "worker_connections": "Caddy has no such limit", "worker_rlimit_nofile": "Caddy's systemd unit has LimitNOFILE",
	"user": "Caddy's systemd unit says who it is", "pid": "systemd knows Caddy's process", "daemon": "systemd starts Caddy", "load_module": "modules are built into Caddy",
	"pcre_jit": "Caddy has another engine", "timer_resolution": "Caddy has no such setting",
	"sendfile": "Caddy does so", "tcp_nopush": "Caddy does so", "tcp_nodelay": "Caddy does so", "aio": "Caddy needs none", "directio": "Caddy needs none", "output_buffers": "Caddy has its own buffers",
	"keepalive_timeout": "Caddy keeps connections for five minutes; the global option servers has idle for it", "keepalive_requests": "Caddy has no such limit",
	"keepalive_disable": "Caddy has no such clients", "reset_timedout_connection": "Caddy does so", "lingering_close": "Caddy has its own rule", "lingering_timeout": "Caddy has its own rule",
	"send_timeout": "Caddy has its own; php_worker's buffer frees PHP from slow clients", "client_body_timeout": "Caddy has its own; a body is read before PHP is asked",
	"client_header_timeout": "Caddy has its own, a minute", "client_header_buffer_size": "Caddy reads headers of up to a megabyte", "large_client_header_buffers": "Caddy reads headers of up to a megabyte",
	"client_body_in_file_only": "larger bodies go to files", "client_body_in_single_buffer": "Caddy has its own buffers",
	"types_hash_max_size": "Caddy has no such table", "types_hash_bucket_size": "Caddy has no such table", "server_names_hash_bucket_size": "Caddy has no such table",
	"server_names_hash_max_size": "Caddy has no such table", "variables_hash_max_size": "Caddy has no such table", "variables_hash_bucket_size": "Caddy has no such table", "map_hash_bucket_size": "Caddy has no such table", "map_hash_max_size": "Caddy has no such table",
	"types": "Caddy knows the types of files", "default_type": "Caddy knows the types of files", "server_tokens": "Caddy does not tell its version", "server_name_in_redirect": "Caddy redirects to the name of the request",
	"port_in_redirect": "Caddy redirects to the port of the request", "absolute_redirect": "Caddy redirects within the site", "merge_slashes": "Caddy does so",
	"open_file_cache": "Caddy has no such cache", "open_file_cache_valid": "Caddy has no such cache", "open_file_cache_min_uses": "Caddy has no such cache", "open_file_cache_errors": "Caddy has no such cache",
	"disable_symlinks": "a script never lies out of root; file_server follows links", "etag": "Caddy sends one", "if_modified_since": "Caddy does so", "log_not_found": "Caddy logs no file that is missing", "log_subrequest": "there are none",
	"rewrite_log": "Caddy's debug mode logs rewrites", "open_log_file_cache": "Caddy keeps its logs open", "break": "nothing follows", "recursive_error_pages": "Caddy has one level", "msie_padding": "there is no such client",
	"http2": "Caddy speaks it", "http3": "Caddy speaks it", "quic_retry": "Caddy has its own rule", "ssl_early_data": "Caddy has none", "http2_push_preload": "browsers have given it up", "http2_push": "browsers have given it up",
	"ssl_session_cache": "Caddy has its own", "ssl_session_timeout": "Caddy has its own", "ssl_session_tickets": "Caddy changes their keys", "ssl_prefer_server_ciphers": "Caddy does so", "ssl_buffer_size": "Caddy has its own",
	"ssl_ciphers": "Caddy has only strong ones; tls { ciphers } names others", "ssl_ecdh_curve": "Caddy has only strong ones; tls { curves } names others", "ssl_dhparam": "Caddy has no such exchange of keys",
	"ssl_stapling": "Caddy does so", "ssl_stapling_verify": "Caddy does so", "ssl_trusted_certificate": "Caddy staples without it", "resolver": "Caddy asks the system", "resolver_timeout": "Caddy asks the system", "ssl": "the addresses say so",
	"gzip_vary": "encode does so", "gzip_proxied": "encode does so", "gzip_types": "encode has a list of its own", "gzip_min_length": "encode has 512 bytes; minimum_length changes it", "gzip_comp_level": "encode has its own; gzip <level> changes it",
	"gzip_buffers": "encode has its own", "gzip_http_version": "encode does so", "gzip_disable": "there is no such client", "gzip_static": "file_server has precompressed", "brotli_types": "encode has a list of its own", "brotli_comp_level": "encode has its own", "brotli_static": "file_server has precompressed",
	"charset": "PHP's default_charset says so, and file_server for texts", "charset_types": "file_server knows them", "source_charset": "nothing is recoded", "override_charset": "nothing is recoded",
	"fastcgi_index": "php_worker's index", "fastcgi_buffers": "php_worker's buffer, 8 MB, of every answer", "fastcgi_buffer_size": "php_worker takes headers of any usual size", "fastcgi_busy_buffers_size": "php_worker's buffer", "fastcgi_buffering": "php_worker passes on what PHP flushes",
	"fastcgi_max_temp_file_size": "php_worker's buffer", "fastcgi_temp_file_write_size": "php_worker's buffer", "fastcgi_keep_conn": "php_worker keeps connections", "fastcgi_connect_timeout": "php_worker's queue waits for a free process",
	"fastcgi_send_timeout": "a body is read before PHP is asked", "fastcgi_request_buffering": "a body is read before PHP is asked", "fastcgi_ignore_client_abort": "as PHP's ignore_user_abort says", "fastcgi_socket_keepalive": "there is no network between", "fastcgi_next_upstream": "a request is repeated where that is safe", "fastcgi_pass_header": "php_worker passes all on", "fastcgi_pass_request_headers": "php_worker passes them on", "fastcgi_pass_request_body": "php_worker passes it on",
	"fastcgi_catch_stderr": "what PHP says is logged", "autoindex_exact_size": "file_server browse has its own", "autoindex_localtime": "file_server browse has its own", "autoindex_format": "file_server browse has JSON for who asks for it",
	"proxy_http_version": "reverse_proxy does so", "proxy_cache_bypass": "reverse_proxy has no cache", "proxy_buffering": "reverse_proxy passes on at once what is streamed", "proxy_redirect": "reverse_proxy leaves Location as it is", "proxy_buffers": "reverse_proxy has its own", "proxy_buffer_size": "reverse_proxy has its own", "proxy_connect_timeout": "reverse_proxy has three seconds",
	"access_log": "Caddy logs no requests of this place", "error_log": "Caddy logs to its standard error, which is systemd's journal", "log_format": "Caddy logs JSON; log { format } has others", "fastcgi_intercept_errors": "handle_errors is for Caddy's own errors",
}

// noCounterpart are directives that Caddy itself has no counterpart of, and what to do.
var noCounterpart = map[string]string{
	"limit_req": "Caddy itself has no limit of rates: the module caddy-ratelimit has", "limit_req_zone": "Caddy itself has no limit of rates: the module caddy-ratelimit has", "limit_conn": "Caddy itself has no limit of connections", "limit_conn_zone": "Caddy itself has no limit of connections", "limit_rate": "Caddy itself has no limit of bytes a second", "limit_req_status": "Caddy itself has no limit of rates",
	"fastcgi_cache": "Caddy itself has no cache of answers: the module cache-handler has", "fastcgi_cache_path": "Caddy itself has no cache of answers: the module cache-handler has", "fastcgi_cache_key": "Caddy itself has no cache of answers", "fastcgi_cache_valid": "Caddy itself has no cache of answers", "fastcgi_cache_bypass": "Caddy itself has no cache of answers", "fastcgi_no_cache": "Caddy itself has no cache of answers", "fastcgi_cache_use_stale": "Caddy itself has no cache of answers",
	"include":                "the file is not there, or may not be read: run the command where it is",
	"auth_request":           "forward_auth does this: write it yourself",
	"sub_filter":             "Caddy itself changes no answers: the module replace-response does",
	"geo":                    "write it as a matcher with client_ip",
	"geoip_country":          "Caddy itself knows no countries: modules do",
	"split_clients":          "has no counterpart",
	"ssl_client_certificate": "tls { client_auth } does this: write it yourself",
	"ssl_verify_client":      "tls { client_auth } does this: write it yourself",
	"perl":                   "Caddy runs no Perl",
	"satisfy":                "Caddy has no alternative of addresses and passwords: here both count",
	"stub_status":            "Caddy's metrics, and \"caddy php-worker list\"",
	"dav_methods":            "the module webdav does this",
	"mirror":                 "has no counterpart",
	"userid":                 "has no counterpart",
	"secure_link":            "has no counterpart",
}

// needsNoLine says why a directive needs no line.
func needsNoLine(d *nginxconf.Directive) (string, bool) {
	switch d.Name {
	case "include":
		base := d.Arg(0)[strings.LastIndexByte(d.Arg(0), '/')+1:]
		if slices.Contains([]string{"mime.types", "fastcgi_params", "fastcgi.conf", "fastcgi-php.conf", "proxy_params", "uwsgi_params"}, base) {
			return "the usual file is not there, and Caddy and php_worker do what it usually says", true
		}
		return "", false
	case "fastcgi_intercept_errors":
		return "PHP's own error pages are sent", d.Arg(0) == "off"
	case "autoindex":
		return "Caddy lists no folders", d.Arg(0) == "off"
	case "gzip", "brotli":
		return "nothing is compressed here", d.Arg(0) == "off"
	case "access_log":
		if d.Arg(0) != "off" {
			return "", false
		}
	case "log_format", "error_log":
	case "client_max_body_size":
		return "nothing is taken by PHP here", true
	case "client_body_buffer_size":
		return "php_worker's body_memory, 1 MiB", true
	case "index":
		return "file_server and php_worker have the usual ones", true
	case "root":
		return "nothing is served from it here", true
	case "rewrite":
		return "", false
	}
	if strings.HasSuffix(d.Name, "_temp_path") {
		return "uploads { dir } names a folder", true
	}
	text, ok := implied[d.Name]
	return text, ok
}
