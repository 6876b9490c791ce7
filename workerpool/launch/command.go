package launch

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// command resolves program and folder anew, so that a deploy which flips a
// symbolic link is followed by every new worker.
func (s *Settings) command() (*exec.Cmd, error) {
	dir := s.Dir
	if dir == "" {
		dir = "."
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	cmd := exec.Command(s.Command[0], s.Command[1:]...)
	cmd.Dir = dir
	if cmd.Err != nil {
		return nil, process.ExplainStart(cmd, cmd.Err)
	}
	return cmd, nil
}
