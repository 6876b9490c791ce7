package form

import (
	"cmp"
	"errors"
)

// The errors of this package. They arrive wrapped, with the limit or the reason
// in their text, so test for them with errors.Is. None of them has a part of
// the body in its text.
var (
	// ErrTooManyVars reports more fields than Limits.MaxVars, or more parts
	// than fields and files together may have.
	ErrTooManyVars = errors.New("too many form fields")

	// ErrTooDeep reports a name with more brackets than Limits.MaxDepth.
	ErrTooDeep = errors.New("form field nested too deep")

	// ErrTooManyFiles reports more files than MultipartOptions.MaxFiles.
	ErrTooManyFiles = errors.New("too many uploaded files")

	// ErrTooLarge reports form values that exceed MultipartOptions.MaxValueBytes.
	ErrTooLarge = errors.New("form values too large")

	// ErrMalformed reports a multipart body that breaks the format.
	ErrMalformed = errors.New("malformed multipart body")
)

// Limits bounds a form. The zero value has PHP's defaults.
type Limits struct {
	// MaxVars is the largest number of fields, PHP's max_input_vars. As in
	// PHP, a urlencoded body has as many fields as it has pieces between
	// ampersands, empty ones included. Default: 1000.
	MaxVars int

	// MaxDepth is the largest number of brackets in one name, PHP's
	// max_input_nesting_level. As in PHP, file fields have one less. The
	// worker's json_decode goes down 512 levels. Default: 64.
	MaxDepth int

	// Separators are the bytes between the variables of a query, PHP's
	// arg_separator.input. Forms and cookies have their own. Default: "&".
	Separators string
}

func (l Limits) withDefaults() Limits {
	return Limits{MaxVars: cmp.Or(l.MaxVars, 1000), MaxDepth: cmp.Or(l.MaxDepth, 64), Separators: cmp.Or(l.Separators, "&")}
}
