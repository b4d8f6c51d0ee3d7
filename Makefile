# vodcurator. Every target works offline once the modules are there.

GO        ?= go
FUNCTIONS := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))
LINT      := $(GO) tool -modfile=.ci/tools/go.mod golangci-lint
LDFLAGS   := -s -w
# The race detector needs a C compiler; without one the tests still run.
RACE      := $(shell command -v gcc >/dev/null 2>&1 || command -v cc >/dev/null 2>&1 && echo -race)
MAX_MB    := 14
SCHEMA    := $(wildcard ../shared/reference/fc3.schema.json ../../shared/reference/fc3.schema.json ../../../shared/reference/fc3.schema.json)

.PHONY: help
help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: $(FUNCTIONS:%=functions/%/target/main) programs ## build the functions and the programs

# A function is built as Function Compute's go1 runtime takes it; functions/goflags says how small.
functions/%/target/main: FORCE
	@CGO_ENABLED=0 GOOS=linux GOARCH=amd64 GOFLAGS="$$GOFLAGS $$(grep -v '^#' functions/goflags)" $(GO) build -o $@ ./functions/$*
FORCE:

.PHONY: programs
programs:
	@mkdir -p .bin
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags='$(LDFLAGS)' -o .bin/ ./shared/cmd/...

.PHONY: install
install: ## install local and vodctl where Go puts programs
	@CGO_ENABLED=0 $(GO) install -trimpath -ldflags='$(LDFLAGS)' ./shared/cmd/...

.PHONY: run
run: build ## the main story on real media, no account needed; ends 0 or 1
	@.bin/local --once

.PHONY: up
up: build ## the local cloud, until stopped
	@.bin/local

.PHONY: test
test: build ## every test, shuffled, with the race detector where there is a C compiler
	@test -n "$(RACE)" || echo "no C compiler: the tests run without the race detector"
	@test "$$(uname)" = Linux || echo "not Linux: left out is TestAProcessOverItsMemoryIsKilled"
	@test -n "$(SCHEMA)" || echo "no shared/reference/fc3.schema.json above this folder: left out is TestTheComponentsSchema"
	@{ command -v chromium && ls testdata/browser/node_modules; } >/dev/null 2>&1 || echo "no chromium, or no npm ci in testdata/browser: left out are the console's tests in a browser"
	BUILT=$(filter linux/amd64,$(shell $(GO) env GOOS)/$(shell $(GO) env GOARCH)) $(GO) test $(RACE) -shuffle=on -timeout=10m ./...

.PHONY: check
check: tidy fmt vet lint deadcode vulns mutants-listed words sizes ## format, vet, lint, dead code, vulnerabilities, words, module file, binary sizes

.PHONY: tidy
tidy:
	@$(GO) mod tidy -diff

.PHONY: fmt
fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change: $$out"; exit 1; }

.PHONY: vet
vet:
	@$(GO) vet ./...

.PHONY: lint
lint:
	@$(LINT) run ./...

.PHONY: vulns
vulns: build
	@GO="$(GO)" .ci/vulns

.PHONY: deadcode
deadcode: ## functions that neither a program nor a test reaches
	@out=$$($(GO) tool -modfile=.ci/tools/go.mod deadcode -test ./...); test -z "$$out" || { echo "$$out"; exit 1; }

.PHONY: words
words: ## the vocabulary of what people read, and the length of the README
	@$(GO) run -C .ci/tools ./words ../..

# The rooms whose tests must notice 95 of 100 slips; each survivor has its reason
# in testdata/mutants.txt.
MUTATED   := ./shared/decide/editing ./shared/decide/tagging ./shared/decide/retention ./shared/decide/rule ./shared/decide/removal

.PHONY: mutants
mutants: ## do the tests of what decides notice a slip? every slip is tried
	$(GO) run -C .ci/tools ./mutate ../.. $(MUTATED)

.PHONY: mutants-listed
mutants-listed:
	@$(GO) run -C .ci/tools ./mutate -check ../.. $(MUTATED)

.PHONY: sizes
sizes: build ## how big each function is; fails above $(MAX_MB) MB
	@for f in $(FUNCTIONS); do \
	  bytes=$$(wc -c < functions/$$f/target/main); \
	  awk -v f=$$f -v b=$$bytes -v max=$(MAX_MB) 'BEGIN { printf "%-12s %5.1f MB\n", f, b/1e6; exit b > max*1e6 }' || exit 1; \
	done

.PHONY: bench
bench: ## the benchmarks whose ratios the README quotes
	$(GO) test -run='^$$' -bench=. -benchmem ./...

.PHONY: conformance
conformance: ## what the local cloud emulates, tried by the official clients, row by row, and the media probe by ffprobe; needs Node
	cd testdata/conformance && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	CONFORMANCE=1 $(GO) test -count=1 -v -timeout=15m ./shared/localcloud/conformance
	CONFORMANCE=1 $(GO) test -count=1 -v -timeout=15m -run=TestMatrix ./shared/localcloud/probe

.PHONY: soak
soak: build ## the long proofs: audit of metadata, a million random batches, 300 runs of 90 nights, 300 years of moves, 1,000 nights, every interleaving, 100,000 tagged
	SOAK=1 $(GO) test -v -run='TestAudit|TestRandomBatches|TestATrickle|TestSimulatedNights|TestSimulatedYears|TestEveryInterleaving|TestANightCosts|TestABackfillRuns|TestEventsByCallback|TestNoMessageKeeps|TestNoChangeIsLost|TestRememberedAssets|TestAFlood' -timeout=100m ./functions/... ./shared/act/... ./shared/cmd/... ./shared/decide/removal

# Each fuzz target of the local cloud is found by its name, so that none is forgotten.
FUZZTIME  := 60s
.PHONY: strangers
strangers: ## hostile requests to every face of the local cloud, a minute for each fuzz target; part of soak
	SOAK=1 $(GO) test -count=1 -v -run=TestHostile -timeout=60m ./shared/localcloud
	@set -e; grep -rHo 'func Fuzz[A-Za-z]*' --include='*_test.go' shared/localcloud | sed 's|/[^/]*:func | |' | while read -r dir name; do \
	  echo "$$dir $$name"; $(GO) test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -parallel=1 ./$$dir </dev/null; done
soak: strangers

.PHONY: deploy
deploy: build ## deploy to Function Compute with Serverless Devs; mistakes in rules or manifest stop it
	@test -z "$$RULES_FILE" || STATE="$${STATE:-oss://vodcurator-ACCOUNT/v1}" .bin/vodctl rules check "$$RULES_FILE"
	@.bin/vodctl setup --manifest s.yaml
	s deploy
