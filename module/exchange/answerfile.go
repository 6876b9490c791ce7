package exchange

import (
	"bytes"
	"io"
	"net/http"
	"os"

	"go.uber.org/zap"

	"github.com/phpworker/caddy-php-worker/workerpool/tempdir"
)

// answerFile is an answer in a file, because there was no room for it in memory. Its worker is
// free as if the answer had been read at once.
type answerFile struct {
	file *os.File
	// full says that the file does not take more: left is what it did not take, and the
	// rest is still at the worker.
	full bool
	left []byte
}

// Write puts p into the file, and keeps what that does not take. After an error it is
// not called any more.
func (f *answerFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	if err != nil {
		f.full, f.left = true, bytes.Clone(b[n:])
	}
	return n, err
}

// answerToFile puts an answer into a file that is in one frame and should not stay in memory: a
// client may take its time. nil: it is not to go to a file, or cannot. An error is one of
// the worker.
func (o *Options) answerToFile(a Answer) (*answerFile, error) {
	if !a.Frame.Crowded() || a.Frame.More() || a.bodySize() > o.Buffer {
		return nil, nil
	}
	file, err := o.newAnswerFile()
	if err != nil {
		o.Logger.Warn("an answer for which there is no memory cannot go to a file, so a slow client holds it, and its worker", zap.Error(err))
		return nil, nil
	}
	f := &answerFile{file: file}
	if _, err := f.Write(a.Frame.Body()); err == nil {
		if _, err := io.Copy(f, a.Frame); err != nil && !f.full {
			f.close()
			return nil, err
		}
	}
	a.Frame.Release()
	if a.Frame.Rest() == 0 && a.Open() {
		_ = a.Next() // it can only be the end, and frees the worker
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// newAnswerFile makes a file without a name.
func (o *Options) newAnswerFile() (*os.File, error) {
	folder, err := tempdir.Open(o.Uploads.Dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	file, err := folder.Create(-1, -1, "answer-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// copyTo passes on what is in the file, and says how much that was.
func (f *answerFile) copyTo(w http.ResponseWriter) (int64, error) {
	n, err := io.Copy(w, f.file)
	if err != nil {
		return n, err
	}
	m, err := w.Write(f.left)
	return n + int64(m), err
}

func (f *answerFile) close() { f.file.Close() }
