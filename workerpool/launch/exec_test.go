package launch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

func TestAStartThatFailsLeavesNothing(t *testing.T) {
	for _, relay := range []Relay{RelayAuto, RelayStdio, RelayUnix} {
		t.Run(string(relay), func(t *testing.T) {
			base := t.TempDir()
			t.Setenv("TMPDIR", base)
			l, err := NewExec(Settings{Command: []string{t.TempDir()}}) // a folder is no program
			if err != nil {
				t.Fatal(err)
			}
			before := openFiles(t)
			for range 20 { // none of them waits for the garbage collector
				if _, err := l.Launch(Order{Relay: relay, Log: zap.NewNop}); err == nil {
					t.Fatal("it started")
				}
			}
			if after := openFiles(t); after > before+5 {
				t.Errorf("%d files were open, then %d", before, after)
			}
			if left, _ := filepath.Glob(filepath.Join(base, "*", "*")); len(left) > 0 {
				t.Errorf("left %q", left)
			}
			l.Close()
			l.Close()
			if left, _ := filepath.Glob(filepath.Join(base, "*")); len(left) > 0 {
				t.Errorf("left %q once it was closed", left)
			}
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestAnotherUserGetsItsOwnEnvironmentAndNothingOfOurs(t *testing.T) {
	t.Setenv("API_TOKEN", "secret")
	s := Settings{User: &process.User{UID: 7, Name: "sam", Home: "/home/sam"}, Env: map[string]string{"GIVEN": "x", "LOGNAME": "other"}}
	want := []string{"GIVEN=x", "HOME=/home/sam", "LOGNAME=other", "PATH=" + os.Getenv("PATH"), "PWD=/", "RR_RELAY=pipes", "USER=sam"}
	if got := s.environment("pipes", "", "/"); !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

func TestIniSettingsComeBehindTheFoldersThatPHPScansAnyway(t *testing.T) {
	separator := string(filepath.ListSeparator)
	for _, c := range []struct {
		name        string
		outer, user *string
		want        string
	}{
		{"as built", nil, nil, separator + "OURS"},
		{"inherited", new("/outer"), nil, "/outer" + separator + "OURS"},
		{"of the user", new("/outer"), new("/user"), "/user" + separator + "OURS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.outer != nil {
				t.Setenv("PHP_INI_SCAN_DIR", *c.outer)
			}
			s := Settings{Env: make(map[string]string)}
			if c.user != nil {
				s.Env["PHP_INI_SCAN_DIR"] = *c.user
			}
			env := s.environment("pipes", "OURS", "/")
			if !slices.Contains(env, "PHP_INI_SCAN_DIR="+c.want) {
				t.Errorf("got %q; want the folders %q", env, c.want)
			}
		})
	}
}
