package workerpool

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/phpworker/caddy-php-worker/goridge"
)

// player is the program of the workers: the test binary, which, started with roleEnv, does not run tests but plays the
// role. With the race detector a process takes ten times as long to start, so it is the same without it then.
var player = os.Args[0]

const (
	roleEnv = "WORKERPOOL_TEST_ROLE"
	bootEnv = "WORKERPOOL_TEST_BOOT" // steps to take before the first request
	gateEnv = "WORKERPOOL_TEST_GATE"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "worker":
		runWorker()
	case "sleeper": // a process that outlives whoever started it
		signal.Ignore(syscall.SIGTERM)
		arrive(os.Getenv(gateEnv), true)
	case "host":
		runHost()
	default:
		os.Exit(runTests(m))
	}
}

func runTests(m *testing.M) int {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		dir, err := os.MkdirTemp("", "workerpool-player-")
		check(err)
		defer os.RemoveAll(dir)
		player = filepath.Join(dir, "player")
		build := exec.Command("go", "test", "-c", "-race=false", "-vet=off", "-o", player)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("building the program of the workers: %v\n%s", err, out)
			return 1
		}
	}
	code := m.Run()
	left := leftovers()
	for limit := time.Now().Add(5 * time.Second); len(left) > 0 && time.Now().Before(limit); {
		<-time.After(10 * time.Millisecond) // some are just about to return
		left = leftovers()
	}
	if code == 0 && len(left) > 0 {
		fmt.Println("goroutines left behind:\n" + strings.Join(left, "\n\n"))
		code = 1
	}
	return code
}

// actor is the worker's end of the relay. It does what the context of a request
// says: steps, separated by semicolons, each a word and its argument.
type actor struct {
	conn     *goridge.Conn
	in       io.Closer
	body     []byte   // of the request at hand
	requests int      // seen so far
	later    []string // steps for after the next pid reply
	hoard    [][]byte
	stopless bool // does not obey the stop frame
	once     bool // ends after the first request
}

func runWorker() {
	w := &actor{}
	boot := os.Getenv(bootEnv)
	if path, ok := strings.CutPrefix(boot, "@"); ok { // as the file says today
		text, err := os.ReadFile(path)
		check(err)
		boot = string(text)
	}
	w.act(boot)
	w.connect(os.Getenv("RR_RELAY"))
	for {
		var f goridge.Frame
		if err := w.conn.ReadFrame(&f); err != nil {
			os.Exit(0)
		}
		switch {
		case f.IsControl():
			w.obey(&f)
		case f.PayloadLen == 0: // a stop or pong that came too late
		default:
			w.requests++
			w.body = bytes.Clone(f.Body())
			w.act(string(f.Context()))
			if w.once {
				os.Exit(0)
			}
		}
		f.Release()
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
		os.Exit(99)
	}
}

// note appends a line to a file, in one piece.
// note makes a file of its own for each entry, so that no file system and no kill can
// mix two of them.
func note(dir, entry string) {
	check(os.MkdirAll(dir, 0o700))
	f, err := os.CreateTemp(dir, entry+"@*")
	check(err)
	check(f.Close())
}

func (w *actor) connect(relay string) {
	in, out := os.Stdin, os.Stdout
	switch {
	case strings.HasPrefix(relay, "unix://"):
		c, err := net.Dial("unix", strings.TrimPrefix(relay, "unix://"))
		check(err)
		w.conn = goridge.NewConn(c, c, goridge.Options{})
		return
	case relay == "pipes://fd/3:fd/4":
		in, out = os.NewFile(3, "requests"), os.NewFile(4, "answers")
	case relay != "pipes":
		check(fmt.Errorf("unknown relay %q", relay))
	}
	w.in = in
	w.conn = goridge.NewConn(in, out, goridge.Options{})
}

func (w *actor) obey(f *goridge.Frame) {
	var command struct {
		PID  int
		Stop bool
	}
	check(json.Unmarshal(f.Payload, &command))
	switch {
	case command.Stop && !w.stopless:
		os.Exit(0)
	case command.PID != 0:
		w.write(goridge.AppendControlPID(nil, os.Getpid()))
		for len(w.later) > 0 {
			step := w.later[0]
			w.later = w.later[1:]
			w.step(step)
		}
	}
}

// write leaves the verdict to the reader: a pool that has gone away ends it.
func (w *actor) write(p []byte) { _, _ = w.conn.Write(p) }

func (w *actor) send(flags goridge.Flags, bits goridge.StreamBits, context string, body []byte) {
	h := goridge.Header{Flags: flags, Stream: bits, PayloadLen: uint32(len(context) + len(body))}
	if flags&goridge.FlagError == 0 {
		h.NumOptions, h.Options[0] = 1, uint32(len(context))
	}
	w.write(append(append(goridge.AppendHeader(nil, &h), context...), body...))
}

func (w *actor) answer(text string) { w.send(goridge.CodecJSON, 0, "head", []byte(text)) }

func (w *actor) act(script string) {
	for step := range strings.SplitSeq(script, ";") {
		step = strings.TrimSpace(step)
		if file, ok := strings.CutPrefix(step, "stop-once "); ok {
			if os.Remove(file) != nil {
				continue
			}
			w.step("stop") // instead of an answer
			return
		}
		if rest, ok := strings.CutPrefix(step, "the-second-time "); ok {
			file, instead, _ := strings.Cut(rest, " ")
			mark, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
			if err == nil {
				check(mark.Close())
				continue
			}
			for step := range strings.SplitSeq(instead, ", ") {
				w.step(step)
			}
			return
		}
		w.step(step)
	}
}

