package integration

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is a moment of a made-up trial.
func at(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }

// made is a reply that is as it should be, from 100 to 200 ms.
func made(method, do string) reply {
	r := reply{order: order{id: "x", method: method, do: do}, since: at(90), begin: at(100), end: at(200), heard: true, whole: true}
	r.status = r.order.status()
	return r
}

func (r reply) with(change func(*reply)) reply { change(&r); return r }

func (r reply) failed(status int) reply {
	return r.with(func(r *reply) { r.status = status })
}

// nothing is what a client has that gets no byte.
func (r reply) nothing(err error) reply {
	return r.with(func(r *reply) { r.status, r.heard, r.whole, r.err = 0, false, false, err })
}

func (r reply) cut() reply {
	return r.with(func(r *reply) { r.whole, r.err = false, io.ErrUnexpectedEOF })
}

func kill(from, to int) fault { return fault{kind: "SIGKILL", pid: 1, begin: at(from), end: at(to)} }

func did(kind string, from, to int) fault { return fault{kind: kind, begin: at(from), end: at(to)} }

func TestTheJudgeFindsEveryBrokenPromiseAndNoOther(t *testing.T) {
	t.Parallel()
	get, post, head := made(http.MethodGet, "answer"), made(http.MethodPost, "answer"), made(http.MethodHead, "answer")
	within, nap := made(http.MethodGet, "exit-within"), made(http.MethodPost, "answer").with(func(r *reply) { r.wait, r.status = 2500*time.Millisecond, 504 })
	large := get.with(func(r *reply) { r.size = 2 * trafficBuffer })
	left := func(r reply) reply { return r.with(func(r *reply) { r.left, r.whole = true, false }) }
	for name, c := range map[string]struct {
		reply   reply
		journal string
		faults  []fault
		want    string // the letters of the promises that are broken
	}{
		"a GET":                                      {get, "begun x GET 1", nil, ""},
		"a GET carried out twice":                    {get, "begun x GET 1\nbegun x GET 2", nil, ""},
		"a HEAD":                                     {head, "begun x HEAD 1", nil, ""},
		"a POST":                                     {post, "begun x POST 1", nil, ""},
		"an error":                                   {made("POST", "error"), "begun x POST 1", nil, ""},
		"a POST that ends its worker":                {made("POST", "exit"), "begun x POST 1", nil, ""},
		"a GET that ends two workers":                {made("GET", "memory"), "begun x GET 1\nbegun x GET 2", nil, ""},
		"a POST that ends its worker afterwards":     {made("POST", "exit-after"), "begun x POST 1", nil, ""},
		"work after an answer":                       {made("POST", "tail"), "begun x POST 1\nafter x POST 1", nil, ""},
		"a stream whose worker leaves":               {within.cut(), "begun x GET 1", nil, ""},
		"a request that takes too long":              {nap, "begun x POST 1", nil, ""},
		"a client that leaves before its answer":     {left(post.nothing(nil)), "begun x POST 1", nil, ""},
		"a client that leaves within its answer":     {left(post), "begun x POST 1", nil, ""},
		"a POST lost to a kill":                      {post.failed(502), "begun x POST 1", []fault{kill(150, 160)}, ""},
		"a POST lost to a kill that was just before": {post.failed(502), "", []fault{kill(50, 100)}, ""},
		"a GET that was left at one worker and lost to a kill of another": {get.failed(502), "begun x GET 1\nbegun x GET 2", []fault{kill(110, 120)}, ""},
		"a GET lost to two kills":                         {get.failed(502), "begun x GET 1\nbegun x GET 2", []fault{kill(110, 120), kill(190, 250)}, ""},
		"an answer cut by a kill":                         {large.cut(), "begun x GET 1", []fault{kill(150, 160)}, ""},
		"a kept connection closed by a reload":            {post.nothing(io.EOF).with(func(r *reply) { r.kept = true }), "", []fault{did("reload changed", 50, 110)}, ""},
		"a kept connection closed before it is used":      {post.nothing(io.EOF).with(func(r *reply) { r.kept = true }), "", []fault{did("reload changed", 50, 95)}, ""},
		"an unanswered POST, carried out once, by reload": {post.nothing(io.EOF).with(func(r *reply) { r.kept = true }), "begun x POST 1", []fault{did("reload unchanged", 150, 310)}, ""},
		"a stream cut by a kill before it left":           {made("GET", "stream").nothing(io.EOF).with(func(r *reply) { r.chunk = 1 }), "begun x GET 1", []fault{kill(150, 160)}, ""},
		"a stream cut by its own end before it left":      {within.nothing(io.EOF), "begun x GET 1", nil, ""},
		"work lost with a killed worker":                  {made("GET", "tail"), "begun x GET 1", []fault{kill(500, 600)}, ""},

		"another's answer":                                {get.with(func(r *reply) { r.wrong = "another" }), "begun x GET 1", []fault{kill(150, 160)}, "a"},
		"another's answer to a client that left":          {left(get).with(func(r *reply) { r.wrong = "another" }), "begun x GET 1", nil, "a"},
		"a stream that looks whole":                       {within, "begun x GET 1", nil, "a"},
		"another method":                                  {get, "begun x POST 1", nil, "a"},
		"a POST carried out twice":                        {post, "begun x POST 1\nbegun x POST 2", nil, "b"},
		"a failed POST carried out twice":                 {post.failed(502), "begun x POST 1\nbegun x POST 2", []fault{kill(110, 120)}, "b"},
		"a POST that ends two workers":                    {made("PUT", "exit"), "begun x PUT 1\nbegun x PUT 2", nil, "b"},
		"a POST of a client that left, twice":             {left(post.nothing(nil)), "begun x POST 1\nbegun x POST 2", nil, "b"},
		"a POST that nobody carried out":                  {post, "", nil, "c"},
		"a GET that nobody carried out":                   {get, "", nil, "c"},
		"an error that nobody carried out":                {made("GET", "error"), "", nil, "c"},
		"a POST answered in part, nobody carried out":     {left(post), "", nil, "c"},
		"a GET lost to one kill":                          {get.failed(502), "begun x GET 1", []fault{kill(150, 160)}, "d"},
		"a HEAD lost to one kill":                         {head.failed(502), "begun x HEAD 1", []fault{kill(150, 160)}, "d"},
		"a POST that exits and is answered 500":           {made("POST", "exit").failed(500), "begun x POST 1", nil, "d"},
		"a POST lost to nothing":                          {post.failed(502), "begun x POST 1", nil, "d"},
		"a POST lost to a kill before it":                 {post.failed(502), "begun x POST 1", []fault{kill(10, 99)}, "d"},
		"a POST lost to a kill after it":                  {post.failed(502), "begun x POST 1", []fault{kill(201, 250)}, "d"},
		"a POST lost to a stop":                           {post.failed(502), "begun x POST 1", []fault{did("SIGSTOP", 100, 200)}, "d"},
		"503 under kills":                                 {get.failed(503), "", []fault{kill(110, 120), kill(130, 140)}, "d"},
		"504 without a nap":                               {post.failed(504), "begun x POST 1", []fault{kill(110, 120)}, "d"},
		"500 without an error":                            {post.failed(500), "begun x POST 1", []fault{kill(110, 120)}, "d"},
		"a nap that is answered":                          {nap.failed(200), "begun x POST 1", nil, "d"},
		"an error that is answered":                       {made("GET", "error").failed(200), "begun x GET 1", nil, "d"},
		"an error that is answered to a client that left": {left(made("GET", "error").failed(200)), "begun x GET 1", nil, "d"},
		"503 for what ends its worker":                    {made("GET", "exit").failed(503), "", nil, "d"},
		"a connection closed by nothing":                  {get.nothing(io.EOF).with(func(r *reply) { r.kept = true }), "", []fault{kill(150, 160)}, "d"},
		"a stream cut by nothing before it left":          {made("GET", "stream").nothing(io.EOF).with(func(r *reply) { r.chunk = 1 }), "begun x GET 1", nil, "d"},
		"a short answer without a byte, by a kill":        {get.nothing(io.EOF), "begun x GET 1", []fault{kill(150, 160)}, "d"},
		"a new connection closed by a reload":             {get.nothing(io.EOF), "", []fault{did("reload changed", 50, 110)}, "d"},
		"a connection that is younger than the reload":    {get.nothing(io.EOF).with(func(r *reply) { r.kept = true }), "", []fault{did("reload changed", 50, 89)}, "d"},
		"what is no head, within a reload":                {get.nothing(io.EOF).with(func(r *reply) { r.kept, r.heard = true, true }), "", []fault{did("reload changed", 50, 110)}, "a"},
		"a short answer cut by a kill":                    {get.cut(), "begun x GET 1", []fault{kill(150, 160)}, "e"},
		"a large answer cut by a stop":                    {large.cut(), "begun x GET 1", []fault{did("SIGSTOP", 150, 160)}, "e"},
		"an answer cut by nothing":                        {get.cut(), "begun x GET 1", nil, "e"},
		"an answer cut by another's exit":                 {post.cut(), "begun x POST 1", []fault{did("restart", 100, 200)}, "e"},
		"half an error page":                              {made("GET", "exit").cut(), "begun x GET 1", nil, "e"},
		"a request that waits for ever":                   {get.with(func(r *reply) { r.end = at(35_101) }), "begun x GET 1", nil, "f"},
		"no answer in time, during a reload":              {get.nothing(os.ErrDeadlineExceeded).with(func(r *reply) { r.kept, r.end = true, at(36_100) }), "", []fault{did("reload changed", 50, 110)}, "df"},
		"work after an answer that is not done":           {made("POST", "tail"), "begun x POST 1", []fault{{kind: "SIGKILL", pid: 2, begin: at(150), end: at(160)}}, "h"},
		"work after an answer that is done twice":         {made("GET", "tail"), "begun x GET 1\nafter x GET 1\nafter x GET 1", nil, "h"},
		"the lost work of a client that left":             {left(made("GET", "tail").nothing(nil)), "begun x GET 1", nil, "h"},
		"a restart that fails":                            {get, "begun x GET 1", []fault{{kind: "restart", begin: at(0), end: at(100), err: "status 500"}}, "i"},
		"a restart that fails for a kill":                 {get, "begun x GET 1", []fault{{kind: "restart", begin: at(0), end: at(100), err: "status 500"}, kill(50, 60)}, ""},
		"half a request that is carried out":              {left(post.nothing(nil)).with(func(r *reply) { r.leave.how = "half" }), "begun x POST 1", nil, "j"},
		"a request that nobody has made":                  {get, "begun x GET 1\nbegun y GET 1", nil, "k"},
		"another's POST, which then is not answered":      {post.with(func(r *reply) { r.wrong = "another" }), "", nil, "ac"},
		"a POST answered and lost, and a wrong method":    {post, "begun x PUT 1\nbegun x POST 1", nil, "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			journal := ""
			if c.journal != "" {
				journal = c.journal + "\n"
			}
			done, err := parseJournal(journal)
			if err != nil {
				t.Fatal(err)
			}
			found := judge(trial{replies: []reply{c.reply}, journal: done, faults: c.faults})
			if got := letters(found); got != c.want {
				t.Errorf("the broken promises are %q, want %q: %v", got, c.want, found)
			}
		})
	}
}

