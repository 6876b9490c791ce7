package main

import (
	"fmt"
	"strings"
)

// ratio is how one of ours compares with a peer under one load: the medians of
// the ratios of each round, in which both were measured minutes apart.
type ratio struct {
	ours, peer     string
	rate, cpu, p99 float64
	noCPU          bool // one of them used too little to be compared
}

// enoughCPU is what a server must have used in a measurement, in seconds: the
// kernel counts hundredths.
const enoughCPU = 0.2

func newRatio(ours, peer result) (ratio, bool) {
	var rates, cpus, tails []float64
	little := false
	for _, o := range ours.samples {
		for _, p := range peer.samples {
			if o.round == p.round && p.rate > 0 && p.cpu() > 0 && p.p99 > 0 {
				rates = append(rates, o.rate/p.rate)
				cpus = append(cpus, o.cpu()/p.cpu())
				little = little || min(o.cpu()*float64(o.requests), p.cpu()*float64(p.requests)) < enoughCPU*10_000
				tails = append(tails, float64(o.p99)/float64(p.p99))
			}
		}
	}
	if len(rates) == 0 {
		return ratio{}, false
	}
	return ratio{ours.contestant, peer.contestant, median(rates), median(cpus), median(tails), little}, true
}

// versus is the cell of a value that is to be at least, or at most, the bar.
func versus(value, bar float64, atLeast bool) string {
	reached := fmt.Sprintf("%.2fx", value)
	switch {
	case bar == 0:
		return reached
	case atLeast && value >= bar, !atLeast && value <= bar:
		return fmt.Sprintf("%s (bar %gx)", reached, bar)
	}
	return fmt.Sprintf("**%s** (bar %gx: missed)", reached, bar)
}

// writeRatios compares each of ours with each peer, and with our first, so that
// options and builds can be told apart; another loop of php_worker only where a bar names it.
func (e *environment) writeRatios(b *strings.Builder, results []result) {
	ours := make(map[string]bool)
	for _, c := range e.ours() {
		ours[c.name] = true
	}
	var lines strings.Builder
	for _, o := range results {
		for _, p := range results {
			if !ours[o.contestant] && findBar(o.app, o.load, o.contestant, p.contestant) == (bar{}) {
				continue
			}
			base := ours[p.contestant] && strings.HasPrefix(o.contestant, p.contestant+" (")
			if p.load != o.load || ours[p.contestant] && !base {
				continue
			}
			r, ok := newRatio(o, p)
			if !ok {
				continue
			}
			var limit bar
			tail := 0.0
			if e.plan.workers == 2 && !base {
				limit, tail = findBar(o.app, o.load, o.contestant, p.contestant), p99Bar(o.app, o.load, p.contestant)
			}
			cpu := versus(r.cpu, limit.cpu, false)
			if r.noCPU {
				cpu = "–"
			}
			fmt.Fprintf(&lines, "| %s | %s | %s | %s | %s | %s |\n", o.load, r.ours, r.peer,
				versus(r.rate, limit.rate, true), cpu, versus(r.p99, tail, false))
		}
	}
	if lines.Len() > 0 {
		b.WriteString("\n| load | ours | against | req/s | CPU per request | p99 |\n|---|---|---|---|---|---|\n" + lines.String())
	}
}
