package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Nginx is an nginx with one server block.
type Nginx struct {
	// Binary is its program, NginxBinary() for instance.
	Binary string
	// Dir gets its configuration, its log and its temporary files.
	Dir string
	// Workers is the number of its processes, or "auto".
	Workers string
	// HTTP are lines of the http block, Server those of the server block.
	HTTP, Server string
}

const nginxConfig = `daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.log;
worker_processes %[2]s;
%[3]s
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	include /etc/nginx/mime.types;
	client_max_body_size 64m;
	client_body_temp_path %[1]s/body;
	fastcgi_temp_path %[1]s/fastcgi;
	proxy_temp_path %[1]s/proxy;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	%[4]s
	server {
		%[5]s
	}
}
`

// Command writes the configuration and makes the command.
func (n Nginx) Command() (*exec.Cmd, error) {
	user := ""
	if root() {
		user = "user root;"
	}
	// Debian's snippet includes it from beside the configuration.
	params, err := os.ReadFile(ScriptParams)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(n.Dir, filepath.Base(ScriptParams)), params, 0o644); err != nil {
		return nil, err
	}
	path := filepath.Join(n.Dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, n.Dir, n.Workers, user, n.HTTP, n.Server)
	return exec.Command(n.Binary, "-c", path, "-p", n.Dir), os.WriteFile(path, []byte(text), 0o644)
}
