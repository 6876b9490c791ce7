package goridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

const (
	pidKey      = `{"pid":`
	stopCommand = `{"stop":true}`
	doneCommand = `{"done":true}`
)

// AppendControlPID appends the frame that asks a worker for its process id and
// tells it the server's, which must not be 0: PHP refuses a false value. The
// worker answers when it waits for a request, at start as well as after every
// response, so the answer also proves that it is ready. See Frame.PID.
func AppendControlPID(dst []byte, pid int) []byte {
	var number [20]byte
	digits := strconv.AppendInt(number[:0], int64(pid), 10)
	dst = appendControl(dst, len(pidKey)+len(digits)+1)
	dst = append(dst, pidKey...)
	dst = append(dst, digits...)
	return append(dst, '}')
}

// AppendControlStop appends the frame that asks a worker to end when its
// current request is answered.
func AppendControlStop(dst []byte) []byte {
	dst = appendControl(dst, len(stopCommand))
	return append(dst, stopCommand...)
}

func appendControl(dst []byte, payloadLen int) []byte {
	return AppendHeader(dst, &Header{Flags: FlagControl | CodecJSON, PayloadLen: uint32(payloadLen)})
}

// AppendStreamStop appends the bare frame that asks a worker to stop the
// stream it is sending. A worker that is not streaming skips it.
func AppendStreamStop(dst []byte) []byte {
	return AppendHeader(dst, &Header{Stream: StreamStop})
}

// AppendStreamPong appends the bare frame that answers a ping. A worker that
// did not ask skips it.
func AppendStreamPong(dst []byte) []byte {
	return AppendHeader(dst, &Header{Stream: StreamPong})
}

// PID returns the process id that a worker answered to AppendControlPID. Any
// other frame is ErrBadControl.
func (f *Frame) PID() (int, error) {
	if !f.IsControl() {
		return 0, fmt.Errorf("reading the process id: %w: a data frame of %d bytes", ErrBadControl, f.PayloadLen)
	}
	// The answer comes once per request when it serves as a probe, always in
	// this spelling; anything else that means the same may take longer.
	if digits, ok := bytes.CutPrefix(f.Payload, []byte(pidKey)); ok {
		if digits, ok = bytes.CutSuffix(digits, []byte("}")); ok {
			if pid, ok := parsePID(digits); ok {
				return pid, nil
			}
		}
	}
	hello, err := f.Hello()
	return hello.PID, err
}

// Hello is how a worker answers the first question for its process id.
type Hello struct {
	PID int `json:"pid"`
	// Numbers says that the worker returns the number of a request with each frame of its
	// answer, and says when it is done: see NumberRequest, Frame.Number and Frame.Done.
	// RoadRunner's packages do not.
	Numbers bool `json:"numbers"`
}

// Hello reads the answer to AppendControlPID in full. Any other frame is ErrBadControl.
func (f *Frame) Hello() (hello Hello, err error) {
	if !f.IsControl() {
		return Hello{}, fmt.Errorf("reading the process id: %w: a data frame of %d bytes", ErrBadControl, f.PayloadLen)
	}
	if err := json.Unmarshal(f.Payload, &hello); err != nil || hello.PID <= 0 {
		return Hello{}, fmt.Errorf("reading the process id: %w: %q", ErrBadControl, f.Payload[:min(len(f.Payload), previewSize)])
	}
	return hello, nil
}

// DoneNumber returns the number of the request that a worker says it is done with, in a
// frame of its own: where it worked on after its answer. Any other frame is 0.
func (f *Frame) DoneNumber() uint32 {
	if !f.IsControl() || !bytes.Equal(f.Payload, []byte(doneCommand)) {
		return 0
	}
	return f.Number()
}

// parsePID reads a positive number of plain digits without allocating.
func parsePID(digits []byte) (pid int, ok bool) {
	if len(digits) == 0 || len(digits) > 9 || digits[0] == '0' {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		pid = pid*10 + int(d-'0')
	}
	return pid, true
}

// IsStopRequest reports whether the frame is a worker's wish to be replaced:
// an ordinary data frame without body whose context is exactly {"stop":true}.
// It can come instead of a response, or behind one.
func (f *Frame) IsStopRequest() bool {
	return !f.IsControl() && !f.IsError() && !f.More() && f.NumOptions > 0 &&
		int(f.PayloadLen) == len(stopCommand) && string(f.Context()) == stopCommand
}
