package form

import (
	"os"
	"strings"
)

// PHP's upload errors, UPLOAD_ERR_*.
const (
	errTooLargeServer = 1
	errTooLargeForm   = 2
	errNoFile         = 4
	errNoTmpDir       = 6
	errCannotWrite    = 7
	errExtension      = 8
)

// store says what becomes of uploaded files.
type store struct {
	uid, gid      int
	limit         int64 // bytes of one file, 0 for any
	formLimit     int64 // MAX_FILE_SIZE of the form; 0 none, negative: nothing fits
	allow, forbid []string
}

func newStore(o MultipartOptions) *store {
	return &store{uid: o.UID, gid: o.GID, limit: o.MaxFileSize, allow: o.Allow, forbid: o.Forbid}
}

// refuses reports whether the extension of a file name rules it out.
func (s *store) refuses(name string) bool {
	if len(s.allow) == 0 && len(s.forbid) == 0 {
		return false
	}
	extension := ""
	name = strings.TrimRight(name, ". ")
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		extension = name[dot+1:]
	}
	in := func(list []string) bool {
		for _, e := range list {
			if asciiEqualFold(strings.TrimPrefix(e, "."), extension) {
				return true
			}
		}
		return false
	}
	return in(s.forbid) || len(s.allow) > 0 && !in(s.allow)
}

// over returns the error for a file of n bytes, 0 if it may be that large.
func (s *store) over(n int64) int {
	server := s.limit > 0 && n > s.limit
	form := s.formLimit != 0 && n > s.formLimit
	switch {
	case server && !(form && s.formLimit < s.limit):
		return errTooLargeServer
	case form:
		return errTooLargeForm
	}
	return 0
}

// storeFile writes the body of the current part to a file, or finds out why
// PHP gets none. The error is one of the body, not of the file.
func (m *multipartReader) storeFile(filename, contentType string) (file, error) {
	name := filename[strings.LastIndexAny(filename, `/\`)+1:]
	failed := file{name: name}
	if m.store.refuses(name) {
		failed.err = errExtension
		return failed, nil
	}
	out, err := m.o.Create()
	if err != nil {
		failed.err = errNoTmpDir
		return failed, nil
	}
	path := out.Name()
	m.form.Files = append(m.form.Files, path)

	var size int64
	err = m.body(func(p []byte) error {
		if failed.err != 0 || len(p) == 0 {
			return nil // read on: the next part starts behind this one
		}
		if failed.err = m.store.over(size + int64(len(p))); failed.err != 0 {
			return nil
		}
		n, err := out.Write(p)
		size += int64(n)
		if err != nil {
			failed.err = errCannotWrite
		}
		return nil
	})
	if failed.err == 0 && (m.store.uid >= 0 || m.store.gid >= 0) {
		if out.Chown(m.store.uid, m.store.gid) != nil {
			failed.err = errCannotWrite
		}
	}
	if out.Close() != nil && failed.err == 0 {
		failed.err = errCannotWrite
	}
	if err != nil {
		return failed, err // the caller removes all files
	}
	if failed.err != 0 {
		if os.Remove(path) == nil {
			m.form.Files = m.form.Files[:len(m.form.Files)-1]
		}
		return failed, nil
	}
	mime, _, _ := strings.Cut(contentType, ";")
	return file{name: name, mime: mime, size: size, path: path}, nil
}
