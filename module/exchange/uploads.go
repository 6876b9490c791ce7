package exchange

import (
	"os"

	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// uploadFile makes a file for an upload of q, in a folder that only uid and gid can enter; with -1
// only this process can. The folder lasts as long as any request that uses it.
func (o *Options) uploadFile(q *Request, uid, gid int, prefix string) (*os.File, error) {
	if q.folder == nil {
		f, err := tempdir.Open(o.Uploads.Dir)
		if err != nil {
			return nil, err
		}
		q.folder = f
	}
	return q.folder.Create(uid, gid, prefix)
}

func (q *Request) closeFolder() {
	if q.folder != nil {
		_ = q.folder.Close()
		q.folder = nil
	}
}
