// Package link is the conversation with one ready worker: requests go out, answers come
// back, and what belongs to what is decided here and nowhere else. A [Machine] decides, a
// [Link] carries its decisions out over a [goridge.Conn]. It knows no processes, no queue and
// no HTTP.
//
// # The problem
//
// RoadRunner's protocol has no request number. A worker reads frames in order and answers in
// order, so an answer can be told from a stray one only by what came before it. Two things
// help. Behind each request goes a pid frame: the worker replies to it only when it is back at
// its loop, so whatever comes before that reply belongs to that request, and the reply is the
// proof that it is through. And the reply names the process, so that a fork which goes on in
// the loop is found out when it replies. A worker of ours needs neither: it returns the
// number of a request with each frame of its answer, and says when it is done.
//
// # The rule
//
// Nothing is guessed and nothing is mended: a frame that does not fit what may come ends the
// conversation, and with it the worker. A request that must not be carried out twice is sent
// only to a worker that is ready, which has nothing else to do and owes no answer. Requests
// that may be carried out twice can be sent ahead, behind another one. They can be left
// at any time: then other workers carry them out, and what this one answers to them is dropped.
//
// # What is proven
//
// The tests compose the machine with models of PHP (RoadRunner's clients 2.x and 3.x, whose
// streams drop what they find in the pipe, our loop, and ones that answer twice, pass requests
// over, say what nobody asked for, or fork) and visit every state that up to five requests,
// streams of up to three frames, large requests, canceled streams, requests left at any time
// and the worker's death at any time can lead to. In all of them: no frame of one
// request comes to another; no worker that does nothing wrong is ended, but behind a stream that had
// requests behind it; where nothing more comes, the machine knows it; and of a worker that
// has died no request behind the front has been begun. For workers that number their
// answers the first holds whatever frames come. For others it holds as long as only the worker
// itself speaks, and only when it has something to say: one answer from elsewhere, such as a
// forked process that holds the pipe, can come to the request at hand, because nothing
// tells it from the right one. The next frame does not fit then, and ends the worker.
//
// A client of RoadRunner's that has looked for a pong within a stream may have dropped the pid frame
// behind it. If the application never ends that stream, the answer to the request behind
// follows directly. It is told by its head, which a later part of such a stream does not have, and
// ends the conversation. So does an error then. A client that looks for more than pongs at any
// time, as on a socket, is sent nothing ahead.
//
// Two things stay open. Clients of some versions repeat the head with each part of a stream; if the application
// of such a one leaves a stream without an end, after the client has dropped the pid frame and not
// the request behind, the answer to that request is taken for the rest of the stream.
// And a client that passes a request over right behind a stream is not told
// from one that has read the pid frame of the stream. Then nothing comes, until the
// time limit of the request, but no wrong answer either.
package link
