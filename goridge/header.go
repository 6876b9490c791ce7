package goridge

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
)

// Flags is the second byte of a frame: the kind of the frame and the codec of
// its context. A worker that sends no codec bit at all means JSON.
type Flags uint8

// The flags of the protocol. Bit 0x02 is unused; a header that has it set is
// not a header.
const (
	FlagControl  Flags = 0x01 // the payload is a JSON command, see AppendControlPID
	CodecRaw     Flags = 0x04
	CodecJSON    Flags = 0x08
	CodecMsgpack Flags = 0x10
	CodecGob     Flags = 0x20
	FlagError    Flags = 0x40 // the payload is the text of an error
	CodecProto   Flags = 0x80

	flagUnused Flags = 0x02
	codecMask        = CodecRaw | CodecJSON | CodecMsgpack | CodecGob | CodecProto
)

// Codec returns the codec bits alone; 0 when there are none.
func (f Flags) Codec() Flags { return f & codecMask }

// StreamBits is the eleventh byte of a frame: its place in a stream.
type StreamBits uint8

// The stream bits of the protocol.
const (
	StreamMore StreamBits = 0x01 // another frame of the same response follows
	StreamStop StreamBits = 0x02 // server to worker: stop streaming
	StreamPing StreamBits = 0x04 // worker to server: answer with StreamPong
	StreamPong StreamBits = 0x08
	// StreamDone says, with the last frame of an answer, that the worker has nothing left
	// to do for its request and waits for the next one. It is ours, not RoadRunner's: only a
	// worker that numbers its answers sends it, see Frame.Number.
	StreamDone StreamBits = 0x10
)

const (
	// MaxOptions is how many options the 4-bit header length leaves room for.
	MaxOptions = 10

	// HeaderSize is the size in bytes of a header without options.
	HeaderSize = 12

	// MaxPayload is the longest payload a header can announce, in bytes.
	MaxPayload = math.MaxUint32
)

const (
	version      = 1
	minWords     = HeaderSize / 4
	maxWords     = minWords + MaxOptions
	checkedBytes = 6  // the checksum covers these
	crcEnd       = 10 // and ends before this offset
)

// Header is everything of a frame but its payload. The reserved twelfth byte
// is written as 0 and ignored when read.
type Header struct {
	Flags      Flags
	Stream     StreamBits
	NumOptions int // how many of Options are sent, at most MaxOptions
	Options    [MaxOptions]uint32
	PayloadLen uint32 // bytes that follow the header, options not counted
}

// Size returns the length of the encoded header in bytes.
func (h *Header) Size() int { return HeaderSize + 4*h.NumOptions }

// IsControl reports whether the payload is a command rather than data.
func (h *Header) IsControl() bool { return h.Flags&FlagControl != 0 }

// IsError reports whether the payload is the text of an error.
func (h *Header) IsError() bool { return h.Flags&FlagError != 0 }

// More reports whether further frames belong to the same response.
func (h *Header) More() bool { return h.Stream&StreamMore != 0 }

// Ping reports whether the worker waits for AppendStreamPong's frame. A ping
// can come with any frame of a stream, the last one included.
func (h *Header) Ping() bool { return h.Stream&StreamPing != 0 }

// Done reports whether the worker is through with the request of this answer.
func (h *Header) Done() bool { return h.Stream&StreamDone != 0 }

// Number returns the number of the request that a frame belongs to, its second option; 0
// where it has none. The checksum does not cover it: bytes that are no frame are not
// taken for one, which is what that is for.
func (h *Header) Number() uint32 {
	if h.NumOptions < 2 {
		return 0
	}
	return h.Options[1]
}

// AppendHeader appends the encoded header to dst. It panics when NumOptions is
// not within 0 and MaxOptions.
func AppendHeader(dst []byte, h *Header) []byte {
	options := h.Options[:h.NumOptions]
	start := len(dst)
	dst = append(dst, version<<4|byte(minWords+len(options)), byte(h.Flags))
	dst = binary.LittleEndian.AppendUint32(dst, h.PayloadLen)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
	dst = append(dst, byte(h.Stream), 0)
	for _, o := range options {
		dst = binary.LittleEndian.AppendUint32(dst, o)
	}
	return dst
}

// ParseHeader decodes the header at the start of p into h and returns its size
// in bytes. Bytes that cannot be the start of a header are ErrBadFrame, and
// that is said as early as possible: of one wrong byte. A proper beginning of
// a header that p does not hold to its end is io.ErrShortBuffer.
//
// The checksum does not cover the options, so whether option 0 fits into the
// payload is for the reader of the frame to see.
func ParseHeader(p []byte, h *Header) (int, error) {
	if len(p) == 0 {
		return 0, io.ErrShortBuffer
	}
	words := int(p[0] & 0x0f)
	if p[0]>>4 != version || words < minWords || words > maxWords {
		return 0, ErrBadFrame
	}
	if len(p) > 1 && Flags(p[1])&flagUnused != 0 {
		return 0, ErrBadFrame
	}
	if len(p) > checkedBytes {
		sum := crc32.ChecksumIEEE(p[:checkedBytes])
		for _, b := range p[checkedBytes:min(crcEnd, len(p))] {
			if b != byte(sum) {
				return 0, ErrBadFrame
			}
			sum >>= 8
		}
	}
	size := words * 4
	if len(p) < size {
		return 0, io.ErrShortBuffer
	}
	h.Flags = Flags(p[1])
	h.Stream = StreamBits(p[10])
	h.NumOptions = words - minWords
	h.PayloadLen = binary.LittleEndian.Uint32(p[2:])
	h.Options = [MaxOptions]uint32{}
	for i := range h.NumOptions {
		h.Options[i] = binary.LittleEndian.Uint32(p[HeaderSize+4*i:])
	}
	return size, nil
}