// Nothing waits that was sent ahead behind an answer that is passed on: it is sent a second time, and no third.
func TestTheJudgeKnowsWhatOneKillCosts(t *testing.T) {
	t.Parallel()
	get := made(http.MethodGet, "answer").failed(502)
	beside := func(size int, wait time.Duration) reply {
		return made(http.MethodGet, "answer").with(func(r *reply) {
			r.id, r.size, r.wait, r.end = "y", size, wait, r.begin.Add(5*time.Millisecond+wait)
		})
	}
	for name, c := range map[string]struct {
		beside  reply
		journal string
		want    string
	}{
		"behind a large answer":                   {beside(2*trafficBuffer, 0), "begun x GET 1\nbegun y GET 1\n", ""},
		"behind a slow one":                       {beside(0, 20*time.Millisecond), "begun x GET 1\nbegun y GET 1\n", ""},
		"behind a short one":                      {beside(0, 0), "begun x GET 1\nbegun y GET 1\n", "d"},
		"never begun":                             {beside(2*trafficBuffer, 0), "begun y GET 1\n", "d"},
		"behind a large answer that came earlier": {beside(2*trafficBuffer, 0).with(func(r *reply) { r.begin, r.end = at(10), at(99) }), "begun x GET 1\nbegun y GET 1\n", "d"},
	} {
		done, err := parseJournal(c.journal)
		if err != nil {
			t.Fatal(err)
		}
		found := judge(trial{replies: []reply{get, c.beside}, journal: done, faults: []fault{kill(150, 160)}})
		if got := letters(found); got != c.want {
			t.Errorf("%s: the broken promises are %q, want %q: %v", name, got, c.want, found)
		}
	}
}

