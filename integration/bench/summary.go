package main

import (
	"cmp"
	"slices"
	"time"
)

// result is one contestant's medians over the rounds of one load.
type result struct {
	sample                  // medians; errors and missed are sums, steal and foreign the worst
	lowest, highest float64 // requests per second
	samples         []sample
}

// median sorts its argument.
func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

func medianOf[T float64 | time.Duration](samples []sample, value func(sample) T) T {
	var values []T
	for _, s := range samples {
		values = append(values, value(s))
	}
	return median(values)
}

// summarize makes the results of one application and php.ini, loads in ascending
// order, those of constant rate last, and contestants by name.
func summarize(samples []sample, ini, app string) []result {
	type key struct {
		load       load
		contestant string
	}
	groups := make(map[key][]sample)
	for _, s := range samples {
		if s.ini == ini && s.app == app {
			k := key{s.load, s.contestant}
			groups[k] = append(groups[k], s)
		}
	}
	var results []result
	for _, group := range groups {
		results = append(results, newResult(group))
	}
	slices.SortFunc(results, func(a, b result) int {
		return cmp.Or(cmp.Compare(a.load.rate, b.load.rate), cmp.Compare(a.load.conns, b.load.conns), cmp.Compare(a.contestant, b.contestant))
	})
	return results
}

func newResult(group []sample) result {
	r := result{sample: group[0], lowest: group[0].rate, highest: group[0].rate, samples: group}
	r.rate = medianOf(group, func(s sample) float64 { return s.rate })
	r.serverCPU = medianOf(group, func(s sample) float64 { return s.serverCPU })
	r.phpCPU = medianOf(group, func(s sample) float64 { return s.phpCPU })
	r.serverPSS = medianOf(group, func(s sample) float64 { return s.serverPSS })
	r.phpPSS = medianOf(group, func(s sample) float64 { return s.phpPSS })
	r.p50 = medianOf(group, func(s sample) time.Duration { return s.p50 })
	r.p99 = medianOf(group, func(s sample) time.Duration { return s.p99 })
	r.p999 = medianOf(group, func(s sample) time.Duration { return s.p999 })
	r.max = medianOf(group, func(s sample) time.Duration { return s.max })
	r.late = medianOf(group, func(s sample) time.Duration { return s.late })
	r.errors, r.missed = 0, 0
	for _, s := range group {
		r.lowest, r.highest = min(r.lowest, s.rate), max(r.highest, s.rate)
		r.errors += s.errors
		r.missed += s.missed
		r.steal, r.foreign = max(r.steal, s.steal), max(r.foreign, s.foreign)
	}
	return r
}
