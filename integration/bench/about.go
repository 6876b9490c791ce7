package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// about says on what, and with what, this was measured.
func (e *environment) about() string {
	var b strings.Builder
	line := func(name string, command ...string) {
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err == nil {
			first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			first, _, _ = strings.Cut(first, " (")
			fmt.Fprintf(&b, "- %s: %s\n", name, first)
		}
	}
	fmt.Fprintf(&b, "- command: `go run ./integration/bench %s`\n", arguments())
	fmt.Fprintf(&b, "- machine: %d CPUs %s, %s/%s, %s\n", runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	line("caddy", e.plan.caddy, "version")
	line("php", "php", "-v")
	if e.nginx != "" {
		line("nginx", e.nginx, "-v")
	}
	line("wrk", "sh", "-c", "wrk -v | cut -d' ' -f1-2")
	for _, peer := range []struct{ name, variable, argument string }{
		{"roadrunner", "RR_BIN", "--version"}, {"roadrunner json", "RR_JSON_BIN", "--version"}, {"frankenphp", "FRANKENPHP_BIN", "version"},
	} {
		if bin := os.Getenv(peer.variable); bin != "" {
			line(peer.name, bin, peer.argument)
		}
	}
	fmt.Fprintf(&b, "- %d rounds, servers in random order, medians; %d s per measurement, %d s at constant rates; %d PHP processes each\n",
		e.plan.rounds, e.plan.seconds, e.plan.rateSeconds, e.plan.workers)
	if bin := os.Getenv("FRANKENPHP_BIN"); bin != "" {
		if n, err := e.frankenWorkers(bin, e.plan.workers); err == nil {
			fmt.Fprintf(&b, "- frankenphp: %d worker threads\n", n)
		}
	}
	fmt.Fprintf(&b, "- load: wrk with one thread, or at constant rates this program with %d connections, on the same machine\n", rateConns)
	fmt.Fprintf(&b, "- a millisecond of work: %d rounds of md5 in PHP\n", e.millisecond)
	return b.String()
}

// arguments are those of the command line, without the folders of this machine.
func arguments() string {
	folders := regexp.MustCompile(`(^|=)/[^ ]*/`)
	var words []string
	for _, word := range os.Args[1:] {
		word = folders.ReplaceAllString(word, "$1")
		if strings.ContainsAny(word, " ;()") {
			word = fmt.Sprintf("%q", word)
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// processor is the kind of CPU and the kernel's version.
func processor() string {
	kind := ""
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				kind = "(" + strings.TrimSpace(value) + ")"
				break
			}
		}
	}
	release, _ := os.ReadFile(filepath.Join("/proc/sys/kernel", "osrelease"))
	version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	return kind + ", kernel " + version
}
