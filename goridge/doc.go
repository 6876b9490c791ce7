// Package goridge speaks the protocol between a server and its resident PHP
// workers: frames over a pair of pipes or a socket, as the PHP packages
// spiral/goridge 3 and 4 and spiral/roadrunner-worker do. It knows bytes only,
// no processes and no HTTP, and needs nothing but the standard library.
//
// # A frame
//
// All integers are little endian.
//
//		      0        1        2     3     4     5     6     7     8     9
//		 +--------+--------+-----------------------+-----------------------+
//		 | ver|HL | flags  |    payload length     |  CRC-32 of bytes 0-5  |
//		 +--------+--------+-----------------------+-----------------------+
//		     10       11     12
//		 +--------+--------+-----------+- - - - - -+- - - - - - - - - - - -+
//		 | stream |   0    | option 0  | option 1…9|  payload              |
//		 +--------+--------+-----------+- - - - - -+- - - - - - - - - - - -+
//
//	  - ver is the version, 1, in the high nibble. HL, in the low nibble, is the
//	    length of the header with its options, in words of four bytes: 3 without
//	    options, at most 13.
//	  - flags tells a command ([FlagControl]), an error ([FlagError]) and the
//	    codec of the context. Bit 0x02 is never set.
//	  - payload length is in bytes and does not count the options.
//	  - the sum is CRC-32 IEEE, PHP's crc32(). It covers neither the stream byte,
//	    nor the options, nor the payload. PHP does not check it.
//	  - stream holds [StreamMore], [StreamStop], [StreamPing], [StreamPong].
//	  - a data frame has one option, the length of the context. The payload is
//	    the context and then the body. A frame without options has no context.
//
// # A conversation
//
//	server                          worker
//	CONTROL {"pid":1}          ->              AppendControlPID
//	                           <-   CONTROL {"pid":4711}          Frame.PID
//	context + body             ->              BeginRequest
//	                           <-   context + body [, MORE]       Frame.Context, Frame.Body
//	                           <-   body, MORE|PING               Frame.More, Frame.Ping
//	PONG                       ->              AppendStreamPong
//	                           <-   body                          the last one: no MORE
//	CONTROL {"stop":true}      ->              AppendControlStop
//
// The worker answers the question for its process id whenever it waits for a
// request, which makes it a probe for readiness. An error takes the place of a
// response: a frame with [FlagError], without options, that holds the text. A
// worker that wants to be replaced sends a data frame without body whose
// context is {"stop":true}, see [Frame.IsStopRequest]. The server cancels a
// stream with [AppendStreamStop] and reads on to the frame without MORE.
//
// # Numbers
//
// RoadRunner's protocol tells which request an answer belongs to by order alone. The PHP
// package of this project adds numbers to it, in a way that RoadRunner and its packages do not see:
// its answer to the first question for its process id is {"pid":4711,"numbers":true}, see [Frame.Hello];
// a request that is sent to it has a second option, its number ([NumberRequest]); each frame of
// the answer returns that ([Frame.Number]), error frames with an empty context as first option; and
// when it is done with the request it says so, with the bit [StreamDone] in the answer's last
// frame, or, where it works on after its answer, with a control frame {"done":true} of that
// number ([Frame.DoneNumber]).
//
// # What PHP is particular about
//
//   - It reads the first twelve bytes with one read, and exits when it gets
//     fewer. [Conn.Write] and the head of [Conn.WriteBody] are one write
//     each. Even one write can leave part of a header in a pipe that is almost
//     full; Conn prevents that too.
//   - A peer that vanishes in the middle of a frame leaves PHP reading
//     nothing in a busy loop, for ever. Its process has to be killed.
//   - A request without context and without body makes it exit.
//   - A request without option, or a process id that is 0, is an error there.
//   - Whatever the program prints to stdout gets between the frames if stdout
//     is the relay ([RelayStdio]). [Options.Stray] takes it out; without it,
//     the [FrameError] shows what was printed. [RelayFDs] avoids it.
//   - The last frame of a stream can be empty, ping, or repeat the context.
//
// # Reading without copies
//
// A [Conn] reads into a buffer of 16 KiB from a pool, so that a frame that fits
// takes one system call. The buffer then belongs to the [Frame], until
// [Frame.Release] puts it back into the pool; what was read beyond the frame
// moves to another buffer. A larger payload is read straight into a buffer of
// its size, or from the Frame itself above [Options.MaxInMemory]. Nobody ever
// shares a buffer: a Frame stays valid while others are read. Buffers of up
// to 4 MiB are pooled.
//
// Measured on two cores of an AMD EPYC, in the steady state without any
// allocation: 0.1 µs for ReadFrame of 100 bytes, 0.25 µs of 10 kB, 26 µs of
// 1 MB, system calls apart; 6 µs for a request and its response of 100 bytes
// each through two pipes, 11 µs of 10 kB, 75 µs of 100 kB; 0.6 µs for
// TryReadFrame when there is nothing.
//
// # Where this is written down
//
// The format: github.com/roadrunner-server/goridge, pkg/frame. The other end:
// github.com/roadrunner-php/goridge, Frame.php, StreamRelay.php and
// SocketRelay.php; github.com/roadrunner-php/worker, Worker.php and
// PayloadFactory.php. The frames in testdata were recorded from them.
package goridge
