package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// caddyfile makes the command of a Caddy with one site.
func (l launch) caddyfile(binary, global, site string) (*exec.Cmd, error) {
	host := cmp.Or(l.app.host, "127.0.0.1")
	path, err := l.write("Caddyfile", fmt.Sprintf("{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tlog {\n\t\tlevel ERROR\n\t}\n%s}\nhttp://%s:%d {\n%s}\n", global, host, l.port, site))
	cmd := exec.Command(binary, "run", "--config", path)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+l.dir, "XDG_CONFIG_HOME="+l.dir)
	return cmd, err
}

// phpWorker is php_worker of this binary; options are lines of its block,
// separated by semicolons.
func phpWorker(binary, script, autoload, options string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		block := e.block(l, "env BENCH_AUTOLOAD "+autoload+";"+options)
		site := fmt.Sprintf("\troot %s\n\tphp_worker * %s {\n%s\t}\n", e.public, filepath.Join(e.apps, script), block)
		cmd, err := l.caddyfile(binary, "", site)
		return []*exec.Cmd{cmd}, err
	}
}

// phpClassic is php_worker without a script.
func phpClassic(binary, options string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		site := fmt.Sprintf("\troot %s\n\tphp_worker {\n%s\t}\n", l.app.root(e), e.block(l, options))
		cmd, err := l.caddyfile(binary, "", site)
		return []*exec.Cmd{cmd}, err
	}
}

// block are the lines of a php_worker block.
func (e *environment) block(l launch, options string) string {
	var block strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&block, "\t\t"+format+"\n", args...) }
	line("workers %d", l.workers)
	for _, v := range e.variables(l) {
		line("env %s %s", v[0], v[1])
	}
	for _, setting := range l.settings() {
		line("ini %s %s", setting[0], setting[1])
	}
	for option := range strings.SplitSeq(options+";"+l.options, ";") {
		line("%s", strings.TrimSpace(option))
	}
	return block.String()
}

func caddyRespond(e *environment, l launch) ([]*exec.Cmd, error) {
	cmd, err := l.caddyfile(e.plan.caddy, "", fmt.Sprintf("\trespond %q\n", greeting))
	return []*exec.Cmd{cmd}, err
}

func caddyFPM(e *environment, l launch) ([]*exec.Cmd, error) {
	fpm, socket, err := e.phpFPM(l)
	if err != nil {
		return nil, err
	}
	site := fmt.Sprintf("\troot %s\n\tphp_fastcgi unix/%s {\n\t\troot %s\n\t\ttry_files index.php\n\t}\n", l.app.root(e), socket, l.app.root(e))
	if l.app.name == "static" {
		site = fmt.Sprintf("\troot %s\n\tphp_fastcgi unix/%s\n\tfile_server\n", e.public, socket)
	}
	cmd, err := l.caddyfile(e.plan.caddy, "", site)
	return []*exec.Cmd{cmd, fpm}, err
}
