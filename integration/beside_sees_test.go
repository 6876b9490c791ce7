package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// view is what PHP saw of a request: names of what it is in, and then of the values.
type view map[string]map[string]any

// viewOf decodes an answer of the probe.
func viewOf(a heard) (v view, err error) {
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		return nil, fmt.Errorf("%w: %.200q", err, a.body)
	}
	return v, nil
}

// aside removes what is never the same, when it is as it must be.
func (v view) aside(s side, a heard) (wrong []string) {
	server := v["server"]
	for name, want := range map[string]string{"REMOTE_PORT": strconv.Itoa(a.port), "SERVER_PORT": strconv.Itoa(s.port)} {
		if name == "REMOTE_PORT" && server[name] == "" && server["REMOTE_ADDR"] != "127.0.0.1" {
			want = "" // only the proxy knows
		}
		if server[name] != want {
			wrong = append(wrong, fmt.Sprintf("%s of %s is %v, want %s", name, s.name, server[name], want))
		}
		delete(server, name)
	}
	for _, from := range []string{"server", "getenv", "env"} {
		for _, name := range []string{"REQUEST_TIME", "REQUEST_TIME_FLOAT", "REMOTE_PORT", "SERVER_PORT"} {
			delete(v[from], name)
		}
		if software, ok := v[from]["SERVER_SOFTWARE"].(string); ok && software != "" {
			delete(v[from], "SERVER_SOFTWARE")
		}
		for _, name := range []string{"HTTP_HOST", "HTTP_REFERER"} {
			if text, ok := v[from][name].(string); ok {
				v[from][name] = strings.ReplaceAll(text, ":"+strconv.Itoa(s.port), ":PORT")
			}
		}
	}
	if host, ok := v["getallheaders"]["Host"].(string); ok {
		v["getallheaders"]["Host"] = strings.ReplaceAll(host, ":"+strconv.Itoa(s.port), ":PORT")
	}
	return wrong
}

// compareViews are the differences, by the name of the value.
func compareViews(theirs, ours view) map[string][2]any {
	found := make(map[string][2]any)
	for _, of := range slices.Sorted(maps.Keys(theirs)) {
		names := maps.Clone(theirs[of])
		maps.Copy(names, ours[of])
		for name := range names {
			a, inTheirs := theirs[of][name]
			b, inOurs := ours[of][name]
			if inTheirs != inOurs || fmt.Sprintf("%#v", a) != fmt.Sprintf("%#v", b) {
				if !inTheirs {
					a = missing
				}
				if !inOurs {
					b = missing
				}
				found[of+" "+name] = [2]any{a, b}
			}
		}
	}
	return found
}

// missing is the value of what is not there.
const missing = "(missing)"

// TestClassicPHPSeesWhatItSeesBehindNginx sends several hundred generated requests to nginx
// with php-fpm and to php_worker, and compares everything that PHP sees, name by name. What
// differs has a reason in expectedDifferences, and each reason is needed.
//
// CLASSIC_SEED and CLASSIC_REQUESTS make other requests, and more of them.
func TestClassicPHPSeesWhatItSeesBehindNginx(t *testing.T) {
	t.Parallel()
	seed, mixed := number(t, "CLASSIC_SEED", 1), number(t, "CLASSIC_REQUESTS", 200)
	p := pairing{root: probeRoot(t), env: [][2]string{{"APP_SECRET", "s p a c e"}}}.start(t)
	seeAlike(t, p, generated(rand.New(rand.NewPCG(seed, 0)), int(mixed)), expectedDifferences)
}

// TestClassicPHPSeesUnderPHPCGIWhatItSeesBehindNginx has php-cgi instead of php-fpm on our side.
func TestClassicPHPSeesUnderPHPCGIWhatItSeesBehindNginx(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("php-cgi"); err != nil {
		t.Skip(err)
	}
	p := pairing{root: probeRoot(t), block: []string{"php php-cgi"}}.start(t)
	seeAlike(t, p, generated(rand.New(rand.NewPCG(1, 0)), 50), slices.Concat(expectedOfPHPCGI, expectedDifferences))
}

// TestClassicPHPSeesTLSAsBehindNginx asks over TLS.
func TestClassicPHPSeesTLSAsBehindNginx(t *testing.T) {
	t.Parallel()
	p := pairing{root: probeRoot(t), tls: true}.start(t)
	seeAlike(t, p, []rawRequest{
		plainGet("TLS", "/app.php/x?a=b"), plainGet("TLS", "/missing"), plainGet("TLS", "/app.php", "X-Forwarded-Proto: http"), plainGet("TLS", "/app.php", "HTTPS: off"),
		withBody(rawRequest{"TLS", "POST", "/app.php", "HTTP/1.1", []string{"Host: {host}:{port}", "Connection: close"}, ""}, bodyPieces()[1], 0),
	}, []seesOtherwise{ownEnvironment})
}

