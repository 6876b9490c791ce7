package main

import (
	"bytes"
	"strconv"
	"strings"
)

// application is one workload; apps/app.php has its PHP side.
type application struct {
	name, about string
	conns       []int // numbers of connections that say something about it
	rates       []int // constant rates, in requests per second
	post        int   // bytes of the request's body; 0 makes it a GET
	slowEvery   int   // each so many-th request asks for /slow; 0: none
	path        string
	answer      string // the body of every response, or only what it has, if folder is set
	folder      string // its own root, with an index.php; "": apps
	host        string // of the request; "": where the server listens
}

// root is the folder with the application's index.php.
func (a application) root(e *environment) string {
	if a.folder != "" {
		return a.folder
	}
	return e.apps
}

// right says whether a response may have this body.
func (a application) right(body []byte) bool {
	if a.folder != "" {
		return bytes.Contains(body, []byte(a.answer))
	}
	return string(body) == a.answer
}

const greeting = "Hello, world!"

// maxBody is the size of the largest body sent.
const maxBody = 1 << 20

var applications = []application{
	{name: "hello", about: "13 bytes out.", answer: greeting, conns: []int{1, 8, 64, 256}, rates: []int{500, 2000}},
	{name: "boot", about: "20 ms of CPU at the start, 1 ms in each request.", answer: greeting, conns: []int{8, 64}, rates: []int{50}},
	{name: "out", about: "An answer of 100 KB.", answer: strings.Repeat("0123456789", 10_240), conns: []int{8}},
	{name: "in", about: "A body of 1 MB.", post: maxBody, answer: strconv.Itoa(maxBody), conns: []int{8}},
	{name: "wait", about: "50 ms of waiting, as for a database.", answer: greeting, conns: []int{8, 64}, rates: []int{20}},
	{name: "mix", about: "99 requests of 0.2 ms of CPU, then one of 50 ms.", answer: greeting, slowEvery: 100, conns: []int{8, 64}, rates: []int{200}},
	{name: "symfony", about: "A page of Symfony 5.4: router, controller, events.", answer: "up", path: "up", conns: []int{8, 64}},
	{name: "laravel", about: "A page of Laravel 8: router, global middleware.", answer: "up", path: "up", conns: []int{8, 64}},
	{name: wordpress, about: "The front page of the WordPress that BENCH_WORDPRESS names.", answer: "Hello world!", host: "www.example", conns: []int{2, 8}},
	{name: "static", about: "A file of 13 bytes, which no PHP sees.", answer: greeting, path: "static.txt", conns: []int{8, 64}},
}

// wordpress is there only where somebody has installed it.
const wordpress = "wordpress"

func names(list []application) []string {
	var all []string
	for _, a := range list {
		all = append(all, a.name)
	}
	return all
}

// connections are the numbers of connections to measure this application with.
func (p plan) connections(a application, ini string) []int {
	switch {
	case p.conns != nil:
		return p.conns
	case ini == ownINI: // one number of each is enough for a second table
		if len(a.conns) == 1 {
			return a.conns
		}
		return []int{64}
	}
	return a.conns
}

// constantRates are the requests per second to measure this application with.
func (p plan) constantRates(a application, ini string) []int {
	switch {
	case p.rates != nil:
		return p.rates
	case ini == ownINI:
		return nil
	}
	return a.rates
}
