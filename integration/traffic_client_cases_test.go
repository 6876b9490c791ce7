package integration

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The client of the traffic must tell any answer from the right one. Here a server of
// our own answers with bytes that a test makes up.
func TestTheClientSeesWhateverIsWrongWithAnAnswer(t *testing.T) {
	t.Parallel()
	o := order{id: "x", method: http.MethodPost, do: "answer", size: 50, body: 10}
	stream := order{id: "x", method: http.MethodGet, do: "stream", size: 3, chunk: 2}
	head := order{id: "x", method: http.MethodHead, do: "answer", size: 50}
	right := func(o order, body string) string {
		return "HTTP/1.1 200 OK\r\nX-Echo: " + o.echo() + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
	}
	body := string(o.answer())
	for name, c := range map[string]struct {
		order  order
		answer string
		wrong  string // part of what the client says; empty where nothing is wrong
		whole  bool
		status int
	}{
		"right":                      {o, right(o, body), "", true, 200},
		"a stream":                   {stream, right(stream, stream.echo()+"\nx#0;x#0;x#1;x#1;x#2;x#2;"), "", true, 200},
		"HEAD":                       {head, right(head, ""), "", true, 200},
		"HEAD with a body":           {head, right(head, "x"), "behind the answer", true, 200},
		"502":                        {o, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "", true, 502},
		"cut":                        {o, right(o, body)[:len(right(o, body))-1], "", false, 200},
		"short":                      {o, right(o, body[:len(body)-1]), "ends after", true, 200},
		"long":                       {o, right(o, body+"x"), "from byte", true, 200},
		"bytes behind it":            {o, right(o, body) + "more", "behind the answer", true, 200},
		"another header":             {o, right(order{id: "y", method: o.method, body: o.body}, body), "X-Echo", true, 200},
		"another method":             {o, right(order{id: "x", method: "PUT", body: o.body}, body), "X-Echo", true, 200},
		"another body of the answer": {o, right(o, string(order{id: "y", method: o.method, size: 50, body: 10}.answer())), "from byte 0", true, 200},
		"a piece of another":         {o, right(o, body[:len(body)-4]+"y;x;"), "from byte", true, 200},
		"a piece of another, cut":    {o, right(o, body[:len(body)-4]+"y;x;")[:len(right(o, body))-2], "from byte", false, 200},
		"a chunk that is missing":    {stream, right(stream, stream.echo()+"\nx#0;x#0;x#2;x#2;"), "from byte", true, 200},
		"no answer":                  {o, "", "", false, 0},
		"no HTTP":                    {o, "x;x;x;\r\n\r\n", "", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			served := make(chan error, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					served <- err
					return
				}
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					_, err = io.Copy(io.Discard, r.Body)
				}
				_, wrote := io.WriteString(conn, c.answer)
				served <- errors.Join(err, wrote)
			}()
			caller := caller{address: l.Addr().String()}
			defer caller.close()
			r := caller.ask(c.order, patience)
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			if r.status != c.status || r.whole != c.whole || (c.wrong == "") != (r.wrong == "") || !strings.Contains(r.wrong, c.wrong) {
				t.Errorf("the client saw: %v; want status %d, whole %t, wrong %q", r, c.status, c.whole, c.wrong)
			}
		})
	}
}

func TestTheSameSeedAsksForTheSame(t *testing.T) {
	t.Parallel()
	draw := func() (all []order) {
		g := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			all = append(all, newMix(g, 2, true).order(g, "x", 0))
		}
		return all
	}
	if first, second := draw(), draw(); !slices.Equal(first, second) {
		t.Error("two draws from one seed differ")
	}
}
