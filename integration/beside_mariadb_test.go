package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// mariadb is a database server of the test's own: nobody reaches it but by its socket, as
// root without a password.
type mariadb struct{ socket string }

// startMariaDB starts one with empty databases of these names. It is made for tests: what it
// has written is lost when the machine is.
func startMariaDB(t *testing.T, databases ...string) mariadb {
	t.Helper()
	server, err := exec.LookPath("/usr/sbin/mariadbd")
	if err != nil {
		t.Skip("there is no MariaDB here: apt install mariadb-server-core mariadb-client-core")
	}
	dir := t.TempDir()
	db := mariadb{filepath.Join(dir, "db.sock")}
	data := "--datadir=" + filepath.Join(dir, "data")
	args := []string{"--no-defaults", data, "--innodb-log-file-size=4M"}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	install := exec.Command("mariadb-install-db", append(args, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--force")...)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("making the database's folder: %v\n%s", err, out)
	}
	background(t, exec.Command(server, append(args, "--socket="+db.socket, "--skip-networking", "--pid-file="+filepath.Join(dir, "pid"),
		"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-buffer-pool-size=64M", "--performance-schema=0", "--skip-log-bin", "--silent-startup")...))
	eventually(t, "MariaDB listens", func() bool {
		c, err := net.Dial("unix", db.socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	for _, name := range databases {
		db.query(t, "CREATE DATABASE "+name+" DEFAULT CHARACTER SET utf8mb4")
	}
	return db
}

// query runs statements and returns what they said.
func (db mariadb) query(t *testing.T, statements string) string {
	t.Helper()
	cmd := exec.Command("mariadb", "--no-defaults", "--socket="+db.socket, "--user=root", "--batch", "--execute="+statements)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", statements, err, out)
	}
	return string(out)
}
