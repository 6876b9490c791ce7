package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

func roadRunner(bin, vendor string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		php := "php"
		for _, setting := range l.settings() {
			php += fmt.Sprintf(" -d %s=%s", setting[0], setting[1])
		}
		path, err := l.write("rr.yaml", fmt.Sprintf(`version: "3"
server: {command: "%s %s", relay: pipes}
http: {address: "127.0.0.1:%d", pool: {num_workers: %d}}
logs: {mode: production, level: error}
`, php, filepath.Join(e.apps, "psr.php"), l.port, l.workers))
		cmd := exec.Command(bin, "serve", "-c", path)
		cmd.Env = append(os.Environ(), "BENCH_AUTOLOAD="+autoload(vendor))
		for _, v := range e.variables(l) {
			cmd.Env = append(cmd.Env, v[0]+"="+v[1])
		}
		return []*exec.Cmd{cmd}, err
	}
}

// frankenPHP runs this script of apps, with these packages unless vendor is "".
func frankenPHP(bin, script, vendor string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		l = l.with(vendor)
		workers, err := e.frankenWorkers(bin, l.workers)
		if err != nil {
			return nil, err
		}
		// It keeps one thread for scripts that are no workers. Without max_threads
		// it starts more workers under load, which crash a PHP that is not thread-safe.
		global := fmt.Sprintf("\tfrankenphp {\n\t\tnum_threads %d\n", workers+1)
		for _, setting := range l.settings() {
			global += fmt.Sprintf("\t\tphp_ini %s %s\n", setting[0], setting[1])
		}
		global += fmt.Sprintf("\t\tworker {\n\t\t\tfile %s\n\t\t\tnum %d\n\t\t\tmax_threads %d\n", filepath.Join(e.apps, script), workers, workers)
		for _, v := range e.variables(l) {
			global += fmt.Sprintf("\t\t\tenv %s %s\n", v[0], v[1])
		}
		global += "\t\t}\n\t}\n"
		site := fmt.Sprintf("\troot %s\n\trewrite %s\n\tphp\n", e.apps, script)
		if l.app.name == "static" {
			site = fmt.Sprintf("\troot %s\n\tphp_server\n", e.public)
		}
		cmd, err := l.caddyfile(bin, global, site)
		return []*exec.Cmd{cmd}, err
	}
}

// frankenPHPClassic runs the application's index.php anew for each request.
func frankenPHPClassic(bin string) func(*environment, launch) ([]*exec.Cmd, error) {
	return func(e *environment, l launch) ([]*exec.Cmd, error) {
		threads, err := e.frankenWorkers(bin, l.workers)
		if err != nil {
			return nil, err
		}
		global := fmt.Sprintf("\tfrankenphp {\n\t\tnum_threads %d\n\t\tmax_threads %d\n", threads, threads)
		for _, setting := range l.settings() {
			global += fmt.Sprintf("\t\tphp_ini %s %s\n", setting[0], setting[1])
		}
		global += "\t}\n"
		site := fmt.Sprintf("\troot %s\n\trewrite index.php\n\tphp {\n", e.apps)
		for _, v := range e.variables(l) {
			site += fmt.Sprintf("\t\tenv %s %s\n", v[0], v[1])
		}
		cmd, err := l.caddyfile(bin, global, site+"\t}\n")
		return []*exec.Cmd{cmd}, err
	}
}

// frankenWorkers is the number of worker threads of this FrankenPHP: the number
// wanted if its PHP is thread-safe, else 1, the most it can run.
func (e *environment) frankenWorkers(bin string, wanted int) (int, error) {
	if text := os.Getenv("FRANKENPHP_WORKERS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return 0, fmt.Errorf("FRANKENPHP_WORKERS=%q is not a number of threads", text)
		}
		return n, nil
	}
	out, err := exec.Command(bin, "php-cli", filepath.Join(e.apps, "zts.php")).Output()
	if err != nil {
		return 0, fmt.Errorf("asking %s whether its PHP is thread-safe (FRANKENPHP_WORKERS tells, too): %w", filepath.Base(bin), err)
	}
	if strings.TrimSpace(string(out)) == "1" {
		return wanted, nil
	}
	return 1, nil
}
