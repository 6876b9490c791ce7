package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// environment is where everything runs.
type environment struct {
	plan plan
	dir  string // scratch
	root string // of the repository
	apps string // the PHP files
	fpm  string // the php-fpm program, "" if there is none
}

func newEnvironment(dir string, p plan) (*environment, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	e := &environment{plan: p, dir: dir, root: root, apps: filepath.Join(root, "integration", "bench", "apps")}
	if _, err := os.Stat(filepath.Join(e.apps, "app.php")); err != nil {
		return nil, fmt.Errorf("run this in the root of the repository: %w", err)
	}
	found, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(found) > 0 {
		e.fpm = found[0]
	}
	if err := os.WriteFile(filepath.Join(dir, "static.txt"), []byte("Hello, world!"), 0o644); err != nil {
		return nil, err
	}
	return e, os.WriteFile(filepath.Join(dir, "load.lua"), []byte(loadScript), 0o644)
}

// ini is what every PHP gets.
var ini = [][2]string{
	{"opcache.enable", "1"}, {"opcache.enable_cli", "1"}, {"opcache.validate_timestamps", "0"}, {"memory_limit", "256M"},
}

// contestant is a server that can be started.
type contestant struct {
	name string
	// config writes the configuration and returns the commands to run, the
	// server first.
	config func(e *environment, app string, port int) ([]*exec.Cmd, error)
	// without are the applications it does not run.
	without string
}

func (c contestant) runs(app string) bool {
	return !strings.Contains(" "+c.without+" ", " "+app+" ")
}

// contestants are those whose programs are here.
func (e *environment) contestants() []contestant {
	list := []contestant{
		{name: "php_worker", config: phpWorker("own.php", filepath.Join(e.root, "php", "autoload.php"))},
		{name: "caddy respond", config: caddyRespond, without: "boot out in wait mix static"},
	}
	vendor := os.Getenv("BENCH_VENDOR")
	if vendor != "" {
		list = append(list, contestant{name: "php_worker+rr-packages", config: phpWorker("psr.php", filepath.Join(vendor, "vendor", "autoload.php"))})
	}
	if e.fpm != "" {
		list = append(list, contestant{name: "caddy+php-fpm", config: caddyFPM})
		if _, err := exec.LookPath("nginx"); err == nil {
			list = append(list, contestant{name: "nginx+php-fpm", config: nginxFPM})
		}
	}
	if bin := os.Getenv("RR_BIN"); bin != "" && vendor != "" {
		list = append(list, contestant{name: "roadrunner", config: roadRunner(bin, vendor), without: "static"})
	}
	if bin := os.Getenv("FRANKENPHP_BIN"); bin != "" {
		list = append(list, contestant{name: "frankenphp", config: frankenPHP(bin)})
	}
	return list
}

func (e *environment) write(name, content string) (string, error) {
	path := filepath.Join(e.dir, name)
	return path, os.WriteFile(path, []byte(content), 0o644)
}

// caddyfile makes the command of a Caddy with one site.
func (e *environment) caddyfile(binary, global, site string, port int) (*exec.Cmd, error) {
	path, err := e.write("Caddyfile", fmt.Sprintf("{\n\tadmin off\n\tlog {\n\t\tlevel ERROR\n\t}\n%s}\nhttp://127.0.0.1:%d {\n%s}\n", global, port, site))
	cmd := exec.Command(binary, "run", "--config", path)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+e.dir, "XDG_CONFIG_HOME="+e.dir)
	return cmd, err
}

func phpWorker(script, autoload string) func(*environment, string, int) ([]*exec.Cmd, error) {
	return func(e *environment, app string, port int) ([]*exec.Cmd, error) {
		site := fmt.Sprintf("\troot %s\n\tphp_worker * %s {\n\t\tworkers %d\n\t\tenv BENCH_APP %s\n\t\tenv BENCH_AUTOLOAD %s\n",
			e.dir, filepath.Join(e.apps, script), e.plan.workers, app, autoload)
		for _, setting := range ini {
			site += fmt.Sprintf("\t\tini %s %s\n", setting[0], setting[1])
		}
		cmd, err := e.caddyfile(e.plan.caddy, "", site+"\t}\n", port)
		return []*exec.Cmd{cmd}, err
	}
}

func caddyRespond(e *environment, _ string, port int) ([]*exec.Cmd, error) {
	cmd, err := e.caddyfile(e.plan.caddy, "", "\trespond \"Hello, world!\"\n", port)
	return []*exec.Cmd{cmd}, err
}

