package classic

import (
	"syscall"
	"testing"
)

// Not parallel to anything: the limit is that of the whole process.
func TestARootIsFoundWithoutAFreeDescriptor(t *testing.T) {
	root := site(t, "index.php")
	r := router(t, Rules{})
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Open(root, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	d := r.Resolve(root, "/")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err != syscall.EMFILE {
		syscall.Close(fd)
		t.Fatalf("opening with a limit of 3 descriptors: %v", err)
	}
	if got := outcome(d); got != "/index.php" {
		t.Errorf("got %s (%s)", got, d.Reason)
	}
}
