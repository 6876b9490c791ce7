// Package static decides which files below a root may be sent to browsers, in as few
// system calls as possible. It knows no HTTP server: it gets a root and the path of a URL, and
// the caller sends the file.
//
// Three questions are asked, the cheapest first: may the path name such a file by its mere text
// ([AllowedPath]); is there one, also behind symbolic links; and does it begin as something that
// a browser cannot use ([Servable] asks both).
//
// All functions are safe for concurrent use.
package static
