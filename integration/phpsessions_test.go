package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"testing"
)

// visits is a php_worker block that runs the visits behind one of their fronts, in one worker.
func visits(t *testing.T, front string, lines ...string) string {
	t.Helper()
	script := absolute(t, "testdata/phpside/"+front+".php")
	lines = append(lines, "workers 1", env("SESSIONS", t.TempDir()))
	return fmt.Sprintf("php_worker * %q {\n\t%s\n}\n", script, strings.Join(lines, "\n\t"))
}

// visitor is a client with cookies of its own.
func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: patience}
}

// as asks as this visitor.
func as(t *testing.T, c *http.Client, url string) (string, *http.Response) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d", url, res.StatusCode)
	}
	return readAll(t, res), res
}

func TestNobodyIsGivenTheSessionOfTheVisitorBefore(t *testing.T) {
	t.Parallel()
	for _, front := range []string{"handler", "superglobals"} {
		for _, handler := range []string{"", env("OWN_HANDLER", "1")} {
			t.Run(strings.TrimSpace(front+" "+handler), func(t *testing.T) {
				t.Parallel()
				_, base := site(t, visits(t, front, handler, "ini session.use_strict_mode 1"))
				anna, bert := visitor(t), visitor(t)
				expect := func(who *http.Client, path, want string) *http.Response {
					t.Helper()
					got, res := as(t, who, base+path)
					if got != want {
						t.Errorf("%s answered %q, want %q", path, got, want)
					}
					return res
				}
				first, _ := as(t, anna, base+"/")
				expect(anna, "/login?name=anna", "hello anna")
				expect(visitor(t), "/left", `["",null,false,[]]`)
				expect(bert, "/who", "nobody")
				expect(anna, "/who", "anna")
				expect(bert, "/login?name=bert", "hello bert")
				expect(anna, "/who", "anna")
				expect(visitor(t), "/who", "nobody")
				if res := expect(anna, "/renew", "anna"); len(res.Cookies()) != 1 {
					t.Errorf("the renewed session came with the cookies %v, want one", res.Cookies())
				}
				if res := expect(anna, "/who", "anna"); len(res.Cookies()) != 0 {
					t.Errorf("a session that the client knows came with the cookies %v", res.Cookies())
				}
				expect(anna, "/logout", "bye")
				expect(anna, "/who", "nobody")
				expect(bert, "/who", "bert")
				if last, res := as(t, visitor(t), base+"/"); last != first || len(res.Cookies()) != 0 {
					t.Errorf("the worker was %q and is %q; cookies without a session: %v", first, last, res.Cookies())
				}
			})
		}
	}
}

func TestTheCookieOfASessionIsAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	for _, front := range []string{"handler", "superglobals"} {
		_, base := site(t, visits(t, front, "ini session.cookie_samesite Lax", "ini session.cookie_httponly 1", "ini session.name SID", "ini session.cookie_lifetime 3600"))
		_, res := as(t, visitor(t), base+"/who")
		cookies := res.Cookies()
		if len(cookies) != 1 || cookies[0].Name != "SID" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode || cookies[0].MaxAge != 3600 || cookies[0].Path != "/" {
			t.Errorf("%s: the cookies are %+v", front, cookies)
		}
	}
}

func TestASessionThatAWorkerOfRoadRunnerMixesUpIsNamedInTheLog(t *testing.T) {
	t.Parallel()
	s, base := site(t, visits(t, "frames"))
	get(t, base+"/login?name=anna")
	if _, who := get(t, base+"/who"); who != "anna" {
		t.Errorf("the next visitor is %q: the warning is for nothing", who)
	}
	s.waitLog("session_start() in ")
	record := s.logs.records("session_start() in ")[0]
	if record["level"] != "warn" || !strings.Contains(record["msg"].(string), "visits.php:") {
		t.Errorf("the record is %v", record)
	}
	if n := len(s.logs.records("session_start() in ")); n != 1 {
		t.Errorf("it is said %d times for two places' worth of requests, want once", n)
	}
}

