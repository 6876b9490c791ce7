package exchange

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// slowDisk is a file of which somebody receives twice for whatever is written or read: when that begins, and when it may end.
type slowDisk struct {
	*os.File
	writes, reads chan struct{}
}

func (d *slowDisk) WriteAt(b []byte, at int64) (int, error) {
	d.writes <- struct{}{}
	defer func() { d.writes <- struct{}{} }()
	return d.File.WriteAt(b, at)
}

func (d *slowDisk) ReadAt(b []byte, at int64) (int, error) {
	d.reads <- struct{}{}
	defer func() { d.reads <- struct{}{} }()
	return d.File.ReadAt(b, at)
}

func TestNeitherPHPNorItsClientWaitsForTheDiskOfTheOther(t *testing.T) {
	o := testOptions(t)
	p := &pausing{n: 4, size: 10_000, crowded: true, memory: o.Memory}
	file, err := o.newAnswerFile()
	if err != nil {
		t.Fatal(err)
	}
	disk := &slowDisk{file, make(chan struct{}), make(chan struct{})}
	happens := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(10 * time.Second):
			t.Fatalf("it does not happen that %s", what)
		}
	}
	var client strings.Builder
	var a Answer
	takes := func() <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := a.Next(); err != nil {
				t.Error(err)
			}
			client.Write(a.Frame.Body())
		}()
		return done
	}

	p.say(p.part(0), 0)
	over := make(chan struct{})
	q := &readAhead{options: o, turn: p, file: disk}
	a = q.begin(Answer{Turn: p, Frame: &p.frame}, func() { close(over) })
	client.Write(a.Frame.Body())

	happens("part 1 is being written", disk.writes)
	happens("part 1 is written", disk.writes)
	happens("part 2 is being written", disk.writes)
	taken := takes()
	happens("part 1 is being read meanwhile", disk.reads)
	happens("part 1 is read", disk.reads)
	happens("the client has part 1", taken)

	happens("part 2 is written", disk.writes)
	happens("part 3 is being written", disk.writes)
	taken = takes()
	happens("part 2 is being read", disk.reads)
	happens("part 3 is written meanwhile", disk.writes)
	happens("part 4 is being written", disk.writes)
	happens("part 4 is written", disk.writes)
	happens("the process is free", over)
	happens("part 2 is read", disk.reads)
	happens("the client has part 2", taken)

	go func() {
		for range disk.reads {
		}
	}()
	for a.Next() == nil {
		client.Write(a.Frame.Body())
	}
	close(disk.reads)
	if err := a.Next(); err != io.EOF || client.String() != p.whole() {
		t.Errorf("the client has %d bytes of %d, %v", client.Len(), len(p.whole()), err)
	}
	a.Close()
	o.wantHeld(t, "at the end", 0)
}
