package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// frankenphp is a php_worker block with a script of FrankenPHP's contract.
func frankenphp(t *testing.T, lines ...string) string {
	t.Helper()
	return fmt.Sprintf("php_worker * %q {\n%s\n}\n", absolute(t, "testdata/franken/worker.php"), strings.Join(lines, "\n"))
}

func TestAWorkerScriptOfFrankenPHPRunsAsItIs(t *testing.T) {
	t.Parallel()
	s, base := site(t, frankenphp(t, "workers 1", env("OF_THE_POOL", "x")))
	for _, c := range []struct{ path, want string }{
		{"/?a=1&b[]=2", `200 [{"a":"1","b":["2"]},[],[],{"a":"1","b":["2"]},[],"GET",""]`},
		{"/worker", `200 ["1","1",null,"x","x",false,1,false]`},
		{"/exception", "500 "},
		{"/nested", "500 "},
		{"/begun", "202 [0,true,0]"},
		{"/headers", `200 [null,true,{"X-Handled":"6"}]`},
		{"/log", "200 "},
		{"/finished", "200 seen"},
		{"/exit", "200 last words [the worker ends]"},
		{"/dump", "500 [the worker ends]dumped"},
	} {
		if status, body := get(t, base+c.path); fmt.Sprint(status, " ", body) != c.want {
			t.Errorf("%s: %d %s, want %s", c.path, status, body, c.want)
		}
	}
	for message, level := range map[string]string{
		"booting": "warn", "to inform": "info", `to warn\x0ain two lines`: "warn", "of an error": "error", "finished: [true,false]": "info",
	} {
		record := s.waitLog(message)
		if record["level"] != level {
			t.Errorf("%q has the level %v, want %s", message, record["level"], level)
		}
	}
	if got := fmt.Sprint(s.waitLog(`to warn\x0ain two lines`)["record"]); got != "map[context:map[list:[a \ufffd]] level:warning]" {
		t.Errorf("the context is %s", got)
	}
	if got := fmt.Sprint(s.waitLog("DomainException: the reason")["level"]); got != "error" {
		t.Errorf("the exception has the level %s", got)
	}
	s.waitLog("call it in a loop around the application")
	// exit() has ended the script; another one takes its place.
	r := request(t, http.MethodPost, base+"/", strings.NewReader("p=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "c=2")
	if status, body := do(t, r); status != http.StatusOK || body != `[[],{"p":"1"},{"c":"2"},{"p":"1"},[],"POST","p=1"]` {
		t.Errorf("the form: %d %s", status, body)
	}
	if status, body := do(t, request(t, http.MethodPut, base+"/", strings.NewReader("text"))); status != http.StatusOK || body != `[[],[],[],[],[],"PUT","text"]` {
		t.Errorf("PUT: %d %s", status, body)
	}
}

func TestAWorkerScriptOfFrankenPHPIsToldToStop(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"at the pool's limit": {"max_requests 3 0"},
		"by its own count":    {env("MAX_REQUESTS", "3")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, base := site(t, frankenphp(t, append(lines, "workers 1")...))
			pids := make(map[string]int)
			for range 9 {
				status, pid := do(t, request(t, http.MethodPost, base+"/pid", nil))
				if status != http.StatusOK {
					t.Errorf("status %d, %s", status, pid)
				}
				pids[pid]++
			}
			for pid, n := range pids {
				if n > 3 && name != "at the pool's limit" { // which waits for the next worker
					t.Errorf("the process %s has answered %d requests", pid, n)
				}
			}
			s.waitRecords("cleaned up after", 1)
			s.waitLog("[the worker ends]")
			if name == "at the pool's limit" {
				s.waitRecords("asked to stop", 1)
			}
		})
	}
}

func TestASupersededWorkerScriptOfFrankenPHPLosesNoRequest(t *testing.T) {
	t.Parallel()
	s, base := site(t, frankenphp(t, "workers 3", "name franken"))
	load := startLoad(t, base+"/pid", 4)
	for range 3 {
		s.wantAPI(http.StatusOK, http.MethodPost, "/php_worker/pools/franken/restart?wait=true", "")
	}
	if pids := load.end(); len(pids) < 4 {
		t.Errorf("the processes were %v", pids)
	}
	s.waitRecords("asked to stop", 6)
}

func TestWhatFollowsARequestOfFrankenPHPRunsBehindTheAnswer(t *testing.T) {
	t.Parallel()
	_, base := site(t, frankenphp(t, "workers 1"))
	file := filepath.Join(t.TempDir(), "later")
	if status, body := get(t, base+"/later?to="+file); status != http.StatusOK || body != "answered" {
		t.Errorf("status %d, %q", status, body)
	}
	get(t, base+"/") // comes behind that work
	if text, err := os.ReadFile(file); err != nil || string(text) != "behind /later?to="+file {
		t.Errorf("%q, %v", text, err)
	}
}

