# make demo     sees it work; DATA=file.parquet (or .csv) sends a file of yours, KEEP=1 stays up until Ctrl-C
# make test     lints, and runs all tests but the largest
# make torture  lets everything go wrong at once, for as long as you like: SEEDS=200 FROM=1 AT_ONCE=4 LOGS=folder-for-what-failed
# make test-large  opens archives and messages of gigabytes with the usual programs, and delivers 5,000 objects: a quarter of an hour, 10 GB of disk; not part of test
# make bench    measures deliveries beside other programs, into bench/results.md: ROWS=5000000 RUNS=5 JOBS="parquet csv"
# make bench-parts  measures each stage alone, in the form that benchstat reads: RUNS=6
# make build    builds bin/worker and bin/starter
# make check    what a change must pass before it is shown: as test, without race detection, e2e and torture
# make lint     the linters alone

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

# Race detection costs three to ten times the time; the end-to-end tests are whole programs in processes of their own,
# where it would find nothing.
PACKAGES = $$(go list ./... | grep -v '^consign/e2e')

# Development servers and linters come from pinned modules below internal/devstack; built once into .tools.
tool = $$(go run ./internal/devstack/build $(1))

# What drives the browser that looks at Temporal's UI: npm writes this file last.
browser = e2e/ui/node_modules/.package-lock.json

.PHONY: build demo test test-large torture bench bench-parts check lint modules workflowcheck servers compiler vulnerabilities

build: compiler
	go build -o bin/ ./worker ./starter

demo: build
	bin/starter demo $(if $(DATA),--data "$(DATA)") $(if $(KEEP),--keep)

# The lines of go test come last. -count=1: a test that was not run proves nothing. More of e2e's tests at once than there may be
# processors: they wait for missed heartbeats and for hosts that are gone, for up to two minutes, and need none then.
# The worker's package comes first for the same reason: it waits until Temporal's SDK gives up, for two minutes. The starter's
# comes second because it takes the longest of the rest and starts programs one after the other.
test: compiler servers $(browser) lint modules workflowcheck
	go build -o bin/ ./worker ./starter
	go test -count=1 -race -timeout 20m ./worker ./starter $(PACKAGES)
	go test -count=1 -timeout 20m -parallel 4 ./e2e
	go test -count=1 -timeout 20m -parallel 6 ./e2e/torture -from 3 -seeds 20

torture: compiler servers
	go test -count=1 -timeout 24h -parallel $(or $(AT_ONCE),4) -v -run TestTorture ./e2e/torture -seeds $(or $(SEEDS),20) -from $(or $(FROM),1) -keep "$(LOGS)"

test-large:
	go test -count=1 -tags large -run 'Gibibytes|SixteenBits|FiveThousand' -timeout 60m ./internal/archive ./internal/encrypt ./e2e

bench: compiler servers
	go build -o bin/bench ./bench
	bin/bench -rows $(or $(ROWS),5000000) -runs $(or $(RUNS),5) -jobs "$(JOBS)" $(ARGS)

# For benchstat: go test keeps the benchmarks' names.
bench-parts: compiler
	go test -run '^$$' -bench . -count $(or $(RUNS),6) ./internal/source ./internal/render ./internal/archive ./internal/encrypt ./internal/upload

check: compiler lint modules workflowcheck
	go test -timeout 10m $(PACKAGES)

lint:
	go vet ./...
	lint=$(call tool,golangci-lint) && "$$lint" run ./...

# The modules of the tools are not part of ours, so the linter does not see them. With the tag that they are built with,
# their C is compiled once.
modules:
	for module in temporal temporal/sqlite minio; do (cd internal/devstack/$$module && go vet -tags sqlite_fts5 ./...); done
	cd internal/devstack/temporal/sqlite && go test -count=1 -tags sqlite_fts5 ./...

workflowcheck:
	check=$(call tool,workflowcheck) && "$$check" -test=false -config .workflowcheck.yaml ./workflows/...

# Asks the Go vulnerability database, so it needs the network, and its answer changes from day to day: not part of test.
vulnerabilities:
	check=$(call tool,govulncheck) && "$$check" ./...

servers:
	go run ./internal/devstack/build temporal minio > /dev/null

$(browser): e2e/ui/package-lock.json
	@command -v npm > /dev/null || { echo "npm is missing, for the test in a browser: apt-get install nodejs npm chromium" >&2; exit 1; }
	cd e2e/ui && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier

# The query engine is C++: without its standard library the link fails after minutes, with a message that helps nobody.
compiler:
	@command -v go > /dev/null || { echo "go is missing: https://go.dev/dl (1.26 or newer)" >&2; exit 1; }
	@probe=$$(mktemp) && trap 'rm -f "$$probe"' EXIT && \
	  echo 'int main(void) { return 0; }' | $${CC:-cc} -x c - -lstdc++ -o "$$probe" 2> /dev/null || \
	  { echo "a C compiler with the C++ standard library is missing: apt-get install g++ (Debian, Ubuntu), xcode-select --install (macOS)" >&2; exit 1; }