// phpFPM makes the command of a static pool.
func (e *environment) phpFPM(app string) (*exec.Cmd, string, error) {
	socket := filepath.Join(e.dir, "fpm.sock")
	config := fmt.Sprintf("[global]\nerror_log = /dev/null\ndaemonize = no\n[www]\nlisten = %s\nlisten.mode = 0666\npm = static\npm.max_children = %d\nenv[BENCH_APP] = %s\n",
		socket, e.plan.workers, app)
	if os.Geteuid() == 0 {
		config += "user = root\ngroup = root\n"
	}
	for _, setting := range ini {
		config += fmt.Sprintf("php_admin_value[%s] = %s\n", setting[0], setting[1])
	}
	path, err := e.write("fpm.conf", config)
	args := []string{"-F", "-y", path}
	if os.Geteuid() == 0 {
		args = append(args, "-R")
	}
	return exec.Command(e.fpm, args...), socket, err
}

func caddyFPM(e *environment, app string, port int) ([]*exec.Cmd, error) {
	fpm, socket, err := e.phpFPM(app)
	if err != nil {
		return nil, err
	}
	site := fmt.Sprintf("\troot %s\n\tphp_fastcgi unix/%s {\n\t\troot %s\n\t\ttry_files index.php\n\t}\n", e.apps, socket, e.apps)
	if app == "static" {
		site = fmt.Sprintf("\troot %s\n\tphp_fastcgi unix/%s\n\tfile_server\n", e.dir, socket)
	}
	cmd, err := e.caddyfile(e.plan.caddy, "", site, port)
	return []*exec.Cmd{cmd, fpm}, err
}

func nginxFPM(e *environment, app string, port int) ([]*exec.Cmd, error) {
	fpm, socket, err := e.phpFPM(app)
	if err != nil {
		return nil, err
	}
	path, err := e.write("nginx.conf", fmt.Sprintf(`daemon off;
pid %[1]s/nginx.pid;
error_log /dev/null;
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
		root %[1]s;
		keepalive_requests 1000000;
		location / { try_files $uri @php; }
		location @php {
			include /etc/nginx/fastcgi_params;
			fastcgi_param SCRIPT_FILENAME %[3]s/index.php;
			fastcgi_buffers 32 8k;
			fastcgi_pass unix:%[4]s;
		}
	}
}
`, e.dir, port, e.apps, socket, map[bool]string{true: "user root;"}[os.Geteuid() == 0]))
	return []*exec.Cmd{exec.Command("nginx", "-c", path, "-p", e.dir), fpm}, err
}

func roadRunner(bin, vendor string) func(*environment, string, int) ([]*exec.Cmd, error) {
	return func(e *environment, app string, port int) ([]*exec.Cmd, error) {
		php := "php"
		for _, setting := range ini {
			php += fmt.Sprintf(" -d %s=%s", setting[0], setting[1])
		}
		path, err := e.write("rr.yaml", fmt.Sprintf(`version: "3"
server: {command: "%s %s", relay: pipes}
http: {address: "127.0.0.1:%d", pool: {num_workers: %d}}
logs: {mode: production, level: error}
`, php, filepath.Join(e.apps, "psr.php"), port, e.plan.workers))
		cmd := exec.Command(bin, "serve", "-c", path)
		cmd.Env = append(os.Environ(), "BENCH_APP="+app, "BENCH_AUTOLOAD="+filepath.Join(vendor, "vendor", "autoload.php"))
		return []*exec.Cmd{cmd}, err
	}
}

func frankenPHP(bin string) func(*environment, string, int) ([]*exec.Cmd, error) {
	return func(e *environment, app string, port int) ([]*exec.Cmd, error) {
		global := fmt.Sprintf("\tfrankenphp {\n\t\tnum_threads %d\n", e.plan.workers+1)
		for _, setting := range ini {
			global += fmt.Sprintf("\t\tphp_ini %s %s\n", setting[0], setting[1])
		}
		script := filepath.Join(e.apps, "franken.php")
		global += fmt.Sprintf("\t\tworker {\n\t\t\tfile %s\n\t\t\tnum %d\n\t\t\tenv BENCH_APP %s\n\t\t}\n\t}\n", script, e.plan.workers, app)
		site := fmt.Sprintf("\troot %s\n\trewrite franken.php\n\tphp\n", e.apps)
		if app == "static" {
			site = fmt.Sprintf("\troot %s\n\tphp_server\n", e.dir)
		}
		cmd, err := e.caddyfile(bin, global, site, port)
		return []*exec.Cmd{cmd}, err
	}
}

// server is a running contestant.
type server struct {
	commands []*exec.Cmd
	url      string
}

func (e *environment) start(ctx context.Context, c contestant, app string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	commands, err := c.config(e, app, port)
	if err != nil {
		return nil, err
	}
	s := &server{url: fmt.Sprintf("http://127.0.0.1:%d/", port)}
	if app == "static" {
		s.url += "static.txt"
	}
	for _, cmd := range commands {
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			s.stop()
			return nil, err
		}
		s.commands = append(s.commands, cmd)
	}
	if err := s.wait(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// wait returns when the server answers a request.
func (s *server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(s.url); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("it does not answer")
		}
	}
}

// stop ends the server's process groups.
func (s *server) stop() {
	for _, cmd := range s.commands {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
	for _, cmd := range s.commands {
		kill := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		_ = cmd.Wait()
		kill.Stop()
	}
}
