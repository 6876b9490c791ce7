package goridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// pieces reads input in pieces of changing size, the first of them of n bytes.
func pieces(input []byte, n int) io.Reader {
	r := bytes.NewReader(input)
	return readerFunc(func(p []byte) (int, error) {
		n = min(max(n, 1), len(p))
		got, err := r.Read(p[:n])
		n = (n*7 + 3) % 97
		return got, err
	})
}

// begins tells, independently of ParseHeader, whether b can be the beginning
// of a frame, and whether it is one for sure.
func begins(b []byte) (possible, sure bool) {
	const sumBegin, sumEnd = 6, 10
	switch {
	case len(b) == 0:
		return true, false
	case b[0] < 0x13 || b[0] > 0x1d:
		return false, false
	case len(b) > 1 && b[1]&0x02 != 0:
		return false, false
	case len(b) > sumBegin:
		sum := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b[:sumBegin]))
		there := b[sumBegin:min(len(b), sumEnd)]
		return bytes.HasPrefix(sum, there), bytes.Equal(sum, there)
	}
	return true, false
}

// decode is what a Conn should do, with all of the input at hand.
func decode(input []byte, maxFrame uint32, skip bool) (messages []message, stray []byte, end error) {
	for len(input) > 0 {
		possible, sure := begins(input)
		if !sure {
			switch {
			case skip:
				stray = append(stray, input[0])
				input = input[1:]
				continue
			case possible:
				return messages, stray, io.ErrUnexpectedEOF
			}
			return messages, stray, ErrBadFrame
		}
		size := int(input[0]&0x0f) * 4
		if len(input) < size {
			return messages, stray, io.ErrUnexpectedEOF
		}
		m := message{flags: Flags(input[1]), stream: StreamBits(input[10]), options: size/4 - 3}
		length := binary.LittleEndian.Uint32(input[2:])
		context := uint32(0)
		if m.options > 0 {
			context = binary.LittleEndian.Uint32(input[12:])
		}
		switch {
		case length > maxFrame:
			return messages, stray, ErrFrameTooLarge
		case context > length:
			return messages, stray, ErrBadFrame
		case len(input)-size < int(length):
			return messages, stray, io.ErrUnexpectedEOF
		}
		payload := input[size : size+int(length)]
		m.context, m.body = string(payload[:context]), string(payload[context:])
		messages = append(messages, m)
		input = input[size+int(length):]
	}
	return messages, stray, io.EOF
}

// FuzzDecode compares a Conn, fed in pieces, with a decoder that sees all of
// the input: neither loses, invents or overtakes a byte.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "frames", "*.bin"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded frames: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, 5, 0, false)
		f.Add(append([]byte("\x14text"), b...), 1, 3, true)
	}
	f.Add(data("{}", text(30_000)).encode(), 20_000, 100, false)
	f.Fuzz(func(t *testing.T, input []byte, first, inMemory int, skip bool) {
		const maxFrame = 1 << 20
		want, wantStray, wantErr := decode(input, maxFrame, skip)

		o := Options{MaxFrame: maxFrame, MaxInMemory: int64(inMemory)}
		var stray []byte
		if skip {
			o.Stray = func(p []byte) { stray = append(stray, p...) }
		}
		c := reading(pieces(input, first), o)
		var got []message
		var gotErr error
		for gotErr == nil {
			var frame Frame
			if gotErr = c.ReadFrame(&frame); gotErr != nil {
				break
			}
			var rest []byte
			if rest, gotErr = io.ReadAll(&frame); gotErr == nil {
				got = append(got, message{frame.Flags, frame.Stream, frame.NumOptions, string(frame.Context()), string(frame.Body()) + string(rest)})
			}
			frame.Release()
		}
		if !slices.Equal(got, want) || !errors.Is(gotErr, wantErr) || !bytes.Equal(stray, wantStray) {
			t.Errorf("got  %v, stray %q, %v\nwant %v, stray %q, %v", got, stray, gotErr, want, wantStray, wantErr)
		}
	})
}

// FuzzResync puts garbage in front of frames: unless the garbage itself makes
// up a header, every frame is found and every byte of the garbage handed over.
func FuzzResync(f *testing.F) {
	f.Add([]byte("PHP Warning:  x\n"), []byte("{}"), []byte("body"), 3)
	f.Add([]byte("\x14\x08\x14\x08\x06\x00\x00\x00\x14"), []byte("{}"), []byte("body"), 1)
	f.Add([]byte("\x1b(B\x1b[0m"), []byte(stopping), []byte(nil), 100)
	f.Fuzz(func(t *testing.T, garbage, context, body []byte, first int) {
		m := data(string(context), string(body))
		input := slices.Concat(garbage, m.encode(), garbage, m.encode())
		for i := range garbage {
			for _, start := range []int{i, i + len(garbage) + len(m.encode())} {
				if _, sure := begins(input[start:]); sure {
					return // it makes up a header
				}
			}
		}
		o, stray := collect()
		got, err := readAll(t, reading(pieces(input, first), o))
		if err != io.EOF || !slices.Equal(got, []message{m, m}) {
			t.Errorf("got %v, %v, want %v twice", got, err, m)
		}
		if want := slices.Concat(garbage, garbage); !bytes.Equal(stray.Bytes(), want) {
			t.Errorf("stray %q, want %q", stray, want)
		}
	})
}
