package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// execution is one time that PHP has begun with a request.
type execution struct {
	pid    int
	method string
	after  int // how often its work after the answer was done
}

// executions are those of each request, by identity, in order.
type executions map[string][]execution

// readJournal reads what testdata/traffic/app.php has written. A line that it cannot
// have written is an error.
func readJournal(path string) (executions, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return executions{}, nil // nobody has been asked for anything
	}
	if err != nil {
		return nil, err
	}
	return parseJournal(string(text))
}

func parseJournal(text string) (executions, error) {
	done := make(executions)
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 4 || !strings.HasSuffix(line, "\n") {
			return nil, fmt.Errorf("no line of a journal: %q", line)
		}
		what, id, method := words[0], words[1], words[2]
		pid, err := strconv.Atoi(words[3])
		if err != nil {
			return nil, fmt.Errorf("no line of a journal: %q", line)
		}
		switch what {
		case "begun":
			done[id] = append(done[id], execution{pid: pid, method: method})
		case "after":
			if !done.note(id, pid) {
				return nil, fmt.Errorf("work after an answer that nobody has begun: %q", line)
			}
		default:
			return nil, fmt.Errorf("no line of a journal: %q", line)
		}
	}
	return done, nil
}

// note counts work after the answer to what this process has begun last.
func (done executions) note(id string, pid int) bool {
	for i := len(done[id]) - 1; i >= 0; i-- {
		if done[id][i].pid == pid {
			done[id][i].after++
			return true
		}
	}
	return false
}
