package process

import (
	"crypto/rand"
	"fmt"
	"os/exec"
	"sync/atomic"
)

// markName names the environment variable by which we know what a worker has started, wherever
// that went: a process that makes a session of its own leaves the group, and its parent may have
// gone, but it has inherited the variable. Who takes that away on purpose, and has left the group, is
// not found any more.
const markName = "PHP_WORKER_MARK"

// program tells this program's processes from those of any other.
var program = markName + "=" + rand.Text() + "-"

// marks counts the processes that were started.
var marks atomic.Int64

// mark gives cmd a mark of its own and returns it. cmd has an environment.
func mark(cmd *exec.Cmd) string {
	m := fmt.Sprint(program, marks.Add(1))
	cmd.Env = append(cmd.Env, m)
	return m
}
