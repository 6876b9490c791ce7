package form

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// MultipartOptions says where uploads go and what is too much.
type MultipartOptions struct {
	Limits

	// Dir receives the files. Default: the system's temporary folder. A
	// folder that cannot be written to gives every file error 6.
	Dir string

	// Prefix starts the names of the files. Default: "upload-".
	Prefix string

	// MaxFiles is the largest number of files; file fields left empty do not
	// count, refused files do. Default: 20; negative: none.
	MaxFiles int

	// MaxFileSize is the largest size of one file in bytes; a larger one
	// reaches PHP as error 1. 0 means no limit.
	MaxFileSize int64

	// MaxValueBytes bounds in bytes all that is kept in memory: the values of
	// fields that are no files, all field names, file names and types.
	// Default: 16 MiB.
	MaxValueBytes int64

	// Allow, where not empty, lists the file name extensions that are stored,
	// with or without their dot, in any ASCII case; "" stands for files
	// without one. Other files reach PHP as error 8. Dots and spaces at the
	// end of a file name do not hide its extension.
	Allow []string

	// Forbid lists the extensions that are not stored. It wins over Allow.
	Forbid []string

	// UID and GID become the owner of the files; -1 leaves it as it is. Mind
	// that the zero value is root. A file that cannot be given away reaches
	// PHP as error 7.
	UID, GID int
}

// Form is a multipart body, read.
type Form struct {
	// Values holds the fields that are no files. It is never nil.
	Values *Tree

	// Uploads is the JSON of the file fields: nested as their names say, each
	// file an object {"name","mime","size","error","tmpName"}; nil if there
	// is no file field.
	Uploads []byte

	// Files holds the absolute paths of the stored files. A file whose field
	// was sent again is here although no upload names it any more.
	Files []string
}

// Remove deletes the files that are still where they were stored; what PHP has
// moved away survives. Call it once the request is done. A second call does
// nothing.
func (f *Form) Remove() error {
	var failed []error
	for _, path := range f.Files {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	f.Files = nil
	return errors.Join(failed...)
}

// ReadMultipart reads a multipart/form-data body to its end as PHP fills $_POST
// and $_FILES from it. Files go to disk while they arrive, mode 0600; memory
// stays bounded by MaxValueBytes and a buffer. It blocks as long as r does.
//
// The caller owns the form and must call Remove. With an error there is no form
// and no file is left. Errors are ErrMalformed, ErrTooManyVars, ErrTooDeep,
// ErrTooManyFiles, ErrTooLarge, or what r returned, each wrapped. A file that
// cannot be stored is no error but an upload with an error code of PHP:
// 1 over MaxFileSize, 2 over the form's own MAX_FILE_SIZE, 4 no file chosen,
// 6 no temporary folder, 7 not written, 8 extension refused.
func ReadMultipart(r io.Reader, contentType string, o MultipartOptions) (*Form, error) {
	b, err := boundary(contentType)
	if err != nil {
		return nil, err
	}
	o.Limits = o.Limits.withDefaults()
	o.MaxFiles = max(0, cmp.Or(o.MaxFiles, 20))
	o.MaxValueBytes = cmp.Or(o.MaxValueBytes, 16<<20)
	s := newScanner(r, b)
	defer s.release()
	reader := &multipartReader{scanner: s, o: o, store: newStore(o), form: &Form{Values: &Tree{}}}

	// Deferred, so that a body that panics (http.ErrAbortHandler) leaves no
	// file either.
	done := false
	defer func() {
		if !done {
			_ = reader.form.Remove()
		}
	}()
	if err := reader.readAll(); err != nil {
		return nil, err
	}
	if reader.uploads.Len() > 0 {
		reader.form.Uploads = reader.uploads.AppendJSON(nil)
	}
	done = true
	return reader.form, nil
}

// multipartReader is one body on its way into a form.
type multipartReader struct {
	*scanner
	o       MultipartOptions
	store   *store
	form    *Form
	uploads Tree

	memory             int64 // bytes counted against MaxValueBytes
	parts, vars, files int
	anonymous          int  // file parts without a name so far
	skipFiles          bool // PHP takes no more files, see bracketsMatch
}

func (m *multipartReader) readAll() error {
	for {
		more, err := m.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := m.readPart(); err != nil {
			return err
		}
	}
	if !m.closed && !m.empty {
		return fmt.Errorf("%w: closing delimiter missing", ErrMalformed)
	}
	return nil
}

func (m *multipartReader) readPart() error {
	h, err := m.readHeader()
	if err != nil || !h.hasDisposition {
		return err
	}
	if m.parts++; m.parts > m.o.MaxVars+m.o.MaxFiles {
		return fmt.Errorf("%w: more than %d parts", ErrTooManyVars, m.o.MaxVars+m.o.MaxFiles)
	}
	d := parseDisposition(h.disposition)
	switch {
	case d.hasFilename:
		return m.readFile(d, h.contentType)
	case d.hasName:
		return m.readValue(d.name)
	}
	return fmt.Errorf("%w: part without a name", ErrMalformed)
}

// keep counts n bytes that stay in memory.
func (m *multipartReader) keep(n int) error {
	if m.memory += int64(n); m.memory > m.o.MaxValueBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, m.o.MaxValueBytes)
	}
	return nil
}

func (m *multipartReader) readValue(name string) error {
	if m.vars++; m.vars > m.o.MaxVars {
		return fmt.Errorf("%w: more than %d", ErrTooManyVars, m.o.MaxVars)
	}
	var steps [8]segment
	path, err := parseName(steps[:0], name, m.o.MaxDepth)
	if err != nil {
		return err
	}
	if err := m.keep(len(name)); err != nil {
		return err
	}
	var text strings.Builder
	err = m.body(func(p []byte) error {
		if err := m.keep(len(p)); err != nil {
			return err
		}
		text.Write(p)
		return nil
	})
	if err != nil {
		return err
	}
	m.form.Values.put(path, value{text: text.String()})
	if asciiEqualFold(name, "MAX_FILE_SIZE") {
		m.store.formLimit = leadingInt(text.String())
	}
	return nil
}

func (m *multipartReader) readFile(d disposition, contentType string) error {
	name := d.name
	if !d.hasName {
		name = strconv.Itoa(m.anonymous)
		m.anonymous++
	}
	m.skipFiles = m.skipFiles || !bracketsMatch(name)
	if m.skipFiles {
		return nil
	}
	var steps [8]segment
	path, err := parseName(steps[:0], fileFieldName(name), m.o.MaxDepth-1)
	if err != nil || len(path) == 0 {
		return err
	}
	if err := m.keep(len(name) + len(d.filename) + len(contentType)); err != nil {
		return err
	}
	f := file{name: d.filename, err: errNoFile}
	if d.filename != "" {
		if m.files++; m.files > m.o.MaxFiles {
			return fmt.Errorf("%w: more than %d", ErrTooManyFiles, m.o.MaxFiles)
		}
		if f, err = m.storeFile(d.filename, contentType); err != nil {
			return err
		}
	}
	m.uploads.put(path, value{text: string(f.appendJSON(nil)), raw: true})
	return nil
}

// leadingInt is strtoll: leading white space, a sign, digits, the rest ignored,
// the ends of the range instead of an overflow.
func leadingInt(s string) int64 {
	s = trimSpaceLeft(s)
	end := 0
	if s != "" && (s[0] == '-' || s[0] == '+') {
		end = 1
	}
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // saturates; 0 without digits
	return n
}
