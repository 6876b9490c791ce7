// Package exchange turns an HTTP request into the frame that a worker gets, and the worker's
// answer into an HTTP response. It knows net/http, but neither Caddy nor processes: the caller
// says what its server knows of a request ([Info]), and brings the answer ([Answer]).
//
// For each request the caller goes these steps:
//
//	q, err := Read(w, r, info, options)   // the body is read before a worker is taken
//	if err != nil { Drain(w, r, err) … }
//	defer q.Close()
//	turn := …                             // a worker gets q.Frame and q.Body, and answers
//	q.Sent(…)
//	err = Write(w, r, answer, options)    // an error: nothing has been sent yet
//
// Everything that a client sends is hostile: what could make a worker throw in the libraries
// that read the request is refused ([BadRequestError]). Everything that a request holds in memory
// is taken from the [Memory] of its pool, and what finds no room there goes to a file.
//
// One file each: the request's URI (uri.go), its body (body.go, urlencoded.go, uploads.go, bodybuffer.go),
// the answer's head (head.go), body (response.go), files that it names (sendfile.go), and the
// file in which it waits for a slow client (answerfile.go).
package exchange