func TestASessionHandlerThatIsSetBeforeTheLoopIsKept(t *testing.T) {
	t.Parallel()
	_, base := site(t, frankenphp(t, "workers 1", env("OWN_SESSIONS", "1"), "ini session.save_path /nowhere"))
	anna, bert := visitor(t), visitor(t)
	for _, visit := range []struct {
		who  *http.Client
		want string
	}{{anna, "1"}, {bert, "1"}, {anna, "2"}, {visitor(t), "1"}, {bert, "2"}, {anna, "3"}} {
		expectBody(t, visit.who, base+"/session", visit.want)
	}
}

func TestEarlyHintsOfFrankenPHPGoAhead(t *testing.T) {
	t.Parallel()
	_, base := site(t, frankenphp(t, "workers 1"))
	var early []string
	r := request(t, http.MethodGet, base+"/hints", nil)
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		early = append(early, fmt.Sprint(code, header["Link"]))
		return nil
	}}))
	res := send(t, r)
	if body := readAll(t, res); body != "Hello" || fmt.Sprint(early) != "[103 [</style.css>; rel=preload; as=style]]" || res.Header.Get("Link") != "" {
		t.Errorf("%q, early %v, headers %v", body, early, res.Header)
	}
}

func TestAClientThatLeavesEndsNoWorkerScriptOfFrankenPHP(t *testing.T) {
	t.Parallel()
	s, base := site(t, frankenphp(t, "workers 1"))
	_, pid := get(t, base+"/pid")
	res := send(t, request(t, http.MethodGet, base+"/endless", nil))
	if _, err := io.ReadFull(res.Body, make([]byte, 30)); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	s.waitLog("nobody listens any more")
	if _, now := get(t, base+"/pid"); now != pid {
		t.Errorf("the process was %s and is %s", pid, now)
	}
}

func TestSeveralWorkersOfFrankenPHPEachAnswerTheirOwn(t *testing.T) {
	t.Parallel()
	_, base := site(t, frankenphp(t, "workers 3"))
	var all sync.WaitGroup
	for who := range 6 {
		all.Go(func() {
			for n := range 40 {
				r, err := http.NewRequest(http.MethodPost, fmt.Sprintf("%s/?who=%d", base, who), strings.NewReader(fmt.Sprintf("n=%d", n)))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Cookie", fmt.Sprintf("c=%d", who))
				want := fmt.Sprintf(`[{"who":"%[1]d"},{"n":"%[2]d"},{"c":"%[1]d"},{"who":"%[1]d","n":"%[2]d"},[],"POST","n=%[2]d"]`, who, n)
				if status, body := do(t, r); status != http.StatusOK || body != want {
					t.Errorf("status %d, %s, want %s", status, body, want)
				}
			}
		})
	}
	all.Wait()
}

// The package that an application has installed, and the one that php_worker brings, do not meet.
func TestFrankenPHPsLoopMeetsNoPackageOfTheApplication(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "worker.php")
	writeFile(t, script, fmt.Sprintf(`<?php
		require %q;
		$own = PhpWorker\Response::html('own');
		while (frankenphp_handle_request(function () use ($own) { echo $own->body, ' ', (new ReflectionClass($own))->getFileName() === %q ? 'yes' : 'no'; })) {}`,
		absolute(t, "../php/autoload.php"), absolute(t, "../php/src/Response.php")))
	_, base := site(t, fmt.Sprintf("php_worker * %q {\nworkers 1\n}\n", script))
	if status, body := get(t, base+"/"); status != http.StatusOK || body != "own yes" {
		t.Errorf("status %d, %q", status, body)
	}
}

// A worker of RoadRunner's packages, or with objects, is not to find signs of a server that it does not have.
func TestOtherWorkersKnowNothingOfFrankenPHP(t *testing.T) {
	t.Parallel()
	_, base := site(t, handlerOf(t, `return [function_exists('fastcgi_finish_request'), function_exists('headers_send'), function_exists('frankenphp_handle_request'),
		headers_sent(), connection_status(), connection_aborted(), $_SERVER['FRANKENPHP_WORKER'] ?? null];`, "workers 1"))
	if _, body := get(t, base+"/"); body != `[false,false,true,false,0,0,"1"]` {
		t.Errorf("%s", body)
	}
	_, base = site(t, handlerOf(t, `return [getenv('FRANKENPHP_WORKER'), $_SERVER['FRANKENPHP_WORKER']];`, "workers 1", env("FRANKENPHP_WORKER", "")))
	if _, body := get(t, base+"/"); body != `["",""]` {
		t.Errorf("the environment does not win: %s", body)
	}
}
