package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// plan is what the command line asks for.
type plan struct {
	rounds      int
	seconds     int // of load per closed-model measurement
	rateSeconds int // of load per constant-rate measurement
	workers     int
	conns       []int // nil: each application's own; empty: none
	rates       []int // requests per second, likewise
	inis        []string
	calm        float64 // share of CPU that others may take before a measurement is repeated
	apps        []application
	only        []string
	options     []string // Caddyfile lines of further contestants, each separated by semicolons
	against     []build
	scale       bool
	smoke       bool
	out         string
	caddy       string
}

// build is another Caddy of ours to compare with, and the folder of the PHP package that
// belongs to it; "" is the one here.
type build struct{ name, binary, php string }

func parse() (plan, error) {
	var p plan
	var conns, rates, apps, inis, only string
	flag.IntVar(&p.rounds, "rounds", 5, "rounds; each measures every server once")
	flag.IntVar(&p.seconds, "seconds", 3, "seconds of load per measurement")
	flag.IntVar(&p.rateSeconds, "rate-seconds", 5, "seconds of load per measurement at a constant rate")
	flag.IntVar(&p.workers, "workers", 2, "PHP processes of each server")
	flag.StringVar(&conns, "conns", "", "numbers of connections, or none (default: each application's own)")
	flag.StringVar(&rates, "rates", "", "constant rates in requests per second, or none (default: each application's own)")
	flag.StringVar(&apps, "apps", strings.Join(names(applications), ","), "applications, or none")
	flag.StringVar(&inis, "ini", "same", "php.ini: same (one for all), own (each product's defaults), or both with a comma")
	calm := flag.Float64("calm", 10, "percent of all CPU time; when other programs and the hypervisor take more, a measurement is repeated")
	flag.StringVar(&only, "only", "", "contestants, if not all")
	flag.BoolVar(&p.scale, "scale", false, "measure large numbers of connections, waiting requests and workers, too")
	flag.BoolVar(&p.smoke, "smoke", false, "start and check everything, measure nothing; fails if an answer is wrong")
	flag.StringVar(&p.out, "out", "", "folder for results.md and results.csv")
	flag.StringVar(&p.caddy, "caddy", os.Getenv("CADDY_BIN"), "Caddy with php_worker, if already built")
	flag.Func("worker-options", "options of php_worker, separated by semicolons, that one more contestant gets; may be repeated", func(text string) error {
		p.options = append(p.options, text)
		return nil
	})
	flag.Func("against", "name=binary of another Caddy with php_worker to compare with, or name=binary,folder where its PHP package is another one; may be repeated", func(text string) error {
		name, binary, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("want name=binary or name=binary,folder")
		}
		binary, php, _ := strings.Cut(binary, ",")
		p.against = append(p.against, build{name, binary, php})
		return nil
	})
	flag.Parse()
	p.calm = *calm / 100
	var err error
	if p.conns, err = numbers("connections", conns); err != nil {
		return p, err
	}
	if p.rates, err = numbers("requests per second", rates); err != nil {
		return p, err
	}
	if apps == "none" {
		apps = ""
	}
	for name := range strings.FieldsFuncSeq(apps, func(r rune) bool { return r == ',' }) {
		i := slices.IndexFunc(applications, func(a application) bool { return a.name == name })
		if i < 0 {
			return p, fmt.Errorf("no application %q; there are: %s", name, strings.Join(names(applications), ", "))
		}
		app := applications[i]
		if app.name == wordpress {
			if app.folder = os.Getenv("BENCH_WORDPRESS"); app.folder == "" {
				continue // nobody has installed one
			}
		}
		p.apps = append(p.apps, app)
	}
	for ini := range strings.SplitSeq(inis, ",") {
		if ini != sameINI && ini != ownINI {
			return p, fmt.Errorf("-ini %q: want same, own, or same,own", ini)
		}
		p.inis = append(p.inis, ini)
	}
	if only != "" {
		p.only = strings.Split(only, ",")
	}
	return p, nil
}

// numbers reads a list of positive numbers: nil where nothing was said, empty for
// "none".
func numbers(of, text string) ([]int, error) {
	switch text {
	case "":
		return nil, nil
	case "none":
		return []int{}, nil
	}
	var list []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number of %s", word, of)
		}
		list = append(list, n)
	}
	return list, nil
}
