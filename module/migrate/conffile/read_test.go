package conffile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsReadUpToItsBound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("12345678"), 0o644); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]string{0: "1", 7: "12345678", 8: "12345678", 100: "12345678", 3: "1234"} {
		for _, read := range []func(string, int) ([]byte, error){Read, ReadRegular} {
			if text, err := read(path, most); err != nil || string(text) != want {
				t.Errorf("of %d bytes at most: %q, %v", most, text, err)
			}
		}
	}
}

func TestWhatIsNoRegularFileIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, path := range []string{folder, os.DevNull} {
		if _, err := ReadRegular(path, 1); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := ReadRegular(filepath.Join(folder, "none"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
}
