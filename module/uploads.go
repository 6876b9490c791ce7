package module

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool"
)

// clearFolders removes what a Caddy that was killed has left of uploads and large
// bodies, and finds out whether new ones can be stored.
func (a *App) clearFolders() error {
	for dir := range a.uploadDirs {
		f, err := workerpool.OpenFolder(dir)
		if err != nil {
			return fmt.Errorf("uploads: dir: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("uploads: dir: %w", err)
		}
	}
	return nil
}

// uploadFolder returns the folder for the uploads of q, which lasts as long as any
// request that uses it. Where it cannot be had,
// it is one that does not exist, so that PHP learns about the files what it
// would say itself: UPLOAD_ERR_NO_TMP_DIR.
func (h *Handler) uploadFolder(q *request, uid, gid int) string {
	f, err := workerpool.OpenFolder(h.Uploads.Dir)
	if err != nil {
		h.logger.Error("uploads cannot be stored", zap.Error(err))
		return missingFolder
	}
	q.folder = f
	path, err := f.For(uid, gid)
	if err != nil {
		h.logger.Error("uploads cannot be stored", zap.Error(err))
		return missingFolder
	}
	return path
}

// missingFolder is below a file, so nobody can ever make it.
const missingFolder = "/dev/null/uploads"

func (q *request) leaveFolder() {
	if q.folder != nil {
		_ = q.folder.Close()
		q.folder = nil
	}
}
