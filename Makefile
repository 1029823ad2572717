# Thin: the work is done by CMake presets and by the scripts under tools/.
PRESET ?= release
PREFIX ?= /usr/local

.DEFAULT_GOAL := help

build: ## build/PRESET/bin/lakehouse (PRESET=release)
	@mkdir -p build
	@cmake --preset $(PRESET) >build/configure-$(PRESET).log 2>&1 || { cat build/configure-$(PRESET).log; exit 1; }
	@cmake --build --preset $(PRESET)

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: build help
