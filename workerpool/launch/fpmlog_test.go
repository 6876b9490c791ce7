package launch

import (
	"strings"
	"testing"
)

func TestTheLogOfPHPFPMIsTakenApart(t *testing.T) {
	const date = "[29-Nov-2026 07:40:57] "
	for line, want := range map[string]fpmSaid{
		`NOTICE: fpm is running, pid 314`:              {level: "NOTICE", text: "fpm is running, pid 314"},
		`NOTICE: [pool php_worker] child 4711 started`: {level: "NOTICE", child: 4711},
		`WARNING: [pool php_worker] child 12 said into stderr: "NOTICE: PHP message: PHP Warning:  x in /a.php on line 2"`: {level: "WARNING", child: 12, stream: "stderr", printed: "PHP Warning:  x in /a.php on line 2"},
		`WARNING: [pool php_worker] child 12 said into stderr: "a "quoted" word"`:                                          {level: "WARNING", child: 12, stream: "stderr", printed: `a "quoted" word`},
		`WARNING: [pool php_worker] child 12 said into stdout: "out", pipe is closed`:                                      {level: "WARNING", child: 12, stream: "stdout", printed: "out"},
		`WARNING: [pool php_worker] child 12 said into stderr: ""`:                                                         {level: "WARNING", child: 12, stream: "stderr"},
		`WARNING: [pool php_worker] child 12 said into stderr: "child 13 exited with code 1 after 1.0 seconds"`:            {level: "WARNING", child: 12, stream: "stderr", printed: "child 13 exited with code 1 after 1.0 seconds"},
		`NOTICE: [pool php_worker] child 12 exited with code 0 after 0.234463 seconds from start`:                          {level: "NOTICE", child: 12, exit: "exit status 0", orderly: true},
		`WARNING: [pool php_worker] child 12 exited with code 255 after 0.2 seconds from start`:                            {level: "WARNING", child: 12, exit: "exit status 255"},
		`WARNING: [pool php_worker] child 12 exited on signal 11 (SIGSEGV) after 0.004108 seconds from start`:              {level: "WARNING", child: 12, exit: "signal: segmentation fault"},
		`WARNING: [pool php_worker] child 12 exited on signal 6 (SIGABRT - core dumped) after 1.0 seconds from start`:      {level: "WARNING", child: 12, exit: "signal: aborted (core dumped)"},
		`ERROR: pid 3, fpm_conf_post_process(), line 9: failed`:                                                            {level: "ERROR", text: "failed"},
	} {
		got, ok := parseFPM(date + line)
		if want.text == "" {
			got.text = ""
		}
		if !ok || got != want {
			t.Errorf("%s\n got %+v\nwant %+v", line, got, want)
		}
	}
	for _, line := range []string{"", "PHP Warning:  x", "[pool php_worker] child 12 exited with code 0", "[now] hello"} {
		if got, ok := parseFPM(line); ok {
			t.Errorf("%q is taken for %+v", line, got)
		}
	}
}

func TestTheConfigurationOfPHPFPMQuotesWhatItIsTold(t *testing.T) {
	text := (&fpmConfig{socket: "/tmp/a b/s", ping: "/ping", most: 7, user: "root", extensions: []string{".php", ".inc"}}).text()
	for _, want := range []string{"listen = \"/tmp/a b/s\"\n", "pm.max_children = 7\n", "user = \"root\"\n", "security.limit_extensions = \".php .inc\"\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains((&fpmConfig{}).text(), "user") {
		t.Error("a user where there is none")
	}
}
