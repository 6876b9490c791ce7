package form

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// MultipartOptions says where uploads go and what is too much.
type MultipartOptions struct {
	Limits

	// Create makes a new file of mode 0600 for an upload; its Name is the path that PHP gets, an absolute one. An error is error 6
	// for the file.
	Create func() (*os.File, error)

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

	// Hold is told of n bytes that will be kept in memory, before they are, whatever they are but values; an error
	// ends the reading. Default: nobody is told.
	Hold func(n int) error

	// Spill makes a file for values that are not kept in memory: beyond ValueMemory bytes
	// of all values, or where HoldValue, which is asked for n bytes, says no; it gets them back as
	// -n when the value goes to the file after all. The form closes the file.
	// Default: all values are kept, and Hold is not told of them.
	Spill       func() (*os.File, error)
	ValueMemory int64
	HoldValue   func(n int) bool

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

const (
	// maxFileText bounds in bytes the field names, file names and types of all files:
	// they go into the request's context, which must be in memory as a whole.
	maxFileText = 512 << 10
)

// Form is a multipart body, read.
type Form struct {
	// Values holds the fields that are no files. It is never nil.
	Values *Tree

	// Uploads is the JSON of the files: nested as the names of their fields say, but for
	// fields called "f[name]", each file an object
	// {"name","mime","size","error","tmpName"}; nil if that is nothing. A field without a file is not
	// there, but its groups and lists are: "form" of "form[photo]", "photos" of "photos[]".
	Uploads []byte

	// AllUploads is the same with the fields that have no file, each with error 4, in
	// the order of PHP's $_FILES; nil if there is no such field.
	AllUploads []byte

	// Filled is the JSON of the groups that were added to Values, as arrays, because a list of them has one without a
	// file, "docs[0]" of "docs[0][file]": nested as they are, with 1 in place of what $_POST would not have. nil if that is nothing.
	Filled []byte

	// Files holds the absolute paths of the stored files. A file whose field
	// was sent again is here although no upload names it any more.
	Files []string

	spill *spill // nil: all values are in memory
}

// Remove deletes the files that are still where they were stored, and calls Forget; what PHP has
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
	f.Forget()
	return errors.Join(failed...)
}

// ReadMultipart reads a multipart/form-data body to its end as PHP fills $_POST
// and $_FILES from it. Files go to disk while they arrive, mode 0600; memory
// stays bounded by MaxValueBytes and a buffer. It blocks as long as r does.
//
// The caller owns the form and must call Remove. With an error there is no form
// and no file is left. Errors are ErrMalformed, ErrTooManyVars, ErrTooDeep,
// ErrTooManyFiles, ErrTooLarge, ErrNoRoom, what r returned, each wrapped, what Hold did, or an *os.PathError of the Spill. A file that
// cannot be stored is no error but an upload with an error code of PHP:
// 1 over MaxFileSize, 2 over the form's own MAX_FILE_SIZE, 4 no file chosen,
// 6 no temporary folder, 7 not written, 8 extension refused. A body of no bytes is
// an empty form, with or without a boundary.
func ReadMultipart(r io.Reader, contentType string, o MultipartOptions) (*Form, error) {
	b, err := boundary(contentType)
	if err != nil {
		if _, end := io.ReadFull(r, make([]byte, 1)); end == io.EOF {
			return &Form{Values: &Tree{}}, nil
		} else if end != nil {
			return nil, end
		}
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
	if err := reader.book(bufferSize); err != nil {
		return nil, err
	}
	if err := reader.readAll(); err != nil {
		return nil, err
	}
	if err := reader.book(reader.finishing()); err != nil {
		return nil, err
	}
	reader.finish()
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
	inMemory           int64 // bytes of values counted against ValueMemory
	fileText           int   // bytes counted against maxFileText
	fileNodes          int   // elements of uploads, at most
	fileJSON           int   // bytes of them as JSON, at most
	parts, vars, files int
	anonymous          int  // file parts without a name so far
	skipFiles          bool // PHP takes no more files, see bracketsMatch
	lifts              bool // some file field needs liftNames
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

// count counts n bytes of values, names and types.
func (m *multipartReader) count(n int) error {
	if m.memory += int64(n); m.memory > m.o.MaxValueBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, m.o.MaxValueBytes)
	}
	return nil
}

// keep counts n bytes that stay in memory.
func (m *multipartReader) keep(n int) error {
	if err := m.count(n); err != nil {
		return err
	}
	return m.book(2 * n) // what grows is in memory twice
}

// keepName counts the name of a field, and what its place in the tree costs.
func (m *multipartReader) keepName(name string, path []segment) error {
	if err := m.keep(len(name)); err != nil {
		return err
	}
	return m.book(len(path) * nodeSize)
}

func (m *multipartReader) book(n int) error {
	if m.o.Hold == nil {
		return nil
	}
	return m.o.Hold(n)
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
	if err := m.keepName(name, path); err != nil {
		return err
	}
	s := spiller{m: m}
	if err := m.body(s.write); err != nil {
		return err
	}
	m.form.Values.put(path, s.value())
	if asciiEqualFold(name, "MAX_FILE_SIZE") {
		m.store.formLimit = leadingInt(string(s.text))
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
	if err := m.keepName(name, path); err != nil {
		return err
	}
	described := len(d.filename) + len(contentType)
	if err := m.count(described); err != nil {
		return err
	}
	if m.fileText += len(name) + described; m.fileText > maxFileText {
		return fmt.Errorf("%w: more than %d bytes of file names and types", ErrTooLarge, maxFileText)
	}
	f := file{err: errNoFile}
	if d.filename != "" {
		if m.files++; m.files > m.o.MaxFiles {
			return fmt.Errorf("%w: more than %d", ErrTooManyFiles, m.o.MaxFiles)
		}
		if f, err = m.storeFile(d.filename, contentType); err != nil {
			return err
		}
	}
	m.lifts = m.lifts || namesGroup(path)
	text := string(f.appendJSON(nil))
	m.fileNodes += len(path)
	m.fileJSON += len(text) + len(httpctx.AppendEscaped(nil, name)) + keyJSON*len(path)
	if err := m.book(len(text) + len(text)/8); err != nil { // the heap rounds up
		return err
	}
	m.uploads.put(path, value{text: text, raw: true})
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
