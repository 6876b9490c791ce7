package exchange

import (
	"errors"
	"fmt"

	"github.com/phpworker/caddy-php-worker/module/form"
)

var (
	// ErrBodyTooLarge is a request body that exceeds Options.MaxBody.
	ErrBodyTooLarge = errors.New("the request body is larger than max_body")
	// ErrNoMemory says that the requests and answers of the pool hold as much memory as
	// they may.
	ErrNoMemory = errors.New("the requests and answers of the pool hold as much memory as they may")
	// ErrBadAnswer is an answer that HTTP cannot carry. It is in an [AnswerError].
	ErrBadAnswer = errors.New("the worker's answer is no HTTP response")

	// errFormTooLarge says that a urlencoded form exceeds maxURLEncoded.
	errFormTooLarge = fmt.Errorf("%w: a urlencoded form may have 16 MiB", form.ErrTooLarge)
)

// BadRequestError is a request that no worker must see.
type BadRequestError struct{ Err error }

func (e BadRequestError) Error() string { return e.Err.Error() }
func (e BadRequestError) Unwrap() error { return e.Err }

// BodyError is a request body that did not come to its end.
type BodyError struct{ Err error }

func (e BodyError) Error() string { return "reading the request body: " + e.Err.Error() }
func (e BodyError) Unwrap() error { return e.Err }

// AnswerError is an answer that cannot be passed on.
type AnswerError struct {
	PID int // of the worker
	Err error
}

func (e *AnswerError) Error() string { return fmt.Sprintf("worker %d: %v", e.PID, e.Err) }
func (e *AnswerError) Unwrap() error { return e.Err }

// FileError is a file that an answer names and that cannot be sent. Where none of the roots has
// it, it is an fs.ErrNotExist.
type FileError struct{ Err error }

func (e *FileError) Error() string { return e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// unreadError is an error that was found before anything of the body was read, or
// asked for with 100 Continue.
type unreadError struct{ err error }

func (e unreadError) Error() string { return e.err.Error() }
func (e unreadError) Unwrap() error { return e.err }
