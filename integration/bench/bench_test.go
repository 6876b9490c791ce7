package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// served is a server that is not a contestant.
func served(t *testing.T, app application, handler http.HandlerFunc) *server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return &server{app: app, address: s.Listener.Addr().(*net.TCPAddr).String()}
}

func TestAStallIsChargedToAllWhoHadToWait(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	var requests atomic.Int64
	gate := make(chan struct{})
	s := served(t, application{answer: greeting}, func(w http.ResponseWriter, _ *http.Request) {
		// Every connection is held up once the first request of all stalls.
		if requests.Add(1) == 1 {
			time.AfterFunc(stall, func() { close(gate) })
		}
		<-gate
		_, _ = w.Write([]byte(greeting))
	})
	m, err := new(environment).open(t.Context(), s, 500, 1)
	if err != nil {
		t.Fatal(err)
	}
	// 150 of 500 requests were due during the stall, 64 of them found a connection:
	// a closed model would have seen 64 slow ones.
	if m.requests+m.missed != 500 || m.errors != 0 {
		t.Errorf("%d requests, %d missed, %d errors; want 500 together, 0", m.requests, m.missed, m.errors)
	}
	if m.p99 < stall*9/10 {
		t.Errorf("p99 is %v with a stall of %v", m.p99, stall)
	}
}

func TestRequestsThatAreNeverSentAreMissed(t *testing.T) {
	t.Parallel()
	s := served(t, application{answer: greeting}, func(w http.ResponseWriter, r *http.Request) {
		<-time.After(1500 * time.Millisecond)
		_, _ = w.Write([]byte(greeting))
	})
	m, err := new(environment).open(t.Context(), s, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if m.requests > rateConns || m.requests+m.missed != 100 {
		t.Errorf("%d requests and %d missed; want at most %d, and 100 together", m.requests, m.missed, rateConns)
	}
}

func TestEachSlowRequestOfTheMixIsTheHundredth(t *testing.T) {
	t.Parallel()
	var slow, all atomic.Int64
	s := served(t, application{answer: greeting, slowEvery: 100}, func(w http.ResponseWriter, r *http.Request) {
		all.Add(1)
		if r.URL.Path == "/slow" {
			slow.Add(1)
		}
		_, _ = w.Write([]byte(greeting))
	})
	m, err := new(environment).open(t.Context(), s, 700, 1)
	if err != nil {
		t.Fatal(err)
	}
	if slow.Load() > 7 || m.missed == 0 && slow.Load() != 7 {
		t.Errorf("%d of %d requests were slow; want 7 of 700", slow.Load(), all.Load())
	}
}

func TestAWrongAnswerIsAnError(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"body":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Fatal error")) },
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		s := served(t, application{answer: greeting}, handler)
		if err := s.check(); err == nil || errors.Is(err, errWrongBody) != (name == "body") {
			t.Errorf("a wrong %s: %v", name, err)
		}
	}
}

func TestARatioIsTheMedianOfTheRounds(t *testing.T) {
	t.Parallel()
	side := func(name string, rates ...float64) result {
		var group []sample
		for i, rate := range rates {
			group = append(group, sample{contestant: name, round: i + 1, rate: rate, serverCPU: 1, p99: time.Millisecond})
		}
		return newResult(group)
	}
	// The machine was slow in round 2, for both: medians apart would say 100/200.
	r, ok := newRatio(side("ours", 400, 100, 90), side("peer", 200, 50, 300))
	if !ok || r.rate != 2 {
		t.Errorf("the ratio is %v, want 2", r.rate)
	}
	if _, ok := newRatio(side("ours", 100), result{}); ok {
		t.Error("a ratio with a peer that was not measured")
	}
}

func TestAMissedBarIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, bar float64
		atLeast    bool
		missed     bool
	}{{1.9, 2, true, true}, {2, 2, true, false}, {0.7, 0.6, false, true}, {0.6, 0.6, false, false}, {0.1, 0, true, false}} {
		if text := versus(c.value, c.bar, c.atLeast); strings.Contains(text, "missed") != c.missed {
			t.Errorf("%v with the bar %v: %s", c.value, c.bar, text)
		}
	}
}

func TestEveryBarNamesAnApplicationAndAMeasuredLoad(t *testing.T) {
	t.Parallel()
	for _, b := range bars {
		i := slices.IndexFunc(applications, func(a application) bool { return a.name == b.app })
		if i < 0 || !slices.Contains(applications[i].conns, b.conns) {
			t.Errorf("the bar %+v will never be measured", b)
		}
	}
}

func TestPercentilesOfAList(t *testing.T) {
	t.Parallel()
	var list []time.Duration
	for i := range 1000 {
		list = append(list, time.Duration(i+1))
	}
	for percent, want := range map[float64]time.Duration{50: 501, 99: 991, 99.9: 1000} {
		if got := percentile(list, percent); got != want {
			t.Errorf("percentile %v is %d, want %d", percent, got, want)
		}
	}
	if got := percentile(list[:1], 99.9); got != 1 {
		t.Errorf("percentile of one value is %d", got)
	}
}
