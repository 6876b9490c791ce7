// Package fastcgi is the conversation with one PHP process, of php-fpm or php-cgi, over a connection that
// is kept: one request at a time, request id 1, role responder. A [Machine] decides what belongs to
// which request, a [Link] carries its decisions out. It knows no processes but by their number, no queue and no HTTP.
//
// # Bytes
//
// A request is what [BeginRequest], [AppendParam] and [FinishRequest] make: a BEGIN_REQUEST record, the parameters in records
// that hold whole ones, and the empty record that ends them. The body follows in STDIN records, sent by
// the Link; a large one by a goroutine of its own, since PHP may answer before it has read all.
//
// An answer comes as [goridge.Frame], as that of any worker: the first one has the head as PHP wrote it for its Context,
// without the empty line; the rest is the body. It is one frame where it is there at once and fits into the memory that there is. Where PHP
// pauses for 20 ms what has come is passed on as a part of a stream, and at once for
// Content-Type text/event-stream and X-Accel-Buffering: no.
//
// # Who speaks
//
// The kernel says of all that comes which process has sent it, and never joins what two have sent. The process that
// answers the first request is the one that the connection belongs to. What any other sends, such as
// a fork that has inherited the connection, ends the conversation.
//
// # Ready
//
// FastCGI has no word for "ready again", and PHP may be at work for long after its answer: with
// fastcgi_finish_request, which Symfony and Laravel call for every request. What would be sent meanwhile would count as
// begun, and would be lost or carried out twice if PHP ended.
//
// So the first eight bytes of the next request, which are always the same, are sent by themselves when an answer is there. PHP
// reads them when it is at its loop again, and the kernel tells when they have been read. Only then the request
// itself is sent. Eight bytes alone carry nothing out: PHP drops them when the connection is closed.
// What PHP has said until then, to nobody, is read and dropped before.
//
// # What is proven
//
// The tests compose the machine with a model of PHP and visit every state that up to three requests, output and
// messages at any time, late work, a fork that speaks, and the death of PHP at any time can lead to. In all of them: no output
// of one request comes to another; no request is begun twice, or before it was asked; where the
// machine says ready PHP is at its loop and has nothing more to say; a PHP that does nothing wrong is not ended; and
// never do both wait for each other.
package fastcgi
