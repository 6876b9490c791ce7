// Package form reads HTML forms and uploads the way PHP reads them, and writes
// them the way a RoadRunner PHP worker expects them: of a form that is within the
// limits, what the worker gets after json_decode(…, true) equals the $_POST that
// php-fpm would have built from the same bytes, key order and key types included,
// but for what the parts below say. Cookies keep their names, which $_COOKIE would
// not, see [ParseCookies]; a query is only cut, see [Query].
//
// # Names
//
// A field name is cut at its first NUL byte. Leading spaces go; spaces and dots
// before the first bracket become underscores. "a[b][c]" nests, "a[]" appends,
// text after the last bracket is ignored, and a bracket that is never closed is
// no bracket: "a[b" is the field "a_b". A name that starts with a bracket, or is
// empty, is dropped. Keys that look like canonical decimal integers are
// integers to PHP, so "a[7]=x&a[]=y" appends at 8. A later field replaces an
// earlier one of the same name but keeps its place. Names and indexes that
// start with "__Host-" or "__Secure-" are dropped unless the name as it was sent
// starts so.
//
// # Limits
//
// Where PHP writes a warning to its log and hands the application a part of the
// form, this package refuses the form: too many fields (PHP stops reading at
// max_input_vars), too many brackets in one name (PHP forgets the variable), too
// many files (PHP skips the rest), a part without a field name and a file name
// (PHP stops reading). Half a form must not be mistaken for a whole one.
//
// # Deviations of multipart bodies
//
//   - A body without its closing delimiter is ErrMalformed, so the upload error
//     3 (partial) never occurs. An empty body is an empty form.
//   - White space after an unquoted boundary parameter is not part of it.
//   - The header of one part may have 16 KiB; PHP has no limit, but cuts lines
//     at 5 KiB.
//   - Of MAX_FILE_SIZE and MultipartOptions.MaxFileSize the smaller one decides the
//     error. PHP compares once per 5 KiB, its own limit first.
//   - File fields named "a[name]", "a[type]" and so on beside a file field "a"
//     make PHP build a $_FILES nobody can read. Here the later field wins.
//
// Everything else is PHP's: parts without a Content-Disposition are skipped,
// parts after the closing delimiter count, "filename*" is ignored, a file part
// without a name is called 0, 1, 2 and so on, a file field whose brackets do not
// match is skipped with all files after it.
//
// # What JSON loses
//
// JSON is UTF-8. Every byte of a key or value that is not part of valid UTF-8 is
// read as ISO-8859-1. Two keys that become equal by that are one key to PHP; the
// later value wins.
//
// # Where the worker would trip
//
// The package spiral/roadrunner-http takes every array of uploads that has a key
// "name" for a file, on its way to the application: a file field called "f[name]"
// would end the worker. Its group cannot be told to that package at all, so the
// file comes under the name "f[name]" at the top level, where PHP itself never has
// brackets. "f[name][]" is "f[name]" with a list, "f[][name]" is "f[0][name]".
//
// The worker reads the query itself. [Query] leaves out what PHP would warn of.
package form
