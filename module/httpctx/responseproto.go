package httpctx

import (
	"encoding/binary"
	"math"
)

// Tags of http.v1.Response.
const (
	tagStatus  = 1<<3 | wireVarint
	tagHeaders = 2<<3 | wireBytes
)

// DecodeProto makes r what ctx, a http.v1.Response, says. It keeps no reference
// to ctx. After an error, a [*DecodeError], r is empty.
//
// Unknown fields are skipped, as are known ones of another wire type; groups,
// which no PHP implementation writes, are an error. Of several status the last
// counts; a header that comes several times, which a map does not allow, keeps
// all its values; more than [MaxHeaders] or [MaxHeaderBytes] are an error. An
// empty context is a valid one without status and headers.
func (r *Response) DecodeProto(ctx []byte) error {
	c := collect(r)
	defer c.close()
	d := protoDecoder{collector: c, ctx: ctx}
	if !d.response() {
		c.forget()
		return newDecodeError("proto", ctx, d.pos, d.reason)
	}
	c.finish()
	r.Status = d.status
	return nil
}

// protoDecoder reads one context. Its methods report whether all is well; if
// not, reason says why and pos where.
type protoDecoder struct {
	*collector
	ctx    []byte
	pos    int
	status int
	reason string
}

func (d *protoDecoder) fail(reason string) bool {
	d.reason = reason
	return false
}

func (d *protoDecoder) response() bool {
	for d.pos < len(d.ctx) {
		at := d.pos
		f, ok := d.field(len(d.ctx))
		if !ok {
			return false
		}
		switch f.tag {
		case tagStatus:
			n := int64(f.number)
			if n < math.MinInt || n > math.MaxInt {
				d.pos = at
				return d.fail("status is too large")
			}
			d.status = int(n)
		case tagHeaders:
			if !d.header(f.from, f.to) {
				return false
			}
		}
	}
	return true
}

// header reads the map entry that stands in ctx[from:to]: key and value may
// come in any order, the last key counts, and several values are one list.
func (d *protoDecoder) header(from, to int) bool {
	var key field
	for d.pos = from; d.pos < to; {
		f, ok := d.field(to)
		if !ok {
			return false
		}
		if f.tag == tagKey {
			key = f
		}
	}
	name := d.copy(key)
	for d.pos = from; d.pos < to; {
		f, _ := d.field(to)
		if f.tag == tagValue && !d.values(&name, f.from, f.to) {
			return false
		}
	}
	return true
}

// values reads the HeaderValue that stands in ctx[from:to].
func (d *protoDecoder) values(name *word, from, to int) bool {
	for d.pos = from; d.pos < to; {
		f, ok := d.field(to)
		if !ok {
			return false
		}
		if f.tag == tagItem {
			value := d.copy(f)
			if refusal := d.add(name, &value); refusal != "" {
				d.pos = f.from
				return d.fail(refusal)
			}
		}
	}
	return true
}

func (d *protoDecoder) copy(f field) word {
	at := len(d.text)
	d.text = append(d.text, d.ctx[f.from:f.to]...)
	return d.word(at)
}

// field is one field of a message: its number as a varint, or the stretch of
// the context that it takes.
type field struct {
	tag      uint64
	number   uint64
	from, to int
}

// field reads the field at pos of a message that ends at end.
func (d *protoDecoder) field(end int) (f field, ok bool) {
	at := d.pos
	if f.tag, ok = d.varint(end); !ok {
		return f, false
	}
	if number := f.tag >> 3; number == 0 || number > 1<<29-1 {
		d.pos = at
		return f, d.fail("an invalid field number")
	}
	size := 0
	switch f.tag & 7 {
	case wireVarint:
		f.number, ok = d.varint(end)
		return f, ok
	case wireFixed64:
		size = 8
	case wireFixed32:
		size = 4
	case wireBytes:
		n, ok := d.varint(end)
		if !ok {
			return f, false
		}
		if n > uint64(end-d.pos) {
			d.pos = at
			return f, d.fail("a field longer than its message")
		}
		size = int(n)
	default:
		d.pos = at
		return f, d.fail("an unknown wire type")
	}
	if size > end-d.pos {
		d.pos = at
		return f, d.fail("a field longer than its message")
	}
	f.from, f.to = d.pos, d.pos+size
	d.pos = f.to
	return f, true
}

func (d *protoDecoder) varint(end int) (uint64, bool) {
	v, n := binary.Uvarint(d.ctx[d.pos:end])
	switch {
	case n > 0:
		d.pos += n
		return v, true
	case n == 0:
		return 0, d.fail("a number without end")
	}
	return 0, d.fail("a number of more than 64 bits")
}
