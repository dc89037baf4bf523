# The targets that people and CI use. `make` alone lists them.

GO ?= go
FUZZTIME ?= 1m
CHAOSTIME ?= 5m
PICTURE = github.com/charmbracelet/freeze@v0.2.2
LINTER = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0

.DEFAULT_GOAL := help
.PHONY: help run test check race chaos fuzz bench scale routing micro lint picture build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## three nodes in one process, with clients and workers; Ctrl-C ends it
	@bin/brokermesh demo

test: ## all tests
	$(GO) test ./...
	$(GO) test ./integration -plane=external

check: ## what must hold before a commit: format, vet, tidy modules
	@test -z "$$(gofmt -l .)" || { echo "gofmt wants to change:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) mod verify

race: ## all tests under the race detector
	$(GO) test -race ./...
	$(GO) test -race ./integration -plane=external

chaos: ## nodes, workers and servers killed and cut off at random for CHAOSTIME (default 5m) on each plane
	$(GO) test ./integration -run 'TestChaos|TestKilled.*Time' -v -chaos $(CHAOSTIME) -rounds 30 -timeout 60m
	$(GO) test ./integration -run 'TestChaos|TestKilled.*Time' -v -chaos $(CHAOSTIME) -rounds 30 -timeout 60m -plane=external

fuzz: ## every fuzz target for FUZZTIME (default 1m), and 10,000 histories of the core
	@for target in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for name in $$($(GO) test -list '^Fuzz' $$target | grep '^Fuzz'); do \
			echo "$$target $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$target || exit 1; \
		done; \
	done
	$(GO) test ./node/dispatch -run '^TestHistories$$' -rapid.checks 10000

bench: ## against plain NATS, side by side on this machine: three to four minutes
	@$(GO) run ./integration/bench

scale: ## a thousand clients, twelve nodes, and how long tasks wait: four minutes
	@$(GO) run ./integration/bench -mode cluster
	@$(GO) run ./integration/bench -mode nodes
	@$(GO) run ./integration/bench -mode wait -mean 50ms -for 30s -plot docs/wait.svg

routing: ## docs/routing.md: how long tasks wait in a hundred kinds of mesh, by policy; many minutes
	$(GO) run ./node/forecast/cells docs/routing.md

micro: ## all micro benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

lint: ## the linters of .golangci.yml (fetched on first use)
	$(GO) run $(LINTER) run

picture: ## docs/demo.svg: the live view of a demo, as it is after 13 seconds; docs/sim.svg: the README's forecast
	@mkdir -p bin
	$(GO) run ./cmd/brokermesh sim --nodes 4 --workers 50 --load 0.7 --hot 1.3 --service exp:100ms --tasks 100000 --kill 4@30s --policy default,none,peering3,queue-group,global --plot docs/sim.svg
	$(GO) run ./cmd/brokermesh demo --picture --kill 4s --for 13s > bin/demo.ansi
	$(GO) run $(PICTURE) --language ansi --window --padding 20 --border.radius 8 --font.size 14 --font.family monospace --output docs/demo.svg bin/demo.ansi

build: ## the static binary bin/brokermesh
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/brokermesh ./cmd/brokermesh

clean: ## remove what build made
	rm -rf bin
