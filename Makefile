# The front door: what a user types. The real build is meson's (meson.build).
#   make            builds build/freshet, and the console and the applications where there is Node
#   make run        installs what is missing, builds, starts the five applications and their hub
#   make test       installs what is missing, runs every test
#   make help       the rest

SHELL := /bin/bash
BUILD ?= build
PREFIX ?= /usr/local
PORT ?= 4000
NINJA := ninja
# A variable of the command line; one of the environment may mean something else.
given = $(if $(findstring command,$(origin $(1))),$($(1)))

all: build

build: $(BUILD)/build.ninja
	@$(NINJA) -C $(BUILD) $(if $(V),-v,--quiet)
	@tools/build-console $(BUILD)
	@tools/build-apps $(BUILD)

$(BUILD)/build.ninja:
	@tools/need build
	@meson setup $(BUILD) --prefix $(PREFIX) $(MESONFLAGS) > $(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

run:
	@tools/need run $(if $(call given,DB),postgresql)
	@$(MAKE) --no-print-directory build
	@APP='$(call given,APP)' DB='$(call given,DB)' tools/run-apps $(PORT)

test:
	@tools/need test
	@tools/test

check: test
	@tools/check

bench: build
	@tools/need bench
	@bench/run

install: build
	meson install -C $(BUILD)

uninstall:
	$(NINJA) -C $(BUILD) uninstall
	rm -rf $(DESTDIR)$(PREFIX)/share/freshet/console

clean:
	rm -rf $(BUILD) build-*

help:
	@sed -n 's/^#   //p' Makefile
	@echo "make check      everything in make test, and the long runs: mutants, fuzzing, soak"
	@echo "make bench      measures this hub beside a bare send loop and its peers"
	@echo "make install    installs under PREFIX (default /usr/local); make uninstall takes it back"
	@echo "make clean      removes what was built"
	@echo "Variables: PORT (4000), APP (all; trips, cockpit, rental, parking, crowd), DB (postgres, with APP=trips), PREFIX, BUILD (build), MESONFLAGS, V=1 to see the commands"

.PHONY: all build run test check bench install uninstall clean help
