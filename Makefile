# Everything from a clean clone: `make demo` shows one real run, `make test` proves that all of it works.

.PHONY: help setup build demo docs test bench fuzz format lint clean

help: ## Says what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: ## Installs the Debian packages that are missing (root or sudo)
	@scripts/setup

build: setup ## Builds .build/release/martlet and its guest agent
	@scripts/build

demo: build ## Runs the real Claude Code in a microVM on a real package
	@scripts/demo

docs: build ## Writes the pages of the Swift libraries to .build/docs
	@scripts/docs

test: build ## Checks formatting, runs unit tests, then end-to-end tests in real microVMs
	@scripts/test

bench: build ## Measures what SPECIFICATION.md promises
	@scripts/bench

fuzz: ## Throws random bytes at the parsers, for a bounded number of runs
	@Tests/Fuzz/run

format: ## Formats all Swift code
	@swift format -i -r Sources Tests Package.swift

lint: ## Checks the formatting
	@swift format lint --strict -r Sources Tests Package.swift

clean: ## Removes what was built, templates included
	@rm -rf .build .martlet