// TestClassicPHPSeesClientsBehindProxiesAsBehindNginx lets both trust the test as a proxy:
// nginx by its real_ip module.
func TestClassicPHPSeesClientsBehindProxiesAsBehindNginx(t *testing.T) {
	t.Parallel()
	p := pairing{
		root:   probeRoot(t),
		http:   "map $http_x_forwarded_proto $https_of_proxy { default \"\"; https on; } map $http_x_forwarded_proto $scheme_of_proxy { default http; https https; }",
		server: "set_real_ip_from 127.0.0.1; set_real_ip_from 192.0.2.0/24; real_ip_header X-Forwarded-For; real_ip_recursive on;",
		php:    "fastcgi_param HTTPS $https_of_proxy if_not_empty; fastcgi_param REQUEST_SCHEME $scheme_of_proxy;",
		global: "servers {\nlistener_wrappers {\nhandover\ntls\n}\ntrusted_proxies static 127.0.0.1/32 192.0.2.0/24\ntrusted_proxies_strict\n}",
	}.start(t)
	seeAlike(t, p, []rawRequest{
		plainGet("no proxy", "/app.php"), plainGet("client", "/app.php", "X-Forwarded-For: 198.51.100.7"), plainGet("IPv6", "/app.php", "X-Forwarded-For: 2001:db8::7"),
		plainGet("chain", "/app.php", "X-Forwarded-For: 203.0.113.9, 198.51.100.7, 192.0.2.5"), plainGet("HTTPS", "/app.php", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https"),
		plainGet("HTTP", "/app.php", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: http"), plainGet("HTTPS alone", "/app.php", "X-Forwarded-Proto: https"),
		plainGet("nonsense", "/app.php", "X-Forwarded-For: nonsense, []", "X-Forwarded-Proto: gopher"), plainGet("another header", "/app.php", "X-Real-IP: 198.51.100.7"),
		plainGet("host", "/app.php", "X-Forwarded-For: 198.51.100.7", "X-Forwarded-Host: public.example"),
	}, expectedOfProxies)
}

// probeRoot is a folder full of probes.
func probeRoot(t *testing.T) string {
	t.Helper()
	probe, err := os.ReadFile("testdata/beside/sees/probe.php")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "site")
	for _, name := range []string{"index.php", "app.php", "sub/index.php", "sub dir/sp ace.php", "a+b.php", "ü.php"} {
		put(t, root, map[string]string{name: string(probe)})
	}
	return root
}

// seeAlike sends the requests to both sides, and reports what is seen otherwise and not
// expected.
func seeAlike(t *testing.T, p *pair, requests []rawRequest, expected []seesOtherwise) {
	t.Helper()
	found := findings{expected, make(map[string]int), make(map[string][]string)}
	for _, r := range requests {
		theirs, ours := p.theirs.ask(r.raw()), p.ours.ask(r.raw())
		if !theirs.byPHP() || !ours.byPHP() || theirs.status != http.StatusOK || ours.status != http.StatusOK || r.method == http.MethodHead {
			for _, d := range differences(theirs, ours) {
				found.add(r, "answer", d, "")
			}
			continue
		}
		a, err := viewOf(theirs)
		b, err2 := viewOf(ours)
		if err != nil || err2 != nil {
			t.Errorf("%v: the probe said no JSON: %v, %v", r, err, err2)
			continue
		}
		for _, d := range differences(theirs, ours) {
			if !strings.HasPrefix(d, "body: ") {
				found.add(r, "answer", d, "")
			}
		}
		for _, wrong := range append(a.aside(p.theirs, theirs), b.aside(p.ours, ours)...) {
			found.add(r, "answer", wrong, "")
		}
		for name, values := range compareViews(a, b) {
			found.add(r, name, values[0], values[1])
		}
	}
	found.report(t, len(requests))
}

// findings are differences: those with a reason, how often it was needed, and the others by
// the name of the value.
type findings struct {
	expected []seesOtherwise
	known    map[string]int
	unknown  map[string][]string
}

func (f findings) add(r rawRequest, name string, theirs, ours any) {
	of, value, _ := strings.Cut(name, " ")
	for _, e := range f.expected {
		if e.differs(r, of, value, theirs, ours) {
			f.known[e.reason]++
			return
		}
	}
	if name == "answer" {
		name, _, _ = strings.Cut("answer "+theirs.(string), ":")
	}
	f.unknown[name] = append(f.unknown[name], fmt.Sprintf("%.300v | %.300v, of %v", theirs, ours, r))
}

func (f findings) report(t *testing.T, requests int) {
	t.Logf("%d requests", requests)
	for _, name := range slices.Sorted(maps.Keys(f.unknown)) {
		all := f.unknown[name]
		t.Errorf("%s differs in %d requests, nginx | php_worker:\n\t%s", name, len(all), strings.Join(all[:min(3, len(all))], "\n\t"))
	}
	for _, reason := range slices.Sorted(maps.Keys(f.known)) {
		t.Logf("%4d differences: %s", f.known[reason], reason)
	}
	for _, e := range f.expected {
		if f.known[e.reason] == 0 {
			t.Errorf("nothing differs any more because %s: take it out of the list", e.reason)
		}
	}
}
