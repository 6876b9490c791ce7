package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// caddyfile makes the command of a Caddy with one site.
func (l launch) caddyfile(binary, global, site string) (*exec.Cmd, error) {
	path, err := l.write("Caddyfile", fmt.Sprintf("{\n\tadmin off\n\tlog {\n\t\tlevel ERROR\n\t}\n%s}\nhttp://127.0.0.1:%d {\n%s}\n", global, l.port, site))
	cmd := exec.Command(binary, "run", "--config", path)
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+l.dir, "XDG_CONFIG_HOME="+l.dir)
	return cmd, err
}

// phpWorker is php_worker of this binary; options are lines of its block,
// separated by semicolons.
func phpWorker(binary, script, autoload, options string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		var block strings.Builder
		line := func(format string, args ...any) { fmt.Fprintf(&block, "\t\t"+format+"\n", args...) }
		line("workers %d", l.workers)
		line("env BENCH_AUTOLOAD %s", autoload)
		for _, v := range e.variables(l) {
			line("env %s %s", v[0], v[1])
		}
		for _, setting := range l.settings() {
			line("ini %s %s", setting[0], setting[1])
		}
		for option := range strings.SplitSeq(options+";"+l.options, ";") {
			line("%s", strings.TrimSpace(option))
		}
		site := fmt.Sprintf("\troot %s\n\tphp_worker * %s {\n%s\t}\n", e.public, filepath.Join(e.apps, script), block.String())
		cmd, err := l.caddyfile(binary, "", site)
		return []*exec.Cmd{cmd}, err
	}
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
	site := fmt.Sprintf("\troot %s\n\tphp_fastcgi unix/%s {\n\t\troot %s\n\t\ttry_files index.php\n\t}\n", e.apps, socket, e.apps)
	if l.app.path != "" {
		site = fmt.Sprintf("\troot %s\n\tphp_fastcgi unix/%s\n\tfile_server\n", e.public, socket)
	}
	cmd, err := l.caddyfile(e.plan.caddy, "", site)
	return []*exec.Cmd{cmd, fpm}, err
}
