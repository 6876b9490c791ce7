package goridge_test

import (
	"fmt"
	"io"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// A server asks its worker whether it is ready, sends it a request, reads the
// answer, and stops it. Real workers are PHP processes at the other end of a pair of
// pipes; this one is a goroutine.
func Example() {
	requests, toWorker := io.Pipe()
	answers, toServer := io.Pipe()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		worker(goridge.NewConn(requests, toServer, goridge.Options{}))
	}()
	conn := goridge.NewConn(answers, toWorker, goridge.Options{})
	defer conn.Close()

	var f goridge.Frame
	send := func(frame []byte) {
		if _, err := conn.Write(frame); err != nil {
			panic(err)
		}
	}
	receive := func() {
		f.Release() // gives the buffer of the frame before back
		if err := conn.ReadFrame(&f); err != nil {
			panic(err)
		}
	}

	send(goridge.AppendControlPID(nil, 1))
	receive()
	pid, err := f.PID()
	fmt.Println("ready:", pid, err)

	send(request(`{"method":"POST"}`, "hello"))
	receive()
	fmt.Printf("context: %s\nbody: %s\nmore: %v\n", f.Context(), f.Body(), f.More())

	send(goridge.AppendControlStop(nil))
	<-gone
	// Output:
	// ready: 4711 <nil>
	// context: {"status":200}
	// body: HELLO
	// more: false
}

// request is what is sent of one whose body is in memory.
func request(context, body string) []byte {
	buf := append(goridge.BeginRequest(nil), context+body...)
	goridge.FinishRequest(buf, 0, goridge.CodecJSON, len(context), len(body))
	return goridge.PlainRequest(buf)
}

// worker is the other end: it tells its process id when it is asked, answers
// requests, and ends with the stop frame, the only other control frame.
func worker(conn *goridge.Conn) {
	defer conn.Close()
	for {
		var f goridge.Frame
		if err := conn.ReadFrame(&f); err != nil {
			return
		}
		var answer []byte
		switch _, err := f.PID(); {
		case !f.IsControl():
			body := []byte(f.Body())
			for i, c := range body {
				body[i] = c - 'a' + 'A'
			}
			answer = request(`{"status":200}`, string(body)) // an answer has the form of a request
		case err == nil:
			answer = goridge.AppendControlPID(nil, 4711)
		default:
			f.Release()
			return
		}
		f.Release()
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// What a worker finds in RR_RELAY.
func ExampleRelayFDs() {
	fmt.Println(goridge.RelayStdio)
	fmt.Println(goridge.RelayFDs(3, 4))
	socket, err := goridge.RelayUnix("/run/php/worker.sock")
	fmt.Println(socket, err)
	// Output:
	// pipes
	// pipes://fd/3:fd/4
	// unix:///run/php/worker.sock <nil>
}
