# make run    builds Caddy with php_worker and serves the example at http://localhost:8080
# make test   runs every test
# Both install what they need first: PHP from the system's packages, Go modules from the proxy.

GO ?= go
# One setting for everything that contains Caddy, which takes minutes to compile:
# the flags of xcaddy.toml. The tags leave out storage plugins nobody here uses.
export GOFLAGS := $(GOFLAGS) -trimpath -tags=nobadger,nomysql,nopgx
RUN_PHP := php
# The race detector needs a C compiler.
TEST_PHP := php php-cgi php-fpm gcc
# What the benchmark needs besides.
BENCH := nginx wrk

.PHONY: run test lint race php-test integration chaos fuzz fuzz-short bench bench-smoke setup-run setup-test clean

run: setup-run
	$(GO) run ./cmd/build -o caddy
	cd php/examples/demo && ../../../caddy run

test: setup-test lint php-test race integration fuzz-short bench-smoke

# Formatting and vet, for this system and for the others we build for.
lint:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "gofmt would change: $$out"; exit 1; }
	CGO_ENABLED=0 $(GO) vet ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) build ./goridge ./workerpool ./module/form ./module/httpctx
	GOOS=windows CGO_ENABLED=0 $(GO) build ./goridge ./workerpool ./module/form ./module/httpctx

# The rooms below Caddy's configuration, with the race detector.
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 15m ./goridge ./workerpool ./module/form ./module/httpctx
	CGO_ENABLED=0 $(GO) test -timeout 5m ./workerpool # also the tests of time, which have no race build
	CGO_ENABLED=0 $(GO) test -timeout 10m ./module ./module/listener ./caddyfile ./cmd/... ./integration/bench

php-test:
	php php/tests/run.php

# Real Caddy, real PHP, real sockets; what they run is no part of the package, so no result is kept.
integration:
	CGO_ENABLED=0 $(GO) test -count=1 -timeout 20m ./integration

# The chaos suite at its full size, with its table.
chaos: setup-test
	CHAOS=full CGO_ENABLED=0 $(GO) test -count=1 -v -timeout 30m -run TestChaos ./integration

# Ourselves beside our peers, on this machine; see docs/benchmarks/README.md.
bench: setup-test
	CGO_ENABLED=0 $(GO) run ./integration/bench -ini same,own -scale -out docs/benchmarks

# Does the benchmark still run, and does every server in it answer rightly?
bench-smoke: setup-test
	CGO_ENABLED=0 $(GO) run ./integration/bench -smoke

# Every fuzz target of the repository, FUZZTIME each: 10s for a change, 10m for a release.
FUZZTIME ?= 10s
fuzz:
	@for file in $$(grep -rl '^func Fuzz' --include='*_test.go' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$file); do \
			echo "$$target in $$(dirname $$file)"; \
			CGO_ENABLED=0 $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$(dirname $$file) || exit 1; \
		done; \
	done

# A little of each, counted: after a time Go may also report the end of the time as a failure.
fuzz-short:
	@$(MAKE) --no-print-directory fuzz FUZZTIME=1000x

setup-run:
	@./scripts/setup $(RUN_PHP)

setup-test:
	@./scripts/setup $(TEST_PHP) $(BENCH)

clean:
	rm -f caddy