func TestASessionWithAHandlerOfTheApplicationIsNamedAtTheWorkersEnd(t *testing.T) {
	t.Parallel()
	s, base := site(t, visits(t, "frames", env("OWN_HANDLER", "1")))
	get(t, base+"/login?name=anna")
	send(t, request(t, http.MethodPost, base+"/end", nil))
	s.waitLog("session_start()")
}

func TestHeadersThatNobodySendsAreNamedOncePerPlace(t *testing.T) {
	t.Parallel()
	for _, front := range []string{"handler", "frames"} {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			s, base := site(t, visits(t, front))
			for range 3 {
				if res := send(t, request(t, http.MethodGet, base+"/header", nil)); res.StatusCode != http.StatusOK || readAll(t, res) != "lost" || res.Header.Get("X-Lost") != "" {
					t.Errorf("status %d, headers %v", res.StatusCode, res.Header)
				}
			}
			s.waitLog("http_response_code() has no effect in ")
			for _, function := range []string{"header()", "header_register_callback()", "setcookie()", "http_response_code()"} {
				records := s.logs.records(function + " has no effect in ")
				if len(records) != 1 || records[0]["level"] != "warn" || !strings.Contains(records[0]["msg"].(string), "visits.php:") {
					t.Errorf("%s is in the log as %v, want one warning", function, records)
				}
			}
		})
	}
	for front, want := range map[string]string{
		"handler": `[false,null,false,null,false]`, "frames": `[false,null,false,null,false]`, "superglobals": `[false,"1",true,{"n":"1"},false]`,
	} {
		t.Run("null is taken as PHP takes it, "+front, func(t *testing.T) {
			t.Parallel()
			_, base := site(t, visits(t, front))
			if status, body := get(t, base+"/nothing?n=1"); status != http.StatusOK || body != want {
				t.Errorf("status %d, %s, want %s", status, body, want)
			}
		})
	}
	t.Run("superglobals send them", func(t *testing.T) {
		t.Parallel()
		s, base := site(t, visits(t, "superglobals", env("SUPERGLOBALS", "1")))
		res := send(t, request(t, http.MethodGet, base+"/header", nil))
		if res.StatusCode != http.StatusTeapot || readAll(t, res) != "lost" || res.Header.Get("X-Lost") != "yes" || len(res.Cookies()) != 2 {
			t.Errorf("status %d, headers %v", res.StatusCode, res.Header)
		}
		if records := s.logs.records("has no effect"); len(records) > 0 {
			t.Errorf("the log has %v", records)
		}
	})
}

func TestWhatRoadRunnersPackageAsksForAtItsBootIsNoFaultOfTheApplication(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "stdout.php"), "<?php\nnamespace Spiral\\RoadRunner\\Internal;\n"+
		"final class StdoutHandler { public static function register(): void { \\header_register_callback(static fn() => null); } }\n")
	s, base := site(t, handlerOf(t, fmt.Sprintf("require_once %q;\nSpiral\\RoadRunner\\Internal\\StdoutHandler::register();\nsetcookie('a', 'b');\nreturn 'answer';", filepath.Join(folder, "stdout.php"))))
	if status, body := get(t, base+"/"); status != http.StatusOK || body != "answer" {
		t.Fatalf("status %d, %s", status, body)
	}
	s.waitLog("setcookie() has no effect in ")
	if records := s.logs.records("header_register_callback()"); len(records) > 0 {
		t.Errorf("the log has %v", records)
	}
}

func TestWhatAFrontControllerPrintsIsItsBodyWhateverItDoesToTheBuffers(t *testing.T) {
	t.Parallel()
	s, base := site(t, visits(t, "superglobals"))
	for path, want := range map[string]string{
		"/open-buffers": "one TWO", "/closed-too-many": "one two", "/all-closed": "one two 1", "/cleaned": "one two", "/streamed-exit": "one two",
	} {
		if status, body := get(t, base+path); status != http.StatusOK || body != want {
			t.Errorf("%s: status %d, %q, want %q", path, status, body, want)
		}
	}
	res := send(t, request(t, http.MethodGet, base+"/streamed-throw", nil))
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("a stream that failed looks whole: %q", body)
	}
	get(t, base+"/")
	for _, record := range s.logs.records("") {
		if text := record["msg"].(string); strings.Contains("one two one two dropped", strings.TrimSpace(text)) {
			t.Errorf("the log has %v", record)
		}
	}
}

