package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// statuses reads until so many streams have ended, and counts their statuses. It fails for an answer of 200
// whose head, or body, is not whole.
func (f *frames) statuses(streams, head int) map[string]int {
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
			status := frame.PseudoValue("status")
			statuses[status]++
			size := 0
			for _, field := range frame.RegularFields() {
				switch field.Name {
				case "x-large":
					size = len(field.Value)
				case "content-length":
					n, err := strconv.Atoi(field.Value)
					f.check(err)
					missing[frame.StreamID] += n
				}
			}
			if (status == "200") != (size == head) || size > 0 && size != head {
				f.t.Errorf("stream %d: status %s, a header of %d bytes", frame.StreamID, status, size)
			}
			over = frame.StreamEnded()
		case *http2.DataFrame:
			missing[frame.StreamID] -= len(frame.Data())
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

// TestHeadsThatNobodyReadsStayWithinTheBound asks for far more, in heads of answers, than may be in memory,
// and reads nothing until PHP has made all of it. Most bodies are so short that a server would send them, and the head,
// when the handler has returned. No more is under way at once than the eighth has room for that is left to the heads of requests.
func TestHeadsThatNobodyReadsStayWithinTheBound(t *testing.T) {
	t.Parallel()
	const conns, perRound, rounds, head = 25, 2, 40, 240_000
	const answers = conns * perRound * rounds
	for kind, c := range map[string]struct{ site, large, small string }{
		"resident": {chaosWorker(t, "workers 2", "memory 128MB", env("RELEASE", "1")), "/head", "/"},
		"classic":  {classicSite(scripts(t), "name app", "workers 2", "memory 128MB"), "/head.php", "/pid.php"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, url := site(t, c.site, quiet, withGlobal("servers {\nprotocols h1 h2c\n}"))
			s.settled("app", 2)
			before := s.resident("VmHWM")
			clients := make([]*frames, conns)
			for i := range clients {
				clients[i] = dialFrames(t, url, 1)
			}
			for round := range rounds {
				for _, f := range clients {
					for i := range perRound {
						n := round*perRound + i
						method, body := http.MethodGet, 10
						if n%2 == 1 {
							method = http.MethodPost
						}
						if n%10 == 9 {
							body = 10_000
						}
						f.request(uint32(2*n+1), method, fmt.Sprintf("%s?size=%d&n=%d", c.large, head, body))
					}
				}
				want := conns * perRound * (round + 1)
				eventually(t, "the workers have made all answers", func() bool { return s.pool("app").requests() == want })
			}
			eventually(t, "what is held is within the bound", func() bool {
				p := s.pool("app")
				return p.HeldBytes <= p.MaxHeldBytes && p.HeldBytes > p.MaxHeldBytes/2
			})
			if status, body := get(t, url+c.small); status != http.StatusOK {
				t.Errorf("an answer with a small head meanwhile: status %d, %s", status, body)
			}
			s.wantFlat(before)

			statuses := make(map[string]int)
			for _, f := range clients {
				f.check(f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
				f.check(f.WriteWindowUpdate(0, 1<<30))
				for status, n := range f.statuses(perRound*rounds, head) {
					statuses[status] += n
				}
			}
			s.wantNothingHeld()
			s.wantFlat(before)
			p := s.pool("app")
			if statuses["200"] < 10 || statuses["503"] == 0 || statuses["200"]+statuses["503"] != answers || statuses["503"] != p.Rejected["memory"] {
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
