package httpctx

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
