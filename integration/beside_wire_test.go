package integration

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// heard is what a side answered to bytes that are no client's of Go's.
type heard struct {
	status int
	header http.Header
	body   string
	port   int   // our own of the connection
	err    error // nobody heard, or with half an answer
}

// byPHP says whether PHP had a part in it.
func (a heard) byPHP() bool { return strings.HasPrefix(a.header.Get("X-Powered-By"), "PHP/") }

// ask sends the bytes of one request, whose {port} is the side's and {host} its name.
func (s side) ask(raw string) (a heard) {
	c, err := net.Dial("tcp", s.address())
	if err != nil {
		return heard{err: err}
	}
	defer c.Close()
	a.port = c.LocalAddr().(*net.TCPAddr).Port
	_ = c.SetDeadline(time.Now().Add(patience))
	if s.tls {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: s.host})
	}
	raw = strings.NewReplacer("{port}", strconv.Itoa(s.port), "{host}", s.host).Replace(raw)
	go func() { _, _ = io.WriteString(c, raw) }() // ends with the connection
	method, _, _ := strings.Cut(raw, " ")
	in := bufio.NewReader(c)
	for a.status < 200 {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			a.err = err
			return a
		}
		body, err := io.ReadAll(res.Body)
		a.status, a.header, a.body, a.err = res.StatusCode, res.Header, string(body), err
		if err != nil {
			return a
		}
	}
	return a
}

// ofTheServer are headers that say something about the server and not about its answer.
var ofTheServer = []string{
	"Date", "Server", "Connection", "Keep-Alive", "Via", "Alt-Svc",
	"Content-Length", "Transfer-Encoding", // nginx does not know the length of what PHP says, we do
	"Etag", "Last-Modified", "Accept-Ranges", "Vary", // of files
}

// portOf is the port in a link to the site itself.
var portOf = regexp.MustCompile(`(127\.0\.0\.1|www\.example):\d+`)

// differences are those of two answers to the same request. Each mask makes alike what is
// never alike.
func differences(theirs, ours heard, masks ...func(string) string) (all []string) {
	differ := func(what, theirs, ours string) {
		for _, mask := range masks {
			if theirs == ours {
				return
			}
			theirs, ours = mask(theirs), mask(ours)
		}
		if theirs != ours {
			all = append(all, what+": "+firstDifference(theirs, ours))
		}
	}
	differ("error", errorText(theirs.err), errorText(ours.err))
	differ("status", strconv.Itoa(theirs.status), strconv.Itoa(ours.status))
	names := make(map[string]bool)
	for _, a := range []heard{theirs, ours} {
		for name := range a.header {
			names[name] = true
		}
	}
	if !theirs.byPHP() && !ours.byPHP() {
		delete(names, "Content-Type") // of a file: a matter of lists, and of charsets
	}
	for name := range names {
		if !slices.Contains(ofTheServer, name) {
			differ(name, portOf.ReplaceAllString(strings.Join(theirs.header[name], "\n"), "$1"), portOf.ReplaceAllString(strings.Join(ours.header[name], "\n"), "$1"))
		}
	}
	if theirs.byPHP() || ours.byPHP() || theirs.status == http.StatusOK {
		differ("body", portOf.ReplaceAllString(theirs.body, "$1"), portOf.ReplaceAllString(ours.body, "$1"))
	}
	slices.Sort(all)
	return all
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// firstDifference shows where two texts part.
func firstDifference(theirs, ours string) string {
	at := 0
	for at < min(len(theirs), len(ours)) && theirs[at] == ours[at] {
		at++
	}
	piece := func(text string) string {
		return strconv.Quote(text[max(0, at-60):min(len(text), at+160)])
	}
	return "nginx has " + piece(theirs) + ", php_worker " + piece(ours)
}

// masked makes everything that the expression matches alike.
func masked(expression string) func(string) string {
	r := regexp.MustCompile(expression)
	return func(text string) string { return r.ReplaceAllString(text, "…") }
}

// dates are those of headers and feeds: the two sides are asked one after the other.
var dates = masked(`\w{3}, \d\d[ -]\w{3}[ -]\d{4} \d\d:\d\d:\d\d (GMT|\+0000)`)
