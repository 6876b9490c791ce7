package goridge

// requestHeader is the size of the header of a request: one option.
const requestHeader = HeaderSize + 4

// AppendRequest appends the header of a request and its context to dst; the
// body, of bodyLen bytes, has to follow. At least one of the two parts must
// not be empty: PHP takes an entirely empty request as the order to exit. It
// panics when both together exceed MaxPayload.
func AppendRequest(dst []byte, codec Flags, context []byte, bodyLen int) []byte {
	dst = AppendHeader(dst, requestFor(codec, len(context), bodyLen))
	return append(dst, context...)
}

// BeginRequest reserves the room of a request's header at the end of dst, so
// that the context can be encoded right behind it. FinishRequest fills it in,
// with the length dst had before as its start.
func BeginRequest(dst []byte) []byte {
	return append(dst, make([]byte, requestHeader)...)
}

// FinishRequest writes the header into the room that BeginRequest reserved at
// buf[start:]. Of the body, of bodyLen bytes, any part may already be in buf;
// it does not matter here. What AppendRequest says of lengths holds as well.
func FinishRequest(buf []byte, start int, codec Flags, contextLen, bodyLen int) {
	AppendHeader(buf[start:start:start+requestHeader], requestFor(codec, contextLen, bodyLen))
}

func requestFor(codec Flags, contextLen, bodyLen int) *Header {
	payload := uint64(contextLen) + uint64(bodyLen)
	if contextLen < 0 || bodyLen < 0 || payload > MaxPayload {
		panic("goridge: request of an impossible length")
	}
	return &Header{
		Flags:      codec,
		NumOptions: 1,
		Options:    [MaxOptions]uint32{uint32(contextLen)},
		PayloadLen: uint32(payload),
	}
}
