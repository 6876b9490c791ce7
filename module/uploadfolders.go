package module

import (
	"fmt"

	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// clearFolders removes what a Caddy that was killed has left of uploads and large
// bodies, and finds out whether new ones can be stored.
func (a *App) clearFolders() error {
	for dir := range a.uploadDirs {
		f, err := tempdir.Open(dir)
		if err != nil {
			return fmt.Errorf("uploads: dir: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("uploads: dir: %w", err)
		}
	}
	return nil
}
