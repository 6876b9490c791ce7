package main

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/phpworker/caddy-php-worker/integration/peers"
)

// phpFPM makes the command of a static pool and names its socket.
func (e *environment) phpFPM(l launch) (*exec.Cmd, string, error) {
	f := peers.FPM{Binary: e.fpm, Dir: l.dir, Children: l.workers, Env: e.variables(l), INI: l.settings()}
	cmd, err := f.Command()
	return cmd, f.Socket(), err
}

const nginxServer = `listen 127.0.0.1:%[1]d;
		root %[4]s;
		keepalive_requests 1000000;
		location / { try_files $uri @php; }
		location @php {
			include %[5]s;
			fastcgi_param SCRIPT_FILENAME %[2]s;
			fastcgi_buffers 32 8k;
			fastcgi_pass unix:%[3]s;
		}`

// nginxFPM runs this script of apps, with these packages unless vendor is "".
func nginxFPM(script, vendor string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		fpm, socket, err := e.phpFPM(l.with(vendor))
		if err != nil {
			return nil, err
		}
		n := peers.Nginx{Binary: e.nginx, Dir: l.dir, Workers: "auto"}
		root := e.public
		if l.app.folder != "" {
			root = l.app.folder
		}
		n.Server = fmt.Sprintf(nginxServer, l.port, filepath.Join(l.app.root(e), script), socket, root, peers.Params)
		nginx, err := n.Command()
		return []*exec.Cmd{nginx, fpm}, err
	}
}
