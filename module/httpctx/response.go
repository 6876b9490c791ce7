package httpctx

// What a context may hold. No application comes near it, and no usual client or proxy
// would take such an answer; but each header costs those who pass it on some work, and Go's
// HTTP/2 keeps what the largest head of a connection has taken until that ends.
const (
	// MaxHeaders is the largest number of header values.
	MaxHeaders = 1000

	// MaxHeaderBytes is the largest size of all headers in bytes: of each value and, with
	// each value, the name.
	MaxHeaderBytes = 256 << 10
)

// Reasons of a DecodeError.
const (
	tooManyHeaders  = "more than 1000 headers"
	headersTooLarge = "more than 256 KiB of headers"
)

// Response is what a worker says about its answer beside the body. A zero
// Response is ready to decode into, and so is a used one: it keeps the memory
// of Header. It is not safe for concurrent use.
type Response struct {
	// Status is the number the worker sent, whatever it is, 0 if it sent none.
	Status int

	// Header holds every value in the order in which the worker sent them; a
	// header with several values stands here several times. Names and values
	// are unchecked. The strings stay valid after Reset and keep nothing of the
	// decoded context alive.
	Header []Pair
}

// Reset empties r. It keeps the memory of Header, but none of its strings.
func (r *Response) Reset() {
	r.Status = 0
	clear(r.Header)
	r.Header = r.Header[:0]
}
