//go:build linux

package launch

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phpworker/caddy-php-worker/workerpool/process"
)

// living is a parent that does not end.
type living struct{ process.Process }

func (living) Done() <-chan struct{} { return nil }

// dead is a parent that has ended.
type dead struct{ process.Process }

func (dead) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

func TestTheEndOfAParentIsExplainedThoughSomebodyHoldsItsPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &classicParent{Process: dead{}, out: new(output), read: make(chan struct{})}
		if err := p.explain(io.ErrUnexpectedEOF); err != io.ErrUnexpectedEOF {
			t.Errorf("got %v", err)
		}
	})
}

// answerPing plays a PHP process that answers its first request, and reads the opening of the next one.
func answerPing(conn net.Conn) error {
	var got []byte
	endOfBody := []byte{1, 5, 0, 1, 0, 0, 0, 0}
	for buf := make([]byte, 1024); !bytes.HasSuffix(got, endOfBody); {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		got = append(got, buf[:n]...)
	}
	head := "Status: 404\r\n\r\n"
	answer := append([]byte{1, 6, 0, 1, 0, byte(len(head)), 0, 0}, head...)
	if _, err := conn.Write(append(answer, 1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 8))
	return err
}

func TestTheNextProcessIsAskedAtOnceWhereOneEndsBeforeItAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	played, done := make(chan error, 1), make(chan struct{})
	defer close(done)
	go func() {
		for range maxTries - 1 {
			conn, err := listener.Accept()
			if err != nil {
				played <- err
				return
			}
			conn.Close()
		}
		conn, err := listener.Accept()
		if err == nil {
			defer conn.Close()
			err = answerPing(conn)
		}
		played <- err
		<-done
	}()
	ping, err := requestFor("/ping")
	if err != nil {
		t.Fatal(err)
	}
	p := &classicParent{Process: living{}, kind: sapiFPM, at: path, ping: ping, connecting: make(chan struct{}, 1)}
	begin := time.Now()
	l, err := newClassicWorker(p, &Settings{}).connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if took := time.Since(begin); took >= (maxTries-1)*exitPatience {
		t.Errorf("the end of the parent was waited for: %s", took)
	}
	if err := <-played; err != nil {
		t.Error(err)
	}
}