// letters are those of the promises, each once, in order.
func letters(found []violation) string {
	var all []string
	for _, v := range found {
		all = append(all, v.promise[:1])
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "")
}

func TestTheJudgeWantsEveryWorkerBack(t *testing.T) {
	t.Parallel()
	idle, busy := workerView{PID: 1, State: "idle"}, workerView{PID: 2, State: "busy"}
	other := workerView{PID: 2, State: "idle"}
	for name, c := range map[string]struct {
		end  ending
		want string
	}{
		"as it was":            {ending{workers: 2, pool: poolView{Workers: []workerView{idle, other}}, pids: []int{1, 2}}, ""},
		"a busy worker":        {ending{workers: 2, pool: poolView{Workers: []workerView{idle, busy}}, pids: []int{1, 2}}, "g"},
		"a worker too few":     {ending{workers: 2, pool: poolView{Workers: []workerView{idle}}, pids: []int{1}}, "g"},
		"a worker too many":    {ending{workers: 1, pool: poolView{Workers: []workerView{idle, other}}, pids: []int{1, 2}}, "g"},
		"a worker that stops":  {ending{workers: 1, pool: poolView{Workers: []workerView{idle, {PID: 2, State: "stopping"}}}, pids: []int{1}}, "g"},
		"a worker of nobody's": {ending{workers: 1, pool: poolView{Workers: []workerView{idle}}, pids: []int{1, 2}}, "g"},
		"a request that waits": {ending{workers: 1, pool: poolView{Workers: []workerView{idle}, Queue: 1}, pids: []int{1}}, "g"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := letters(judge(trial{end: c.end})); got != c.want {
				t.Errorf("the broken promises are %q, want %q", got, c.want)
			}
		})
	}
}

func TestAJournalThatPHPCannotHaveWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"begun x GET\n", "begun x GET 1", "begun x GET one\n", "ended x GET 1\n", "after x GET 1\n", "begun x GET 1\nafter x GET 2\n"} {
		if done, err := parseJournal(text); err == nil {
			t.Errorf("%q was read as %v", text, done)
		}
	}
	done, err := parseJournal("begun x GET 1\nbegun x GET 2\nafter x GET 2\n")
	if err != nil || len(done["x"]) != 2 || done["x"][0].after != 0 || done["x"][1].after != 1 {
		t.Errorf("%v, error %v", done, err)
	}
}
