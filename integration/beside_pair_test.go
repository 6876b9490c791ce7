package integration

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/phpworker/caddy-php-worker/integration/peers"
)

// pairing is what two servers are to do alike: nginx with php-fpm, configured as Debian has
// it, and php_worker without a script.
type pairing struct {
	// root is the folder of both. ours is that of php_worker where each is to have its own.
	root, ours string
	// host is the name of the site, "www.example" if empty.
	host string
	// env and ini are what both PHPs get.
	env, ini [][2]string
	// http, server and php are lines of nginx: of its http block, of its server block, and
	// of the location of PHP.
	http, server, php string
	// site and block are lines of the Caddyfile: of the site, and of php_worker.
	site, block []string
	// global are lines of the global options.
	global string
	// tls lets both speak TLS with the same certificate.
	tls bool
	// children is the number of PHP processes, 2 if 0.
	children int
}

// pair are the two servers.
type pair struct {
	t            *testing.T
	theirs, ours side
	caddy        *server
}

// side is one of them.
type side struct {
	name, host, root string
	port             int
	tls              bool
}

// nginxSite is Debian's default site with PHP as its comments have it, but for PATH_INFO,
// which "\.php$" would never let through, and the front controller.
const nginxSite = `listen 127.0.0.1:%d%s;
		server_name %s;
		root %s;
		index index.php index.html;
		%s
		location / { try_files $uri $uri/ /index.php$is_args$args; }
		location ~ \.php(/|$) {
			include %s;
			fastcgi_pass unix:%s;
			%s
		}
		location ~ /\.(?!well-known/) { deny all; }`

// start starts both.
func (p pairing) start(t *testing.T) *pair {
	t.Helper()
	needsPeers(t)
	if p.host == "" {
		p.host = "www.example"
	}
	if p.ours == "" {
		p.ours = p.root
	}
	p.children = max(p.children, 2)
	p.ini = append(slices.Clip(p.ini), [2]string{"expose_php", "1"}) // how an answer of PHP's is known, see heard.byPHP
	ports := freePorts(t, 2)
	both := &pair{
		t:      t,
		theirs: side{name: "nginx", host: p.host, root: p.root, port: ports[0], tls: p.tls},
		ours:   side{name: "php_worker", host: p.host, root: p.ours, port: ports[1], tls: p.tls},
	}
	dir, tls := t.TempDir(), ""
	if p.tls {
		p.certificate(t, dir)
		tls = " ssl"
		p.server += fmt.Sprintf("ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem;", dir)
		p.site = append(p.site, fmt.Sprintf("tls %q %q", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")))
	}
	fpm := p.fpm(t, dir)
	server := fmt.Sprintf(nginxSite, both.theirs.port, tls, p.host, p.root, p.server, peers.Snippet, fpm.Socket(), p.php)
	nginx, err := peers.Nginx{Binary: peers.NginxBinary(), Dir: dir, Workers: "1", HTTP: p.http, Server: server}.Command()
	if err != nil {
		t.Fatal(err)
	}
	background(t, nginx)
	t.Cleanup(func() {
		for _, name := range []string{"nginx.log", "fpm.log"} {
			if said, err := os.ReadFile(filepath.Join(dir, name)); err == nil && t.Failed() {
				t.Logf("%s:\n%s", name, said)
			}
		}
	})
	both.caddy = start(t, p.caddyfile(both.ours), withGlobal(p.global))
	for _, s := range []side{both.theirs, both.ours} {
		eventually(t, s.name+" listens", func() bool {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
	return both
}

// fpm starts a php-fpm in the folder.
func (p pairing) fpm(t *testing.T, dir string) peers.FPM {
	t.Helper()
	fpm := peers.FPM{Binary: peers.FPMBinary(), Dir: dir, Children: p.children, Env: p.env, INI: p.ini}
	cmd, err := fpm.Command()
	if err != nil {
		t.Fatal(err)
	}
	background(t, cmd)
	eventually(t, "php-fpm listens", func() bool {
		c, err := net.Dial("unix", fpm.Socket())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return fpm
}

// caddyfile is our side's.
func (p pairing) caddyfile(s side) string {
	lines := append([]string{"bind 127.0.0.1", fmt.Sprintf("root %q", s.root)}, p.site...)
	scheme := "http"
	if s.tls {
		scheme = "https"
	}
	block := append([]string{fmt.Sprintf("workers %d", p.children), "clear_env"}, p.block...)
	for _, v := range p.env {
		block = append(block, env(v[0], v[1]))
	}
	for _, setting := range p.ini {
		block = append(block, fmt.Sprintf("ini %s %q", setting[0], setting[1]))
	}
	lines = append(lines, "php_worker {\n\t"+strings.Join(block, "\n\t")+"\n}")
	return fmt.Sprintf("%s://:%d {\n%s\n}\n", scheme, s.port, strings.Join(lines, "\n"))
}

// needsPeers skips the test where there is nothing to compare with.
func needsPeers(t *testing.T) {
	t.Helper()
	if peers.FPMBinary() == "" || peers.NginxBinary() == "" {
		t.Skip("there is no nginx with php-fpm here to compare with")
	}
}

// background starts a command; the end of the test ends its process group, and with it
// whatever it has started. So does the end of this program.
func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s does not end", filepath.Base(cmd.Path))
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it has left behind
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), said.String())
		}
	})
}

// put writes the files below the folder.
func put(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// address is where the side listens.
func (s side) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }
