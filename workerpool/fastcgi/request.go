package fastcgi

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The types of records, and the parts of one.
const (
	typeBegin  = 1
	typeEnd    = 3
	typeParams = 4
	typeStdin  = 5
	typeStdout = 6
	typeStderr = 7

	version    = 1
	requestID  = 1 // there is only one at a time on a connection
	headerSize = 8
	beginSize  = headerSize + 8
	endSize    = 8 // without its header
	// maxContent is the most that a record holds; MaxParam the most that the name and the value
	// of a parameter take together with their lengths: PHP does not put them together from two records.
	maxContent = 1<<16 - 1
	MaxParam   = maxContent
)

// ErrParamTooLong says that a parameter takes more than MaxParam bytes.
var ErrParamTooLong = errors.New("a parameter is too long for FastCGI")

// begin is the record that every request begins with: role responder, and the connection is kept.
var begin = [beginSize]byte{version, typeBegin, 0, requestID, 0, 8, 0, 0, 0, 1, 1}

// BeginRequest begins a request at the end of dst: AppendParam appends its parameters, and FinishRequest
// ends them.
func BeginRequest(dst []byte) []byte {
	dst = append(dst, begin[:]...)
	return appendHeader(dst, typeParams, 0)
}

func appendHeader(dst []byte, typ byte, content int) []byte {
	return append(dst, version, typ, 0, requestID, byte(content>>8), byte(content), 0, 0)
}

// AppendParam appends a parameter to the request that dst ends with.
func AppendParam(dst []byte, name, value string) []byte {
	dst = appendLength(dst, len(name))
	dst = appendLength(dst, len(value))
	dst = append(dst, name...)
	return append(dst, value...)
}

// appendLength appends the length of a name or a value, in one byte or in four.
func appendLength(dst []byte, n int) []byte {
	if n < 1<<7 {
		return append(dst, byte(n))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|1<<31)
}

// FinishRequest ends the parameters of the request that begins at buf[start] and goes to the end of buf. What it returns
// at [start:] is workerpool.Request.Frame; the body follows in records of their own. Its error is an [ErrParamTooLong].
func FinishRequest(buf []byte, start int) ([]byte, error) {
	first := start + beginSize
	size := len(buf) - first - headerSize
	if size > maxContent {
		var err error
		if buf, err = split(buf, first); err != nil {
			return nil, err
		}
		return appendHeader(buf, typeParams, 0), nil
	}
	if size == 0 { // an empty record would end them
		return buf, nil
	}
	binary.BigEndian.PutUint16(buf[first+4:], uint16(size))
	return appendHeader(buf, typeParams, 0), nil
}

// split makes several records of the parameters behind the header at buf[first], each with whole ones.
func split(buf []byte, first int) ([]byte, error) {
	params := buf[first+headerSize:]
	var sizes []int // of the records
	size := 0
	for rest := params; len(rest) > 0; {
		n := paramSize(rest)
		if n > MaxParam {
			return nil, fmt.Errorf("%w: %d bytes", ErrParamTooLong, n)
		}
		if size+n > maxContent {
			sizes, size = append(sizes, size), 0
		}
		size += n
		rest = rest[n:]
	}
	sizes = append(sizes, size)
	// From the last to the first, so that nothing is overwritten that is still to be moved.
	from := len(buf)
	buf = append(buf, make([]byte, headerSize*(len(sizes)-1))...)
	to := len(buf)
	for i := len(sizes) - 1; i >= 0; i-- {
		from, to = from-sizes[i], to-sizes[i]
		copy(buf[to:], buf[from:from+sizes[i]])
		to -= headerSize
		appendHeader(buf[to:to:to+headerSize], typeParams, sizes[i])
	}
	return buf, nil
}

// paramSize is the size of the parameter that p begins with, with its lengths.
func paramSize(p []byte) int {
	name, n := readLength(p)
	value, m := readLength(p[n:])
	return n + m + name + value
}

// readLength reads what appendLength has appended, and says how many bytes that were.
func readLength(p []byte) (length, size int) {
	if p[0] < 1<<7 {
		return int(p[0]), 1
	}
	return int(binary.BigEndian.Uint32(p) &^ (1 << 31)), 4
}
