package exchange

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/phpworker/caddy-php-worker/module/form"
)

// smallForm is the largest form, in bytes of what it takes, that is encoded at once.
const smallForm = 64 << 10

// largestForm is about what the largest form needs in memory while it is parsed, in bytes.
const largestForm = 50_000_000

// maxLargeForms is how many forms that are in files are parsed at a time: more would only
// need more memory. Whoever waits for it holds no memory of a form, and who is at it waits for
// nobody.
const maxLargeForms = 2

// holdForm takes memory for a form that is being parsed.
func (q *Request) holdForm(n int64) error {
	if !q.mem.takeFixed(n) {
		return ErrNoMemory
	}
	q.formSize += n
	return nil
}

// holdValue takes memory for form values, which can go to a file; a negative n gives it back.
func (q *Request) holdValue(n int) bool {
	switch {
	case n < 0:
		q.mem.give(int64(-n))
	case !q.mem.take(int64(n)):
		return false
	}
	q.formSize += int64(n)
	return true
}

// releaseForm gives back what the form took, which has been encoded.
func (q *Request) releaseForm() {
	q.mem.give(q.formSize)
	q.formSize = 0
	if q.form != nil {
		q.form.Forget()
	}
	if q.parsing != nil {
		<-q.parsing
		q.parsing = nil
	}
}

// readForm reads a urlencoded form, and takes the memory that parsing it needs. As long
// as the client still sends, what is more than BodyMemory is in a file.
func (o *Options) readForm(r *http.Request, body io.Reader, q *Request) (string, error) {
	come := o.bodyBuffer(q)
	if err := come.readFrom(io.LimitReader(body, maxURLEncoded+1), r.ContentLength); err != nil {
		return "", err
	}
	size := come.size()
	if size > maxURLEncoded {
		return "", errFormTooLarge
	}
	if q.body.file != nil {
		select {
		case o.Memory.largeForms <- struct{}{}:
			q.parsing = o.Memory.largeForms
		case <-r.Context().Done():
			return "", context.Cause(r.Context())
		}
	}
	if err := q.holdForm(size); err != nil {
		return "", err
	}
	text, err := come.text(size)
	if err != nil {
		return "", err
	}
	more := form.MemoryOf(text, o.Forms.Limits)
	if size+more > o.Memory.Budget.Fixed() {
		return "", errFormTooLarge
	}
	return text, q.holdForm(more)
}

// text moves the body out of b.
func (b *bodyBuffer) text(size int64) (string, error) {
	var text strings.Builder
	text.Grow(int(size))
	text.Write((*b.q.buf)[b.start:])
	*b.q.buf = (*b.q.buf)[:b.start]
	if file := b.q.body.file; file != nil {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return "", bodyError(err)
		}
		if _, err := io.CopyN(&text, file, size); err != nil {
			return "", bodyError(err)
		}
		b.q.body.close()
	}
	return text.String(), nil
}

// appendForm appends the fields as PHP gets them.
func (o *Options) appendForm(q *Request, fields *form.Tree) error {
	defer q.releaseForm()
	if q.formSize <= smallForm && (q.form == nil || !q.form.Spilled()) {
		return q.keep(fields.AppendJSON(*q.buf), q.mem.takeFixed)
	}
	encoded := o.bodyBuffer(q) // the values may come from a file of their own
	encoded.limit = maxParsed
	if err := fields.WriteJSON(encoded); err != nil {
		return bodyError(err)
	}
	return nil
}
