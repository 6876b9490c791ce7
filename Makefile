# make run    builds Caddy with php_worker and serves the example at http://localhost:8080
# make test   runs every test
# Both install what they need first: PHP from the system's packages, Go modules from the proxy.

GO ?= go
# One setting for everything that contains Caddy, which takes minutes to compile:
# the flags of xcaddy.toml. The tags leave out storage plugins nobody here uses. Nothing is described for debuggers, a
# sixth less work: what is built for users is stripped of it anyway. The compiler and the linker, and nobody else, use
# memory instead of time, a tenth less work; what they make is the same, and found again without this flag.
export GOFLAGS := $(GOFLAGS) -trimpath -tags=nobadger,nomysql,nopgx -gcflags=all=-dwarf=false '-toolexec=env GOGC=400'
# go test, which says what was skipped.
TEST = GO="$(GO)" $(NICE) ./scripts/gotest
# What neither is nor imports Caddy.
ROOMS_WITHOUT_CADDY := ./goridge ./workerpool/... ./module/classic ./module/exchange ./module/form ./module/httpctx ./module/migrate/... ./module/static
# Those of them that start no goroutine; the race detector sees their code in the tests of module/exchange.
ROOMS_WITHOUT_GOROUTINES := ./module/form ./module/httpctx
RACED := $(filter-out $(ROOMS_WITHOUT_GOROUTINES),$(ROOMS_WITHOUT_CADDY))
RUN_PHP := php
# The race detector needs a C compiler.
TEST_PHP := php php-cgi php-fpm gcc phpunit phpcs php-phpstan-phpdoc-parser
# The frameworks of php/examples, each run through Caddy by the integration tests, and what else of them these need.
FRAMEWORKS := php-symfony-framework-bundle php-symfony-runtime php-symfony-form php-symfony-validator php-laravel-framework php-slim php-nyholm-psr7
# Applications that classic mode serves beside nginx and php-fpm.
APPLICATIONS := php-mysql mariadb wordpress phpmyadmin
# What the benchmark needs besides.
BENCH := nginx wrk

.PHONY: run test docs lint vet cross race php-test integration chaos fuzz fuzz-short bench bench-smoke setup-run setup-test clean

run: setup-run
	$(GO) run ./cmd/build -o caddy
	cd php/examples/demo && ../../../caddy run

# First what everybody else needs, Caddy compiled for here, then three rows side by side: the integration tests, which
# often wait; what computes, and is nice, for it takes what the others leave; and two short ones. Within a row each step
# waits for the one before. What a step says comes when it ends, in one piece.
test: setup-test
	@$(MAKE) --no-print-directory vet
	@$(MAKE) --no-print-directory -j3 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) IN_ROWS=yes integration fuzz-short bench-smoke

ifdef IN_ROWS
fuzz-short: race
bench-smoke: php-test
race fuzz-short: NICE := nice -n 5
endif

lint: vet cross

# Formatting, and go vet of everything, for which Caddy is compiled.
vet:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt would change: $$out"; exit 1; }
	CGO_ENABLED=0 $(GO) vet ./...

# Whether everything still builds for the systems that nobody here has, with the tests of the rooms without Caddy;
# those of the pool signal processes, which Windows cannot do. A test of cmd/build checks the types of all that, in seconds. What is built is for nobody to run, so it is not
# optimised, a quarter less work, and vetted with the same flags, so that all is compiled once.
cross:
	GOOS=darwin CGO_ENABLED=0 nice -n 19 $(GO) vet $(UNOPTIMISED) $(ROOMS_WITHOUT_CADDY)
	GOOS=windows CGO_ENABLED=0 nice -n 19 $(GO) vet $(UNOPTIMISED) $$($(GO) list $(ROOMS_WITHOUT_CADDY) | grep -v '/workerpool$$')
	GOOS=darwin CGO_ENABLED=0 nice -n 19 $(GO) build $(UNOPTIMISED) $(PRODUCT)
	GOOS=windows CGO_ENABLED=0 nice -n 19 $(GO) build $(UNOPTIMISED) $(PRODUCT)

