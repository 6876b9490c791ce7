package exchange

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phpworker/caddy-php-worker/goridge"
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

// What a client has been given is out of the file, however long it takes over it.
func TestPHPGoesOnWhenTheLastOfTheFileHasBeenRead(t *testing.T) {
	o := testOptions(t)
	o.Buffer = 20_000
	file, err := o.newAnswerFile()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := &pausing{n: 3, size: 10_000, crowded: true, memory: o.Memory}
		p.say(p.part(0), 0)
		disk := &slowDisk{file, make(chan struct{}), make(chan struct{})}
		q := &readAhead{options: o, turn: p, file: disk}
		over := make(chan struct{})
		a := q.begin(Answer{Turn: p, Frame: &p.frame}, func() { close(over) })
		writes := func() { <-disk.writes; <-disk.writes }
		writes() // part 1
		for i := range 2 {
			taken := make(chan error)
			go func() { taken <- a.Next() }()
			<-disk.reads
			if i == 0 {
				writes() // part 2, while part 1 is being read
			}
			synctest.Wait() // PHP finds no room yet
			<-disk.reads
			if err := <-taken; err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		select {
		case <-disk.writes: // part 3
			<-disk.writes
		default:
			t.Error("the process is held although nothing is in the file")
		}
		a.Close()
		go func() {
			for range disk.writes {
			}
		}()
		<-over
		close(disk.writes)
		synctest.Wait()
		o.wantHeld(t, "at the end", 0)
	})
}

// mixed is a turn whose parts are of any size, some of which come where there is no memory.
type mixed struct {
	pausing
	random *rand.Rand
	said   strings.Builder
}

func (m *mixed) Next() error {
	m.frame.Release()
	if m.n--; m.n < 0 {
		return io.EOF
	}
	b := goridge.FrameBuffer{Budget: m.memory.Budget}
	text := make([]byte, []int{0, 1, 100, 16 << 10, 16<<10 + 1, 50_000}[m.random.IntN(6)])
	for i := range text {
		text[i] = byte(m.random.Uint32())
	}
	m.said.Write(text)
	b.Write(text)
	b.Take(&m.frame, 0, 0, m.n > 0, m.random.IntN(3) > 0)
	return nil
}

// fullDisk takes some of what is written, or part of it, or nothing.
type fullDisk struct {
	*os.File
	random *rand.Rand
}

func (d fullDisk) WriteAt(b []byte, at int64) (int, error) {
	if d.random.IntN(4) > 0 {
		return d.File.WriteAt(b, at)
	}
	n, _ := d.File.WriteAt(b[:d.random.IntN(len(b))], at)
	return n, errors.New("no space left")
}

func TestASlowClientHasWhatPHPSaysWhateverTheDiskTakes(t *testing.T) {
	for seed := range uint64(40) {
		o := testOptions(t)
		o.Buffer = []int64{0, 1, 20_000, 8_000_000}[seed%4]
		file, err := o.newAnswerFile()
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			m := &mixed{random: rand.New(rand.NewPCG(seed, 1))}
			m.n, m.memory = 50, o.Memory
			client := rand.New(rand.NewPCG(seed, 2))
			leaves := -1 // after so many parts
			if seed%3 == 0 {
				leaves = client.IntN(60)
			}
			err := m.Next()
			q := &readAhead{options: o, turn: m, file: fullDisk{file, rand.New(rand.NewPCG(seed, 3))}}
			a := q.begin(Answer{Turn: m, Frame: &m.frame}, func() {})
			var got strings.Builder
			for ; err == nil && leaves != 0; err = a.Next() {
				got.Write(a.Frame.Body())
				if client.IntN(2) > 0 {
					<-time.After(time.Second)
				}
				leaves--
			}
			a.Close()
			synctest.Wait()
			if whole := m.said.String(); !strings.HasPrefix(whole, got.String()) || leaves != 0 && (err != io.EOF || got.Len() != len(whole)) {
				t.Errorf("seed %d: %d bytes of %d, %v", seed, got.Len(), len(whole), err)
			}
			o.wantHeld(t, "at the end", 0)
		})
	}
}
