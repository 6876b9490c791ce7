package integration

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// order is one request of the traffic. It says all that PHP is to do, and hence what
// the answer must be.
type order struct {
	id, method string
	do         string        // see testdata/traffic/app.php
	size       int           // bytes behind the first line, or chunks of a stream
	chunk      int           // how often a chunk repeats its text
	wait       time.Duration // before the answer, before each chunk, or after the answer
	body       int           // bytes sent
	leave      leave
	page       bool // as behind PHP-FPM, a request whose memory is too much is answered
}

// leave is how the client goes away before it has its answer.
type leave struct {
	how   string        // "" stays; "early", "within", "half"
	after time.Duration // early: when it goes unless the answer has come
	bytes int           // within: how much of the body it reads; half: how much of its own it sends
}

// trafficBuffer is the option "buffer" of the pool.
const trafficBuffer = 100_000

// mix is the proportions of what is asked for in one run. They differ because a core that
// sends requests ahead does so only where nearly all are short.
type mix struct {
	weights map[string]float64
	posts   float64 // share of requests that must not be repeated
	bodies  float64 // share of their bodies that are not small
	leaves  float64 // share of clients that go away
	quiet   int     // requests of each client that are short, before anything else comes
}

// everything that may be asked for; "nap" only with a request timeout.
var everything = []string{"short", "slow", "large", "stream", "burst", "tail", "error", "exit", "exit-after", "exit-within", "memory", "nap"}

// newMix draws one: style 0 is short, with one or two other things that are rare, 1 has
// much of everything, 2 is anything.
func newMix(g *rand.Rand, style int, naps bool) mix {
	m := mix{
		weights: map[string]float64{"short": 1},
		posts:   []float64{0.1, 0.5, 0.9}[g.IntN(3)],
		bodies:  []float64{0.01, 0.15}[min(style, g.IntN(2))],
		leaves:  []float64{0, 0.002, 0.03}[g.IntN(3)],
	}
	others := everything[1 : len(everything)-1]
	if naps {
		m.weights["nap"] = []float64{0.0002, 0.001}[min(style, 1)]
	}
	if style == 0 {
		rare := []float64{0.0005, 0.003}[g.IntN(2)]
		for range g.IntN(3) {
			m.weights[others[g.IntN(len(others))]] = rare
		}
		if len(m.weights) == 1 || g.IntN(3) == 0 {
			m.weights["large"] = rare
		}
		return m
	}
	for _, what := range others {
		switch {
		case strings.HasPrefix(what, "exit") || what == "memory":
			m.weights[what] = []float64{0, 0.002, 0.01}[g.IntN(3)]
		case style == 1:
			m.weights[what] = 0.1
		default:
			m.weights[what] = []float64{0, 0, 0.001, 0.01, 0.1}[g.IntN(5)]
		}
	}
	return m
}

func (m mix) draw(g *rand.Rand) string {
	sum := 0.0
	for _, what := range everything {
		sum += m.weights[what]
	}
	at := g.Float64() * sum
	for _, what := range everything {
		if at -= m.weights[what]; at < 0 {
			return what
		}
	}
	return everything[0]
}

// order draws the nth request of a client.
func (m mix) order(g *rand.Rand, id string, n int) order {
	if n < m.quiet {
		m.weights, m.bodies, m.leaves = nil, 0, 0
	}
	ms := func(from, to int) time.Duration { return time.Duration(from+g.IntN(to-from+1)) * time.Millisecond }
	o := order{id: id, do: "answer", size: g.IntN(300)}
	switch what := m.draw(g); what {
	case "short":
	case "slow":
		o.wait = ms(1, 60)
	case "large":
		o.size = trafficBuffer + g.IntN(1_400_000)
	case "stream":
		o.do, o.size, o.chunk, o.wait = "stream", g.IntN(13), 1+g.IntN(2000), ms(1, 10)
	case "burst":
		o.do, o.size, o.chunk = "stream", g.IntN(40), 1+g.IntN(3000)
	case "tail":
		o.do, o.wait = "tail", ms(1, 30)
	case "exit-within":
		o.do, o.size, o.chunk, o.wait = what, g.IntN(8), 1+g.IntN(1000), ms(0, 5)
	case "nap":
		o.wait = ms(7000, 8000) // however late the server notices, on a busy machine, that PHP has begun
	default:
		o.do = what
	}
	switch {
	case g.Float64() < m.posts:
		o.method, o.body = []string{http.MethodPost, http.MethodPost, http.MethodPut}[g.IntN(3)], g.IntN(300)
		if g.Float64() < m.bodies {
			o.body = bodySize(g)
		}
	case g.IntN(5) == 0 && o.do != "exit-within":
		o.method = http.MethodHead
	default:
		o.method = http.MethodGet
	}
	if g.Float64() < m.leaves && !o.naps() {
		switch o.leave.how = []string{"early", "within", "half"}[g.IntN(3)]; o.leave.how {
		case "early":
			o.leave.after = ms(0, 30)
		case "within":
			o.leave.bytes = g.IntN(1 + min(o.size*max(1, o.chunk), 300_000))
		case "half":
			o.leave.bytes = g.IntN(1 + o.body)
		}
	}
	return o
}