# All that a user builds: not the tests and the benchmark, which are for Linux.
PRODUCT := . ./goridge ./workerpool/... ./module/... ./caddyfile ./cmd/...
UNOPTIMISED := -gcflags='all=-N -l -dwarf=false'

# What has goroutines and not Caddy, with the race detector, and without it their tests that have no race build: those of
# time, of allocations, and the exploration. All else without it: what has none, and the rooms with Caddy, since Caddy
# would have to be compiled once more.
race:
	CGO_ENABLED=1 GOGC=400 $(TEST) -race -timeout 15m $(RACED)
	files=$$(grep -rl '^//go:build.*!race' --include='*_test.go' $(RACED:/...=)) && \
		names=$$(sed -nE 's/^func ((Test|Fuzz|Example)[A-Za-z0-9_]*)\(.*/\1/p' $$files | paste -s -d '|' -) && \
		CGO_ENABLED=0 $(TEST) -timeout 5m -run "^($${names:?})\$$" $$(dirname $$files | sort -u)
	CGO_ENABLED=0 $(TEST) -timeout 10m $(ROOMS_WITHOUT_GOROUTINES) ./module ./module/listener ./caddyfile ./cmd/... ./integration/bench

# The PHP package: its tests, and its coding standard.
php-test:
	phpunit -c php/phpunit.xml
	cd php && phpcs

# Real Caddy, real PHP, real sockets; what they run is no part of the package, so no result is kept.
integration:
	CGO_ENABLED=0 $(TEST) -count=1 -timeout 20m ./integration

# The chaos suite and the traffic checker at their full size, with their tables.
chaos: setup-test
	CHAOS=full CGO_ENABLED=0 $(GO) test -count=1 -v -timeout 45m -run 'TestChaos|TestTraffic' ./integration

# Ourselves beside our peers, on this machine; see docs/benchmarks/README.md.
bench: setup-test
	CGO_ENABLED=0 $(GO) run ./integration/bench -ini same,own -scale -out docs/benchmarks

# Does the benchmark still run, and does every server in it answer rightly?
bench-smoke: setup-test
	CGO_ENABLED=0 $(GO) run ./integration/bench -smoke

# The pages that are written from the code: docs/options.md, and the list of options in caddyfile/doc.go.
docs:
	CGO_ENABLED=0 $(GO) generate ./caddyfile

# Every fuzz target of the repository, FUZZTIME each: 10s for a change, 10m for a release. FUZZ_IN are the folders.
# What a run has found interesting, the next one begins with.
FUZZTIME ?= 10s
FUZZ_IN ?= .
FUZZ_BUILD := -fuzz .
fuzz:
	@program=$$(mktemp) && trap 'rm -f "$$program"' EXIT && trap 'exit 1' INT TERM && found=$$($(GO) env GOCACHE)/fuzz && \
	for folder in $$(grep -rl '^func Fuzz' --include='*_test.go' $(FUZZ_IN) | xargs -n 1 dirname | sort -u); do \
		CGO_ENABLED=0 $(GO) test -c $(FUZZ_BUILD) -o "$$program" $$folder || exit 1; \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$folder/*_test.go); do \
			echo "$$target in $$folder"; \
			(cd $$folder && "$$program" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) \
				-test.fuzzcachedir "$$found/$$($(GO) list)" -test.paniconexit0) || exit 1; \
		done; \
	done

# A little of each, counted: after a time Go may also report the end of the time as a failure. The fuzzer sees only the
# ways through our own code here: to see those through the libraries, too, all of Go and Caddy is compiled once more.
fuzz-short:
	@$(NICE) $(MAKE) --no-print-directory fuzz FUZZTIME=1000x FUZZ_BUILD="-gcflags=$$($(GO) list -m)/...=-d=libfuzzer"

setup-run:
	@./scripts/setup $(RUN_PHP)

setup-test:
	@./scripts/setup $(TEST_PHP) $(BENCH) $(FRAMEWORKS) $(APPLICATIONS)

clean:
	rm -f caddy
