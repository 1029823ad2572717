# Thin: CMake presets and the scripts under tools/ do the work.  `make` alone lists what there is.
#
#   PRESET=release|debug|asan|tsan|clang|coverage    for build
#   HTTP=127.0.0.1:3100 DATA=./lakehouse-data        for run
#   PREFIX=/usr/local DESTDIR=                       for install
#   FORCE=1                                          for test: run also what passed before on the same content
PRESET ?= release
PREFIX ?= /usr/local
HTTP ?= 127.0.0.1:3100
DATA ?= ./lakehouse-data

.DEFAULT_GOAL := help

run: ## install what is missing, build, make the demo lake once, serve on HTTP=127.0.0.1:3100
	@HTTP=$(HTTP) DATA=$(DATA) tools/run.sh

build: ## build/PRESET/bin/lakehouse
	@tools/build.sh $(PRESET)

test: ## install what is missing, build, run every test
	@FORCE=$(FORCE) tools/test/test.sh

test-fresh: ## make test and make run in a bare Debian 12 (root)
	@tools/fresh/fresh.sh

test-interop: ## the tests that read our output with other programs' clients
	@tools/test/test.sh interop

lint: ## layers, banned functions, lone headers, clang-tidy, clang-format, fault points, links
	@tools/lint/lint.sh

fmt: ## clang-format every C file in place
	@tools/lint/format.sh --fix

asan: ## the whole suite under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/test/test.sh asan

tsan: ## the unit tests, and a server that does everything at once, under ThreadSanitizer
	@tools/test/test.sh tsan

torture: ## power cuts, faults at every step, 100 kills
	@tools/test/torture.sh

torture-release: ## the same by thousands; the report goes to build/torture.md
	@tools/test/torture.sh release

fuzz: ## each fuzz target for SECONDS=60 with libFuzzer
	@tools/test/fuzz.sh $(SECONDS)

bench: ## every promised figure in one run, into bench/RESULTS.md
	@tools/bench.sh

coverage: ## lines and branches of src/ that the unit, HTTP and command-line tests reach
	@tools/test/coverage.sh

install: ## bin/lakehouse, lib/lakehouse/libduckdb.so and share/ under PREFIX
	@tools/build.sh release
	@DESTDIR=$(DESTDIR) cmake --install build/release --prefix $(PREFIX) --strip

clean: ## what was built; build/deps (DuckDB) and node_modules stay
	@find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

.PHONY: run build test test-fresh test-interop lint fmt asan tsan torture torture-release fuzz bench coverage install clean help