func TestTheEnvironmentLooksLikeNoClientAndABodyIsNoCode(t *testing.T) {
	t.Parallel()
	_, base := site(t, visits(t, "superglobals", env("HTTP_X_FORGED", "1"), env("HTTPS", "on"), env("REMOTE_USER", "root"), env("KEPT", "yes")))
	if _, got := get(t, base+"/server"); got != `[null,null,null,"yes"]` {
		t.Errorf("$_SERVER has %s", got)
	}
	if _, got := do(t, request(t, http.MethodPost, base+"/include", strings.NewReader("<?php return 'carried out';"))); got != "false" {
		t.Errorf("the body was included: %s", got)
	}
}

func TestTheSettingsOfAPHPIniAreKept(t *testing.T) {
	t.Parallel()
	mine := t.TempDir()
	writeFile(t, filepath.Join(mine, "theirs.php"), "<?php $GLOBALS['theirs'] = true;")
	writeFile(t, filepath.Join(mine, "mine.ini"), fmt.Sprintf("disable_functions = exec, system\nauto_prepend_file = %s/theirs.php\n", mine))
	writeFile(t, filepath.Join(mine, "worker.php"), fmt.Sprintf(`<?php
require %q;
PhpWorker\Worker::create()->run(fn() => [
	isset($GLOBALS['theirs']), function_exists('exec'), function_exists('system'), function_exists('passthru'), function_exists('header')]);`, absolute(t, "../php/autoload.php")))
	for option, want := range map[string]string{
		"":                               `[true,false,false,true,true]`,
		"ini auto_prepend_file none":     `[false,false,false,true,true]`,
		"ini disable_functions passthru": `[true,true,true,false,true]`,
		fmt.Sprintf("ini open_basedir %q", mine+":"+absolute(t, "../php")): `[true,false,false,true,true]`,
	} {
		_, base := site(t, fmt.Sprintf("php_worker * %q {\n\tworkers 1\n\t%s\n\t%s\n}\n", filepath.Join(mine, "worker.php"), env("PHP_INI_SCAN_DIR", ":"+mine), option))
		if _, got := get(t, base+"/"); got != want {
			t.Errorf("with %q: %s, want %s", option, got, want)
		}
	}
}

func TestAnOpenBasedirThatForbidsOurScriptIsExplained(t *testing.T) {
	t.Parallel()
	mine := t.TempDir()
	writeFile(t, filepath.Join(mine, "mine.ini"), fmt.Sprintf("open_basedir = %s:%s\n", mine, absolute(t, "../php")))
	writeFile(t, filepath.Join(mine, "worker.php"), fmt.Sprintf("<?php require %q; PhpWorker\\Worker::create()->run(fn() => 'runs');", absolute(t, "../php/autoload.php")))
	block := func(lines ...string) string {
		lines = append(lines, "workers 1", env("PHP_INI_SCAN_DIR", ":"+mine))
		return fmt.Sprintf("php_worker * %q {\n\t%s\n}\n", filepath.Join(mine, "worker.php"), strings.Join(lines, "\n\t"))
	}
	s := launch(t, on(freePorts(t, 1)[0], block()))
	s.waitExit()
	if text := s.logs.text(); !strings.Contains(text, "ini open_basedir <folders>") {
		t.Errorf("the way out is not named:\n%s", text)
	}
	for _, way := range []string{"ini auto_prepend_file none", fmt.Sprintf("ini open_basedir %q", mine+":"+absolute(t, "../php"))} {
		_, base := site(t, block(way))
		if _, body := get(t, base+"/"); body != "runs" {
			t.Errorf("%s: %q", way, body)
		}
	}
}
