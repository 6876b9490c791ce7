package goridge

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	plainHead = `{"status":200,"headers":{}}`
	htmlHead  = `{"status":200,"headers":{"Content-Type":["text\/html"]}}`
	textHead  = `{"status":200,"headers":{"Content-Type":["text\/plain"]}}`
	protoHTML = "\x08\xc8\x01\x12\x1b\x0a\x0cContent-Type\x12\x0b\x0a\x09text/html"
	protoText = "\x08\xc8\x01\x12\x1c\x0a\x0cContent-Type\x12\x0c\x0a\x0atext/plain"
	phpError  = "something went wrong"
	stopping  = `{"stop":true}`
)

// requestHead is the context of the recorded requests.
const requestHead = `{"remoteAddr":"127.0.0.1","protocol":"HTTP/1.1","method":"POST","uri":"http://localhost/a?b=c",` +
	`"headers":{"Accept":["*/*"]},"cookies":[],"rawQuery":"b=c","parsed":false,"uploads":null,"attributes":[]}`

// golden says what is in the recorded files but those whose content differs
// from record to record.
var golden = map[string][]message{
	"respond":            {data(`{"status":201,"headers":{"Content-Type":["text\/plain"],"Set-Cookie":["a=1","b=2"]}}`, "body \x00 \xff")},
	"respond-empty-body": {data(`{"status":204,"headers":{}}`, "")},
	"respond-large":      {data(plainHead, strings.Repeat("0123456789abcdef", 1250))},
	"early-hints": {
		{stream: StreamMore, options: 1, context: `{"status":103,"headers":{"Link":["<\/a.css>; rel=preload"]}}`},
		data(plainHead, "page"),
	},
	"error":           {{flags: FlagError, body: phpError}},
	"stop":            {data(stopping, "")},
	"error-then-stop": {{flags: FlagError, body: phpError}, data(stopping, "")},

	// The old client tells the headers once and pings with every fifth frame.
	"stream":         append(stream(0, plainHead, "", 12, 6, 11), data("", "")),
	"stream-stopped": append(stream(0, plainHead, "", 6, 6), data("", "")),
	"stream-throws":  {{stream: StreamMore, options: 1, context: plainHead, body: "chunk 1"}, data("", "")},
	"stream-ping-last": append(stream(0, "{}", "{}", 5),
		message{stream: StreamPing, options: 1, context: "{}"}),

	// The newer one repeats them in every frame.
	"codec-json":         {{flags: CodecJSON, options: 1, context: htmlHead, body: "page"}},
	"codec-proto":        {{flags: CodecProto, options: 1, context: protoHTML, body: "page"}},
	"codec-json-stream":  append(stream(CodecJSON, textHead, textHead, 6, 6), message{flags: CodecJSON, options: 1, context: textHead}),
	"codec-proto-stream": append(stream(CodecProto, protoText, protoText, 6, 6), message{flags: CodecProto, options: 1, context: protoText}),

	"to-worker-pid":             {{flags: FlagControl | CodecJSON, body: `{"pid":4711}`}},
	"to-worker-stop":            {{flags: FlagControl | CodecJSON, body: stopping}},
	"to-worker-stream-stop":     {{stream: StreamStop}},
	"to-worker-stream-pong":     {{stream: StreamPong}},
	"to-worker-request":         {{flags: CodecJSON, options: 1, context: requestHead, body: "raw body"}},
	"to-worker-request-no-body": {{flags: CodecJSON, options: 1, context: requestHead}},
	"ten-options":               {{flags: CodecRaw, options: 10, context: "payload"}},
}

