//go:build linux

package workerpool

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// attacked is a script that tells who has asked, and works in the ways in which applications do: in one piece or
// in several, with a large answer, and on after its answer.
const attacked = `$id = file_get_contents("php://input"); $how = (int) substr($id, -1);
	file_put_contents(__DIR__ . "/log", "$id\n", FILE_APPEND | LOCK_EX);
	while (ob_get_level()) ob_end_flush();
	echo $id;
	if ($how == 1) { flush(); usleep(1000); }
	if ($how == 2) echo str_repeat(" ", 300000);
	if ($how >= 3 && function_exists("fastcgi_finish_request")) { echo $id; fastcgi_finish_request(); usleep(random_int(0, 3000)); echo "late $id"; flush(); } else echo $id;`

func TestClassicProcessesKilledAtAnyTimeMixNothingUp(t *testing.T) {
	eachPHP(t, Config{Min: 3, QueueSize: 100}, func(t *testing.T, c classic) {
		const clients, each = 6, 60
		request := c.php(t, attacked, strings.Repeat("x", 8))
		var answered, lost, killed atomic.Int64
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				for i := range each {
					id := fmt.Sprintf("%02d.%03d-%d", client, i, rand.N(6))
					r := &Request{Frame: append([]byte(nil), request.Frame...), Body: strings.NewReader(id), BodySize: int64(len(id))}
					if i%10 == 5 { // somebody who is there; while one boots that is the parent
						for pid := range pids(c.Pool) {
							_ = syscall.Kill(pid, syscall.SIGKILL)
							killed.Add(1)
							break
						}
					}
					turn, err := c.Exec(t.Context(), r)
					if err != nil {
						_, failed := errors.AsType[*WorkerError](err)
						if _, none := errors.AsType[*UnavailableError](err); !failed && !none {
							t.Errorf("%s: %v", id, err)
						}
						lost.Add(1)
						continue
					}
					got := partOf(turn)
					if mine := strings.ReplaceAll(strings.TrimRight(got, " "), id, ""); strings.Trim(mine, " ") != "" || !strings.HasPrefix(got, id) {
						t.Errorf("%s got %.100q", id, got)
					}
					answered.Add(1)
				}
			})
		}
		all.Wait()
		text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
		times := make(map[string]int)
		for line := range strings.Lines(string(text)) {
			if times[line]++; times[line] > 1 {
				t.Errorf("%s was carried out %d times", strings.TrimSpace(line), times[line])
			}
		}
		if int64(len(times)) < answered.Load() || answered.Load() == 0 {
			t.Errorf("%d were carried out, and %d answered", len(times), answered.Load())
		}
		t.Logf("%d answered, %d lost, %d processes killed", answered.Load(), lost.Load(), killed.Load())
	})
}

// partOf is what came of an answer.
func partOf(turn *Turn) string {
	defer turn.Close()
	var b strings.Builder
	b.Write(turn.Frame.Body())
	for turn.Open() && turn.Next() == nil {
		b.Write(turn.Frame.Body())
	}
	return b.String()
}
