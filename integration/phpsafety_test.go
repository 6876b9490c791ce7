package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// handlerOf is a php_worker block whose handler, behind our package, has this body.
func handlerOf(t *testing.T, body string, lines ...string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "worker.php")
	writeFile(t, script, fmt.Sprintf("<?php\nrequire %q;\n$worker = PhpWorker\\Worker::create();\n$served = 0;\n"+
		"$worker->run(function (PhpWorker\\Request $request, PhpWorker\\Exchange $exchange) use ($worker, &$served) {\n$served++;\n%s\n});\n",
		absolute(t, "../php/autoload.php"), body))
	return fmt.Sprintf("php_worker * %q {\n\t%s\n}\n", script, strings.Join(lines, "\n\t"))
}

func TestAWorkerThatEndsItselfLosesNoRequest(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{
		"stop()": "$worker->stop(); return 'answer';",
		"exit()": "echo 'answer'; exit;",
		// Behind the response nothing may be lost, either: neither it nor the request that comes next.
		"stop() afterwards":                    "$exchange->afterwards($worker->stop(...)); return 'answer';",
		"exit() afterwards":                    "$exchange->afterwards(function () { exit; }); return 'answer';",
		"a fatal error afterwards":             "$exchange->afterwards(function () { ini_set('memory_limit', '16M'); str_repeat('x', 1 << 28); }); return 'answer';",
		"exit() while a variable goes":         "$exchange->afterwards(function () { new class { public function __destruct() { exit; } }; }); return 'answer';",
		"stop() within a stream":               "return new PhpWorker\\Response(200, [], (function () use ($worker) { yield 'ans'; $worker->stop(); yield 'wer'; })());",
		"a process that is forked and returns": "$exchange->afterwards(fn() => pcntl_fork()); return 'answer';",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, base := site(t, handlerOf(t, "if ($served % 5 === 0) {\n"+end+"\n}\nreturn 'answer';", "workers 2"))
			var results []<-chan outcome
			for range 30 {
				results = append(results, asking(request(t, http.MethodPost, base+"/", nil)))
			}
			for _, result := range results {
				if got := <-result; got.status != http.StatusOK || got.body != "answer" {
					t.Errorf("%+v", got)
				}
			}
		})
	}
}

func TestAnExitIsAnsweredAndAFatalErrorIsNot(t *testing.T) {
	t.Parallel()
	s, base := site(t, handlerOf(t, `
		return match ($request->path) {
			'/exit' => (function () { ob_start(); echo 'last words'; exit(1); })(),
			'/die' => die('dead'),
			'/memory' => (function () { echo 'before'; ini_set('memory_limit', '32M'); return str_repeat('x', 1 << 28); })(),
			'/pid' => (string) getmypid(),
		};`, "workers 1"))
	for path, want := range map[string]string{"/exit": "200 last words", "/die": "200 dead", "/memory": "502 "} {
		status, body := do(t, request(t, http.MethodPost, base+path, nil))
		if got := fmt.Sprint(status, " ", body); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	s.waitLog("Allowed memory size")
	if status, _ := get(t, base+"/pid"); status != http.StatusOK {
		t.Errorf("afterwards: status %d", status)
	}
}

func TestBytesOfAHeaderAreKept(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	start(t, fmt.Sprintf("http://:%d {\nbind 127.0.0.1\n%s}\n", port,
		handlerOf(t, `return new PhpWorker\Response(200, ['X-Name' => "caf\xE9 \"\\", 'Content-Disposition' => "attachment; filename=\"\xFC.txt\""], 'x');`, "workers 1")))
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	var head strings.Builder
	for scan := bufio.NewScanner(conn); scan.Scan(); {
		head.WriteString(scan.Text() + "\n")
	}
	for _, want := range []string{"X-Name: caf\xE9 \"\\\n", "Content-Disposition: attachment; filename=\"\xFC.txt\"\n"} {
		if !strings.Contains(head.String(), want) {
			t.Errorf("%q is missing in %q", want, head.String())
		}
	}
}

func TestTheNextRequestFindsTheProcessAsItWas(t *testing.T) {
	t.Parallel()
	_, base := site(t, handlerOf(t, `
		if ($request->path === '/disturb') {
			ob_start(); set_error_handler(fn() => true); set_exception_handler(fn() => null); error_reporting(0);
			setlocale(LC_ALL, 'C.UTF-8', 'C'); setlocale(LC_NUMERIC, 'C.UTF-8'); date_default_timezone_set('Asia/Tokyo'); umask(0777); chdir('/');
			throw new DomainException('and failed');
		}
		return [ob_get_level(), set_error_handler(null), set_exception_handler(null), error_reporting(), setlocale(LC_CTYPE, '0'), setlocale(LC_NUMERIC, '0'),
			date_default_timezone_get(), umask(), getcwd(), restore_error_handler(), restore_exception_handler(), getmypid()];`, "workers 1"))
	_, calm := get(t, base+"/")
	if !strings.HasPrefix(calm, "[0,null,null,") {
		t.Errorf("the process is %s", calm)
	}
	for range 2 {
		if status, body := get(t, base+"/disturb"); status != http.StatusInternalServerError {
			t.Errorf("status %d, %s", status, body)
		}
		if _, now := get(t, base+"/"); now != calm {
			t.Errorf("the process was\n%s, and is\n%s", calm, now)
		}
	}
}
