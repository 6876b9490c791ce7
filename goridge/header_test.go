package goridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestHeadersParseAsTheyWereAppended(t *testing.T) {
	for n := range MaxOptions + 1 {
		want := Header{Flags: CodecProto | FlagError, Stream: StreamMore | StreamPing, NumOptions: n, PayloadLen: MaxPayload}
		for i := range n {
			want.Options[i] = MaxPayload - uint32(i)
		}
		b := AppendHeader([]byte("before"), &want)[len("before"):]
		got := Header{Options: [MaxOptions]uint32{9, 9, 9, 9, 9, 9, 9, 9, 9, 9}}
		size, err := ParseHeader(append(bytes.Clone(b), "behind"...), &got)
		if err != nil || size != len(b) || size != want.Size() || got != want {
			t.Errorf("%d options: got %+v, %d, %v", n, got, size, err)
		}
		if got := binary.LittleEndian.Uint32(b[2:]); got != MaxPayload {
			t.Errorf("the length is %d", got)
		}
		for cut := range b {
			if _, err := ParseHeader(b[:cut], &got); err != io.ErrShortBuffer {
				t.Errorf("%d of %d bytes: got %v", cut, len(b), err)
			}
		}
	}
}

func TestBytesThatAreNoHeaderAreRefusedAtOnce(t *testing.T) {
	good := data("{}", "body").encode()
	for name, change := range map[string]func([]byte) []byte{
		"version 0":             func(b []byte) []byte { b[0] = 0x04; return b[:1] },
		"version 2":             func(b []byte) []byte { b[0] = 0x24; return b[:1] },
		"header of two words":   func(b []byte) []byte { b[0] = 0x12; return b[:1] },
		"header of 14 words":    func(b []byte) []byte { b[0] = 0x1e; return b[:1] },
		"the unused flag":       func(b []byte) []byte { b[1] = 0x02; return b[:2] },
		"first byte of the sum": func(b []byte) []byte { b[6]++; return b[:7] },
		"last byte of the sum":  func(b []byte) []byte { b[9]++; return b[:10] },
		"another length":        func(b []byte) []byte { b[5]++; return b },
	} {
		b := change(bytes.Clone(good))
		// More bytes never come, and must not be waited for.
		r, w := io.Pipe()
		go w.Write(b)
		err := reading(r, Options{}).ReadFrame(new(Frame))
		frameErr, ok := errors.AsType[*FrameError](err)
		if !ok || !errors.Is(err, ErrBadFrame) || !bytes.Equal(frameErr.Preview, b) {
			t.Errorf("%s: got %v", name, err)
		}
		w.Close()
	}
}

func TestTheReservedByteIsIgnored(t *testing.T) {
	b := data("{}", "body").encode()
	b[11] = 0xff
	if got := mustRead(t, reading(bytes.NewReader(b), Options{})); got != data("{}", "body") {
		t.Errorf("got %v", got)
	}
}

func TestAContextThatIsNotWithinItsPayloadIsRefused(t *testing.T) {
	for name, h := range map[string]Header{
		"longer than the payload": {NumOptions: 1, Options: [MaxOptions]uint32{11}, PayloadLen: 10},
		"negative as an int32":    {NumOptions: 1, Options: [MaxOptions]uint32{1 << 31}, PayloadLen: 10},
		"too long for memory":     {NumOptions: 1, Options: [MaxOptions]uint32{maxContext + 1}, PayloadLen: 1 << 30},
	} {
		err := reading(bytes.NewReader(append(AppendHeader(nil, &h), "0123456789"...)), Options{MaxInMemory: 1}).ReadFrame(new(Frame))
		if !errors.Is(err, ErrBadFrame) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
