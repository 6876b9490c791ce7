package form

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// spill is a file with the values that are not kept in memory, one behind the other.
type spill struct {
	file *os.File
	size int64
}

// spilled is a value in a spill.
type spilled struct {
	*spill
	from, size int64
}

// spiller is the value that is being read: in memory as long as it may be there.
type spiller struct {
	m       *multipartReader
	text    []byte
	spilled *spilled // nil: it is in text
}

// write takes the next piece of the value.
func (s *spiller) write(p []byte) error {
	if err := s.m.count(len(p)); err != nil {
		return err
	}
	if s.spilled == nil {
		if s.m.keepsValue(len(p)) {
			s.text = append(s.text, p...)
			return nil
		}
		if err := s.begin(); err != nil {
			return err
		}
	}
	return s.spilled.write(p)
}

// begin moves what has come to the file.
func (s *spiller) begin() error {
	file := s.m.form.spill
	if file == nil {
		f, err := s.m.o.Spill()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		}
		file = &spill{file: f}
		s.m.form.spill = file
	}
	s.spilled = &spilled{spill: file, from: file.size}
	if err := s.spilled.write(s.text); err != nil {
		return err
	}
	s.m.inMemory -= int64(len(s.text))
	if s.m.o.HoldValue != nil {
		s.m.o.HoldValue(-2 * len(s.text))
	}
	s.text = bytes.Clone(s.text[:min(len(s.text), pieceSize)])
	return nil
}

func (s *spilled) write(p []byte) error {
	n, err := s.file.WriteAt(p, s.spill.size)
	s.spill.size += int64(n)
	s.size += int64(n)
	return err
}

// value is the whole value. Of what has been moved the beginning stays in text.
func (s *spiller) value() value {
	if s.spilled != nil {
		return value{spilled: s.spilled}
	}
	return value{text: string(s.text)}
}

// keepsValue asks whether n more bytes of a value may stay in memory.
func (m *multipartReader) keepsValue(n int) bool {
	if m.o.Spill == nil {
		return true
	}
	if m.inMemory+int64(n) > m.o.ValueMemory || m.o.HoldValue != nil && !m.o.HoldValue(2*n) {
		return false
	}
	m.inMemory += int64(n)
	return true
}

// ErrNoRoom reports a value for which there is neither memory nor a file.
var ErrNoRoom = errors.New("no room for a form value")

// spilled encodes a value that is in a file, piece by piece.
func (e *encoder) spilled(v *spilled) {
	e.dst = append(e.dst, '"')
	buf := make([]byte, pieceSize+utf8.UTFMax)
	have := 0
	for at, end := v.from, v.from+v.size; e.err == nil && (at < end || have > 0); {
		n, err := v.file.ReadAt(buf[have:have+int(min(int64(len(buf)-have), end-at))], at)
		at += int64(n)
		if have += n; err != nil && !(err == io.EOF && at == end) {
			e.err = err
			return
		}
		whole := have
		if at < end {
			whole = wholeRunes(string(buf[:have]), pieceSize)
		}
		e.dst = httpctx.AppendEscaped(e.dst, string(buf[:whole]))
		have = copy(buf, buf[whole:have])
		if e.w != nil {
			e.flush()
		}
	}
	e.dst = append(e.dst, '"')
}

// Spilled says that some value is in a file. Then its fields can be written with WriteJSON only.
func (f *Form) Spilled() bool { return f.spill != nil }

// Forget gives the fields up, and what they occupy. A second call does nothing.
func (f *Form) Forget() {
	f.Values, f.Uploads, f.AllUploads, f.Filled = nil, nil, nil, nil
	if f.spill != nil {
		f.spill.file.Close()
		f.spill = nil
	}
}
