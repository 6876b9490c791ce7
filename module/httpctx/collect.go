package httpctx

import "sync"

// collector gathers the headers of one response. Text that is not among the
// known strings is put into one buffer, which becomes one string at the end:
// a response costs one allocation, not one for every name and value.
type collector struct {
	out   *Response
	spans []spans // one for each pair in out.Header
	text  []byte
	size  int // of the pairs, see MaxHeaderBytes
}

// word is a name or a value: a known string, or a stretch of the text.
type word struct {
	known    string
	from, to int
}

// spans says where name and value of a pair stand in the text; an empty stretch
// means that the pair has it already.
type spans struct{ nameFrom, nameTo, valueFrom, valueTo int }

// collectors keeps the buffers between two responses.
var collectors = sync.Pool{New: func() any { return new(collector) }}

// maxKept is the largest text buffer in bytes, and maxKeptSpans the largest
// number of spans, that are kept for another response.
const (
	maxKept      = 64 << 10
	maxKeptSpans = 1 << 10
)

// collect returns a collector for out, whose content it drops.
func collect(out *Response) *collector {
	c := collectors.Get().(*collector)
	c.out = out
	c.forget()
	return c
}

// close ends the use of c.
func (c *collector) close() {
	c.out = nil
	c.text = c.text[:0]
	if cap(c.text) <= maxKept && cap(c.spans) <= maxKeptSpans {
		collectors.Put(c)
	}
}

// word makes a word of the text from here to its end.
func (c *collector) word(from int) word {
	if s := known(c.text[from:]); s != "" {
		c.text = c.text[:from]
		return word{known: s}
	}
	return word{from: from, to: len(c.text)}
}

func (w *word) len() int { return len(w.known) + w.to - w.from }

// add takes a pair up, and says why where that is one too many.
func (c *collector) add(name, value *word) (refusal string) {
	c.size += name.len() + value.len()
	switch {
	case len(c.out.Header) == MaxHeaders:
		return tooManyHeaders
	case c.size > MaxHeaderBytes:
		return headersTooLarge
	}
	c.out.Header = append(c.out.Header, Pair{name.known, value.known})
	c.spans = append(c.spans, spans{name.from, name.to, value.from, value.to})
	return ""
}

// forget drops the pairs gathered so far.
func (c *collector) forget() {
	c.out.Reset()
	c.spans = c.spans[:0]
	c.size = 0
}

// finish completes the pairs.
func (c *collector) finish() {
	if len(c.text) == 0 {
		return
	}
	text := string(c.text)
	for i := range c.spans {
		s, p := &c.spans[i], &c.out.Header[i]
		if s.nameTo > s.nameFrom {
			p.Name = text[s.nameFrom:s.nameTo]
		}
		if s.valueTo > s.valueFrom {
			p.Value = text[s.valueFrom:s.valueTo]
		}
	}
}
