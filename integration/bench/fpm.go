package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// phpFPM makes the command of a static pool and names its socket.
func (e *environment) phpFPM(l launch) (*exec.Cmd, string, error) {
	socket := filepath.Join(l.dir, "fpm.sock")
	config := fmt.Sprintf("[global]\nerror_log = %s\ndaemonize = no\n[www]\nlisten = %s\nlisten.mode = 0666\npm = static\npm.max_children = %d\n",
		filepath.Join(l.dir, "fpm.log"), socket, l.workers)
	args := []string{"-F"}
	if os.Geteuid() == 0 {
		config += "user = root\ngroup = root\n"
		args = append(args, "-R")
	}
	for _, v := range e.variables(l) {
		config += fmt.Sprintf("env[%s] = %s\n", v[0], v[1])
	}
	for _, setting := range l.settings() { // a pool's own come too late for OPcache
		args = append(args, "-d", setting[0]+"="+setting[1])
	}
	path, err := l.write("fpm.conf", config)
	return exec.Command(e.fpm, append(args, "-y", path)...), socket, err
}

// fastcgiParams comes with Debian's nginx.
const fastcgiParams = "/etc/nginx/fastcgi_params"

const nginxConfig = `daemon off;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.log;
worker_processes auto;
%[5]s
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	client_max_body_size 64m;
	client_body_temp_path %[1]s/body;
	fastcgi_temp_path %[1]s/fastcgi;
	proxy_temp_path %[1]s/proxy;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]d;
		root %[6]s;
		keepalive_requests 1000000;
		location / { try_files $uri @php; }
		location @php {
			include %[7]s;
			fastcgi_param SCRIPT_FILENAME %[3]s;
			fastcgi_buffers 32 8k;
			fastcgi_pass unix:%[4]s;
		}
	}
}
`

// nginxFPM runs this script of apps, with these packages unless vendor is "".
func nginxFPM(script, vendor string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		fpm, socket, err := e.phpFPM(l.with(vendor))
		if err != nil {
			return nil, err
		}
		user := ""
		if os.Geteuid() == 0 {
			user = "user root;"
		}
		path, err := l.write("nginx.conf", fmt.Sprintf(nginxConfig, l.dir, l.port, filepath.Join(e.apps, script), socket, user, e.public, fastcgiParams))
		return []*exec.Cmd{exec.Command(e.nginx, "-c", path, "-p", l.dir), fpm}, err
	}
}