// bodySize is beyond what PHP reads of a pipe at once, beyond what makes the relay change,
// or beyond what is kept in memory.
func bodySize(g *rand.Rand) int {
	switch n := g.IntN(15); {
	case n < 10:
		return 8<<10 + g.IntN(16<<10)
	case n < 14:
		return 32<<10 + g.IntN(100<<10)
	}
	return 1<<20 + g.IntN(300<<10)
}

// naps says that the order takes longer than the request timeout of its run.
func (o order) naps() bool { return o.do == "answer" && o.wait >= 2*time.Second }

// endsWorker says that the order ends its own worker before the answer is whole.
func (o order) endsWorker() bool {
	return o.do == "exit" || o.do == "memory" && !o.page || o.do == "exit-within"
}

// passedOn says that the answer is not read as a whole before the client gets it, so that
// it can be cut: it is streamed, or larger than the buffer.
func (o order) passedOn() bool { return o.chunk > 0 || o.size > trafficBuffer-1000 }

// repeatable says that it may be carried out twice.
func (o order) repeatable() bool { return o.method == http.MethodGet || o.method == http.MethodHead }

// work is how long PHP is at it, at most.
func (o order) work() time.Duration {
	if o.chunk > 0 {
		return o.wait * time.Duration(o.size)
	}
	return o.wait
}

// status is that of the answer where nothing goes wrong.
func (o order) status() int {
	switch {
	case o.do == "error", o.do == "memory" && o.page:
		return http.StatusInternalServerError
	case o.do == "exit", o.do == "memory":
		return http.StatusBadGateway
	case o.naps():
		return http.StatusGatewayTimeout
	}
	return http.StatusOK
}

// content is the request's body.
func (o order) content() []byte { return pad("body of "+o.id+";", o.body) }

// echo is what an answer says of the request in its header and its first line.
func (o order) echo() string {
	sum := md5.Sum(o.content())
	return fmt.Sprintf("%s|%s|%d|%s", o.id, o.method, o.body, hex.EncodeToString(sum[:]))
}

// answer is the whole body of the answer 200. What ends in the middle never has it.
func (o order) answer() []byte {
	if o.method == http.MethodHead {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(o.echo() + "\n")
	if o.chunk == 0 {
		b.Write(pad(o.id+";", o.size))
	} else {
		for i := range o.size {
			b.WriteString(strings.Repeat(fmt.Sprintf("%s#%d;", o.id, i), o.chunk))
		}
	}
	return b.Bytes()
}

// head is the request up to its body.
func (o order) head(host string) string {
	query := fmt.Sprintf("id=%s&do=%s&n=%d&c=%d&ms=%d", o.id, o.do, o.size, o.chunk, o.wait.Milliseconds())
	head := fmt.Sprintf("%s /?%s HTTP/1.1\r\nHost: %s\r\n", o.method, query, host)
	if !o.repeatable() {
		head += fmt.Sprintf("Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", o.body)
	}
	return head + "\r\n"
}

func (o order) String() string {
	text := fmt.Sprintf("%s %s: %s, size %d", o.method, o.id, o.do, o.size)
	if o.chunk > 0 {
		text += fmt.Sprintf(" of %d", o.chunk)
	}
	text += fmt.Sprintf(", %v, body of %d bytes", o.wait, o.body)
	if o.leave.how != "" {
		text += fmt.Sprintf(", leaves %s (%v, %d bytes)", o.leave.how, o.leave.after, o.leave.bytes)
	}
	return text
}

// pad repeats the text up to this length.
func pad(text string, length int) []byte {
	return bytes.Repeat([]byte(text), length/len(text)+1)[:length]
}