// stream is n frames that are not the last of their response, some with a ping.
func stream(codec Flags, firstContext, context string, n int, pings ...int) []message {
	var frames []message
	for i := 1; i <= n; i++ {
		m := message{codec, StreamMore, 1, context, fmt.Sprintf("chunk %d\n", i)}
		if i == 1 {
			m.context = firstContext
		}
		if slices.Contains(pings, i) {
			m.stream |= StreamPing
		}
		frames = append(frames, m)
	}
	return frames
}

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "frames", name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordedFramesDecodeAsPHPMeantThem(t *testing.T) {
	for name, want := range golden {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(t, reading(bytes.NewReader(recorded(t, name)), Options{}))
			if err != io.EOF {
				t.Errorf("ended with %v, want io.EOF", err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestEveryRecordedFileIsTested(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "frames", "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".bin")
		if _, ok := golden[name]; !ok && name != "pid" {
			t.Errorf("%s is not in the table", file)
		}
	}
	if len(files) != len(golden)+1 {
		t.Errorf("%d files for %d entries and the process id", len(files), len(golden))
	}
}

func TestRecordedFramesEncodeToTheSameBytes(t *testing.T) {
	for name := range golden {
		want := recorded(t, name)
		c := reading(bytes.NewReader(want), Options{})
		var got []byte
		var f Frame
		for c.ReadFrame(&f) == nil {
			got = append(AppendHeader(got, &f.Header), f.Payload...)
			f.Release()
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestRecordedFramesAreTheSameHoweverTheReadsAreSplit(t *testing.T) {
	for name, want := range golden {
		b := recorded(t, name)
		readers := map[string]func(io.Reader) io.Reader{
			"one byte at a time": iotest.OneByteReader,
			"half of each read":  iotest.HalfReader,
			"data with the end":  iotest.DataErrReader,
		}
		for how, split := range readers {
			got, err := readAll(t, reading(split(bytes.NewReader(b)), Options{}))
			if err != io.EOF || !slices.Equal(got, want) {
				t.Errorf("%s, %s: got %v, %v", name, how, got, err)
			}
		}
		for at := range min(len(b), 1000) {
			for _, inMemory := range []int64{0, 1} {
				got, err := readAll(t, reading(chunks(b[:at], b[at:]), Options{MaxInMemory: inMemory}))
				if err != io.EOF || !slices.Equal(got, want) {
					t.Fatalf("%s, split at %d, MaxInMemory %d: got %v, %v", name, at, inMemory, got, err)
				}
			}
		}
	}
}

func TestARecordedProcessIDIsRead(t *testing.T) {
	var f Frame
	if err := reading(bytes.NewReader(recorded(t, "pid")), Options{}).ReadFrame(&f); err != nil {
		t.Fatal(err)
	}
	pid, err := f.PID()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`{"pid":%d}`, pid); pid <= 0 || string(f.Payload) != want {
		t.Errorf("got %d from %q", pid, f.Payload)
	}
	if !f.IsControl() || f.Flags.Codec() != 0 || f.IsError() || f.More() || f.Ping() || f.IsStopRequest() {
		t.Errorf("the answer is not a plain control frame: %+v", f.Header)
	}
}

func TestOnlyTheRecordedStopIsAStopRequest(t *testing.T) {
	for name, want := range golden {
		c := reading(bytes.NewReader(recorded(t, name)), Options{})
		for i := range want {
			var f Frame
			if err := c.ReadFrame(&f); err != nil {
				t.Fatal(err)
			}
			stop := name == "stop" || name == "error-then-stop" && i == 1
			if f.IsStopRequest() != stop {
				t.Errorf("%s, frame %d: stop request is %v", name, i, f.IsStopRequest())
			}
		}
	}
}

func TestWhatTheServerSendsIsWhatPHPWouldEncode(t *testing.T) {
	begun := BeginRequest([]byte("before"))
	begun = append(append(begun, requestHead...), "raw body"...)
	FinishRequest(begun, len("before"), CodecJSON, len(requestHead), len("raw body"))

	for name, got := range map[string][]byte{
		"to-worker-pid":             AppendControlPID(nil, 4711),
		"to-worker-stop":            AppendControlStop(nil),
		"to-worker-stream-stop":     AppendStreamStop(nil),
		"to-worker-stream-pong":     AppendStreamPong(nil),
		"to-worker-request":         PlainRequest(begun[len("before"):]),
		"to-worker-request-no-body": plain(CodecJSON, requestHead, 0),
	} {
		if want := recorded(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
