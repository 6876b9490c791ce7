package goridge

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	// requestHeader is the size of the header of a request: one option.
	requestHeader = HeaderSize + 4
	// numberRoom is how much longer it is with a number, the second option.
	numberRoom = 4
	// requestRoom is what BeginRequest reserves.
	requestRoom = numberRoom + requestHeader
)

// BeginRequest reserves the room of a request's header at the end of dst, so
// that the context can be encoded right behind it. FinishRequest fills it in,
// with the length dst had before as its start. What can be sent then is what
// PlainRequest or NumberRequest returns: there is room for a number.
func BeginRequest(dst []byte) []byte {
	return append(dst, make([]byte, requestRoom)...)
}

// FinishRequest writes the header into the room that BeginRequest reserved at
// buf[start:]. Of the body, of bodyLen bytes, any part may already be in buf;
// it does not matter here. At least one of the two parts must
// not be empty: PHP takes an entirely empty request as the order to exit. It
// panics when both together exceed MaxPayload.
func FinishRequest(buf []byte, start int, codec Flags, contextLen, bodyLen int) {
	payload := uint64(contextLen) + uint64(bodyLen)
	if contextLen < 0 || bodyLen < 0 || payload > MaxPayload {
		panic("goridge: request of an impossible length")
	}
	clear(buf[start : start+numberRoom])
	at := start + numberRoom
	AppendHeader(buf[at:at:at+requestHeader], &Header{
		Flags:      codec,
		NumOptions: 1,
		Options:    [MaxOptions]uint32{uint32(contextLen)},
		PayloadLen: uint32(payload),
	})
}

// PlainRequest returns the bytes to send of a request that BeginRequest began at
// request[0], without a number. It writes into the room of the header only, and may be
// called again, as may NumberRequest.
func PlainRequest(request []byte) []byte {
	if request[0] != 0 {
		context := binary.LittleEndian.Uint32(request[HeaderSize:])
		plain := request[numberRoom:]
		copy(plain[1:6], request[1:6])
		request[0] = 0
		writeOptions(plain, minWords+1, context)
	}
	return request[numberRoom:]
}

// NumberRequest is PlainRequest with a number, for a worker that returns the number of
// a request with each frame of its answer: see [Frame.Number].
func NumberRequest(request []byte, number uint32) []byte {
	if request[0] == 0 {
		plain := request[numberRoom:]
		context := binary.LittleEndian.Uint32(plain[HeaderSize:])
		copy(request[1:6], plain[1:6])
		writeOptions(request, minWords+2, context)
	}
	binary.LittleEndian.PutUint32(request[requestHeader:], number)
	return request
}

// writeOptions completes a header of so many words, of which flags and length stand
// already, up to its first option.
func writeOptions(header []byte, words byte, first uint32) {
	header[0] = version<<4 | words
	binary.LittleEndian.PutUint32(header[checkedBytes:], crc32.ChecksumIEEE(header[:checkedBytes]))
	header[crcEnd], header[crcEnd+1] = 0, 0
	binary.LittleEndian.PutUint32(header[HeaderSize:], first)
}

// RequestSize is how many bytes of a request that BeginRequest began PlainRequest or,
// with a number, NumberRequest returns.
func RequestSize(request []byte, numbered bool) int {
	if numbered {
		return len(request)
	}
	return len(request) - numberRoom
}
