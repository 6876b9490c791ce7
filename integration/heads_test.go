package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// statuses reads until so many streams have ended, and counts their statuses, and as "large" the headers, or trailers,
// of so many bytes. It fails for an answer with one of another size, and for one whose body is not whole.
func (f *frames) statuses(streams, large int) map[string]int {
	f.t.Helper()
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	statuses, missing := make(map[string]int), make(map[uint32]int)
	for ended := 0; ended < streams; {
		frame, err := f.ReadFrame()
		f.check(err)
		over := false
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.check(f.WriteSettingsAck())
			}
		case *http2.MetaHeadersFrame:
			statuses[frame.PseudoValue("status")]++ // trailers have none
			for _, field := range frame.RegularFields() {
				switch field.Name {
				case "x-large":
					if statuses["large"]++; len(field.Value) != large {
						f.t.Errorf("stream %d: a header of %d bytes", frame.StreamID, len(field.Value))
					}
				case "content-length":
					n, err := strconv.Atoi(field.Value)
					f.check(err)
					missing[frame.StreamID] += n
				}
			}
			over = frame.StreamEnded()
		case *http2.DataFrame:
			if _, announced := missing[frame.StreamID]; announced {
				missing[frame.StreamID] -= len(frame.Data())
			}
			over = frame.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			f.t.Fatalf("%v", frame)
		}
		if over {
			ended++
		}
	}
	for stream, n := range missing {
		if n != 0 {
			f.t.Errorf("stream %d: %d bytes of the body are missing", stream, n)
		}
	}
	return statuses
}

// crowd is clients that ask for far more than may be in memory, each over a connection of its own, and read nothing before PHP
// has made all of it.
type crowd struct {
	s       *server
	clients []*frames
	asked   int // by each
}

// h2c lets clients speak HTTP/2 without TLS.
var h2c = withGlobal("servers {\nprotocols h1 h2c\n}")

func newCrowd(t *testing.T, s *server, url string) *crowd {
	c := &crowd{s: s, clients: make([]*frames, 25)}
	for i := range c.clients {
		c.clients[i] = dialFrames(t, url, 1)
	}
	return c
}

// ask has each client ask for so many answers in all, and waits until PHP has made them. No more is under way at once than
// the eighth has room for that is left to the heads of requests.
func (c *crowd) ask(answers int, what func(n int) (method, path string)) {
	const perRound = 2
	for c.asked < answers {
		for _, f := range c.clients {
			for i := range perRound {
				n := c.asked + i
				method, path := what(n)
				f.request(uint32(2*n+1), method, path)
			}
		}
		c.asked += perRound
		eventually(c.s.t, "the workers have made all answers", func() bool { return c.s.pool("app").requests() == len(c.clients)*c.asked })
	}
}

// read has all read what they asked for.
func (c *crowd) read(large int) map[string]int {
	statuses := make(map[string]int)
	for _, f := range c.clients {
		f.check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
		f.check(f.WriteWindowUpdate(0, 1<<30))
		for status, n := range f.statuses(c.asked, large) {
			statuses[status] += n
		}
	}
	return statuses
}

// TestHeadsThatNobodyReadsStayWithinTheBound has most bodies so short that a server would send them, and the head,
// when the handler has returned; encode would keep a head without a body until then, too.
func TestHeadsThatNobodyReadsStayWithinTheBound(t *testing.T) {
	t.Parallel()
	const head = 240_000
	resident := chaosWorker(t, "workers 2", "memory 128MB", env("RELEASE", "1"))
	for kind, c := range map[string]struct {
		site, large, small string
		body               int
	}{
		"resident":      {resident, "/head", "/", 10},
		"classic":       {classicSite(scripts(t), "name app", "workers 2", "memory 128MB"), "/head.php", "/pid.php", 10},
		"behind encode": {"encode\n" + resident, "/head", "/", 0},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, url := site(t, c.site, quiet, h2c)
			s.settled("app", 2)
			before := s.resident("VmHWM")
			clients := newCrowd(t, s, url)
			clients.ask(80, func(n int) (method, path string) {
				method, body := http.MethodGet, c.body
				if n%2 == 1 {
					method = http.MethodPost
				}
				if n%10 == 9 {
					body *= 1000
				}
				return method, fmt.Sprintf("%s?size=%d&n=%d", c.large, head, body)
			})
			eventually(t, "what is held is within the bound", func() bool {
				p := s.pool("app")
				return p.HeldBytes <= p.MaxHeldBytes && p.HeldBytes > p.MaxHeldBytes/2
			})
			if status, body := get(t, url+c.small); status != http.StatusOK {
				t.Errorf("an answer with a small head meanwhile: status %d, %s", status, body)
			}
			s.wantFlat(before)

			statuses, answers := clients.read(head), 80*len(clients.clients)
			s.wantNothingHeld()
			s.wantFlat(before)
			p := s.pool("app")
			if statuses["200"] < 10 || statuses["200"] != statuses["large"] || statuses["503"] == 0 || statuses["200"]+statuses["503"] != answers || statuses["503"] != p.Rejected["memory"] {
				t.Errorf("the clients have %v; %d were turned away", statuses, p.Rejected["memory"])
			}
			if n := p.requests(); n != answers+1 {
				t.Errorf("PHP has carried out %d requests of %d", n, answers+1)
			}
			s.wantLogged("a head that was not passed on", "a head for which", "memory")
			if status, _ := get(t, fmt.Sprintf("%s%s?size=%d&n=1", url, c.large, head)); status != http.StatusOK {
				t.Errorf("with room again: status %d", status)
			}
		})
	}
}

// TestTrailersThatNobodyReadsAreOfNoWeight has trailers, which a server sends when the handler has returned, and nobody counts
// them: large ones are refused, and small ones come.
func TestTrailersThatNobodyReadsAreOfNoWeight(t *testing.T) {
	t.Parallel()
	for size, status := range map[int]string{240_000: "502", 7_000: "200"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			s, url := site(t, chaosWorker(t, "workers 2", "memory 64MB"), quiet, h2c)
			s.settled("app", 2)
			before := s.resident("VmHWM")
			clients := newCrowd(t, s, url)
			clients.ask(80, func(n int) (method, path string) {
				return http.MethodGet, fmt.Sprintf("/trailer?size=%d&n=%d", size, n%2)
			})
			s.wantFlat(before)
			answers, large := 80*len(clients.clients), 0
			if status == "200" {
				large = answers
			}
			if statuses := clients.read(size); statuses[status] != answers || statuses["large"] != large || statuses[""] != large {
				t.Errorf("the clients have %v", statuses)
			}
			s.wantNothingHeld()
			if p := s.settled("app", 2); p.requests() != answers {
				t.Errorf("PHP has carried out %d requests of %d", p.requests(), answers)
			}
		})
	}
}