func (w *actor) step(step string) {
	verb, arg, _ := strings.Cut(step, " ")
	number, _ := strconv.Atoi(arg)
	switch verb {
	case "":
	case "answer":
		w.answer(cmp.Or(arg, string(w.body)))
	case "pid":
		w.answer(strconv.Itoa(os.Getpid()))
	case "count":
		w.answer(strconv.Itoa(w.requests))
	case "big":
		w.answer(strings.Repeat("x", number))
	case "env":
		w.answer(strings.Join(os.Environ(), "\n"))
	case "cwd":
		dir, _ := os.Getwd()
		w.answer(dir)
	case "files":
		var limit unix.Rlimit
		check(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
		w.answer(fmt.Sprint(limit.Cur, " ", limit.Max))
	case "note": // that it carries the request out
		note(arg, string(w.body))
	case "sometimes-late":
		if rand.IntN(3) == 0 {
			w.send(goridge.FlagError, 0, "", []byte("a late error"))
		}
	case "error":
		w.send(goridge.FlagError, 0, "", []byte(cmp.Or(arg, string(w.body))))
	case "here": // nobody has asked
		w.write(goridge.AppendControlPID(nil, cmp.Or(number, os.Getpid())))
	case "foreign":
		w.send(goridge.FlagControl, 0, "", []byte(`{"unheard":"of"}`))
	case "done":
		h := goridge.Header{Flags: goridge.FlagControl, NumOptions: 2, Options: [goridge.MaxOptions]uint32{0, 1}, PayloadLen: 13}
		w.write(append(goridge.AppendHeader(nil, &h), `{"done":true}`...))
	case "stop":
		w.send(goridge.CodecJSON, 0, `{"stop":true}`, nil)
	case "chunk":
		w.send(goridge.CodecJSON, goridge.StreamMore, "", []byte(arg))
	case "ping": // a chunk behind which it looks for a pong
		w.send(goridge.CodecJSON, goridge.StreamMore|goridge.StreamPing, "", []byte(arg))
	case "chunks":
		w.stream(number)
	case "flood":
		w.stream(1 << 30)
	case "raw":
		w.conn.Write([]byte(arg + "\n"))
	case "hang-up":
		w.conn.Close()
	case "close-in":
		check(w.in.Close())
	case "skip": // the next frame, as the 3.x client does within a stream
		var f goridge.Frame
		check(w.conn.ReadFrame(&f))
	case "then":
		w.later = append(w.later, arg)
	case "visit":
		arrive(arg, true)
	case "call":
		arrive(arg, false)
	case "exit":
		os.Exit(number)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.Signal(number))
		pause()
	case "say":
		fmt.Println(arg)
	case "mutter": // no line end
		fmt.Print(arg)
	case "moan":
		fmt.Fprintln(os.Stderr, arg)
	case "hog":
		p := make([]byte, number)
		for i := range p {
			p[i] = byte(i)
		}
		w.hoard = append(w.hoard, p)
		runtime.GC()
	case "fork":
		w.fork(arg, false)
	case "fork-away": // into a session of its own
		w.fork(arg, true)
	case "fork-out": // of reach
		check(os.Unsetenv("PHP_WORKER_MARK"))
		w.fork(arg, true)
	case "fork-with-relay": // and out of reach
		check(os.Unsetenv("PHP_WORKER_MARK"))
		w.fork(arg, true, os.NewFile(3, ""), os.NewFile(4, ""))
	case "ignore":
		switch arg {
		case "term":
			signal.Ignore(syscall.SIGTERM)
		case "stop":
			w.stopless = true
		}
	case "no-socket":
		if strings.HasPrefix(os.Getenv("RR_RELAY"), "unix://") {
			os.Exit(9)
		}
	case "once":
		w.once = true
	case "block":
		pause()
	default:
		check(fmt.Errorf("unknown step %q", step))
	}
}

// pause waits for a signal that ends the process.
func pause() { <-time.After(time.Hour) }

// stream sends n chunks, the last one without the mark that more follow. Like
// the PHP client it asks for a pong now and then, skips whatever else it finds
// meanwhile, and ends early when told to.
func (w *actor) stream(n int) {
	for i := 1; i < n; i++ {
		bits := goridge.StreamMore
		ping := i%5 == 0
		if ping {
			bits |= goridge.StreamPing
		}
		w.send(goridge.CodecJSON, bits, "", fmt.Appendf(nil, "%d ", i))
		for pong := !ping; !pong; {
			var f goridge.Frame
			if w.conn.ReadFrame(&f) != nil {
				os.Exit(0)
			}
			pong = f.Stream&goridge.StreamPong != 0
			if f.Stream&goridge.StreamStop != 0 {
				w.send(goridge.CodecJSON, 0, "", []byte("stopped"))
				return
			}
		}
	}
	w.send(goridge.CodecJSON, 0, "", fmt.Appendf(nil, "%d", n))
}

// fork starts a process that holds stdout and stderr, and the given files.
func (w *actor) fork(gate string, away bool, files ...*os.File) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(slices.Clone(os.Environ()), roleEnv+"=sleeper", gateEnv+"="+gate)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, cmd.SysProcAttr = os.Stdout, os.Stderr, files, &syscall.SysProcAttr{Setsid: away}
	check(cmd.Start())
}

// arrive reports at a gate and waits there to be let go. The connection stays
// open as long as the process lives, so the test sees it die.
func arrive(gate string, wait bool) {
	c, err := net.Dial("unix", gate)
	check(err)
	held = append(held, c)
	fmt.Fprintln(c, os.Getpid())
	if wait {
		_, _ = c.Read(make([]byte, 1))
	}
}

var held []net.Conn
