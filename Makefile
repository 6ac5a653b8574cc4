# Every target sets up what it needs. The targets only call the CLI and the development tools.
RECIPE   ?= php/8.4
PLATFORM ?= provided.al2023
ARCH     ?= x86_64
LINE     ?= 8.4

.PHONY: layer example test test-fast check bench order clean

# If two makes run at once in this folder, one does the set-up while the other waits.
SETUP := $(shell command -v flock >/dev/null && echo flock .setup.lock) $(MAKE) -s --no-print-directory

CHOSEN := --platform $(PLATFORM) --arch $(ARCH) $(if $(TOOLCHAIN),--toolchain $(TOOLCHAIN))

# LAYER=shop builds that layer of layersmith.yaml, for its own platforms and architectures.
# `doctor --fix` installs a missing engine, and qemu for another ARCH, and says so first. `build` installs nothing.
layer:
	@$(SETUP) build/cli/main.js
	@node build/cli/main.js doctor --fix --quiet $(CHOSEN)
	@node build/cli/main.js build $(if $(LAYER),$(LAYER) $(if $(TOOLCHAIN),--toolchain $(TOOLCHAIN)),$(RECIPE) $(CHOSEN))

# Builds the layer, then packages two functions with a library and runs them on it, and a web application in each mode.
example: layer
	@layer="$$(node build/cli/main.js build $(RECIPE) $(CHOSEN))" && sh examples/hello/run.sh "$$layer" && sh examples/web/run.sh "$$layer"

test:
	@$(SETUP) build/cli/main.js
	@node build/cli/main.js doctor --fix --quiet
	@node build/cli/main.js doctor --fix --quiet --arch arm64
	@command -v gcc >/dev/null && command -v mmdebstrap >/dev/null && command -v readelf >/dev/null && command -v php >/dev/null && command -v gpg >/dev/null && python3 -m pip --version >/dev/null 2>&1 || { echo 'installing gcc, binutils, mmdebstrap, gnupg, php-cli and python3-pip with apt-get' >&2; apt-get update -qq; apt-get install -y -qq --no-install-recommends binutils debian-archive-keyring gcc gnupg libc6-dev mmdebstrap php-cli python3 python3-pip; }
	npx vitest run

# Runs the tests that need no root, engine, network or apt.
test-fast:
	@$(SETUP) node_modules/.package-lock.json
	npm run -s test-fast

check:
	@$(SETUP) node_modules/.package-lock.json
	@command -v shellcheck >/dev/null || { echo 'installing shellcheck with apt-get' >&2; apt-get update -qq; apt-get install -y -qq --no-install-recommends shellcheck; }
	npm run -s typecheck
	npm run -s lint
	npm run -s format
	npm run -s arrows
	npm run -s unused
	@$(SETUP) build/cli/main.js
	@$(SETUP) node_modules/.cache/runtimes.linted
	@$(SETUP) node_modules/.cache/sources.analyzed
	shellcheck -x scripts/*.sh toolchain/*.sh bench/*.sh examples/*/*.sh recipes/stage.sh recipes/patched.sh $(wildcard recipes/*/build.sh recipes/*/cross.site bench/recipes/*/build.sh test/conformance/recipes/*/build.sh)

# BENCH=runtime runs one part of the benchmarks; bench/bench.ts lists all parts.
bench:
	@$(SETUP) build/cli/main.js
	@command -v zip >/dev/null || { echo 'installing zip with apt-get' >&2; apt-get update -qq; apt-get install -y -qq --no-install-recommends zip; }
	npx tsc -p tsconfig.bench.json
	@node build/with-bench/bench/bench.js

# Writes recipes/php-lambda/LINE/sections.order: which parts of bin/php a start touches. To be repeated for a new PHP, and after
# changes of recipes/php-lambda/src; an old list does no harm.
order:
	@$(SETUP) build/cli/main.js
	@[ -e /usr/libexec/valgrind/lackey-amd64-linux ] || { echo 'installing valgrind with apt-get' >&2; apt-get update -qq; apt-get install -y -qq --no-install-recommends valgrind; }
	npx tsc -p tsconfig.bench.json
	@LINE=$(LINE) node build/with-bench/bench/order.js

clean:
	rm -rf build build.* dist node_modules test/other-php/node_modules

node_modules/.package-lock.json: package.json package-lock.json
	@echo 'npm ci: downloading the dependencies (about a minute)' >&2
	@npm ci --no-audit --no-fund
	@touch $@

# Linting takes half a minute, so it runs only when one of these files has changed.
node_modules/.cache/runtimes.linted: test/other-php/node_modules/.package-lock.json $(shell find runtimes src/runtime scripts/*lint* scripts/write-generated.mjs test/other-php/lint.mjs -type f)
	@command -v phpcs >/dev/null && command -v luac5.4 >/dev/null && command -v luacheck >/dev/null || { apt-get update -qq; apt-get install -y -qq --no-install-recommends lua-check lua5.4 php-cli php-codesniffer; }
	scripts/lint-runtimes.sh
	@mkdir -p $(@D)
	@touch $@

node_modules/.cache/sources.analyzed: scripts/analyze-c.sh $(wildcard recipes/php-lambda/src/*)
	@command -v gcc >/dev/null || { apt-get update -qq; apt-get install -y -qq --no-install-recommends gcc libc6-dev; }
	scripts/analyze-c.sh
	@mkdir -p $(@D)
	@touch $@

test/other-php/node_modules/.package-lock.json: test/other-php/package.json test/other-php/package-lock.json
	npm ci --prefix test/other-php --ignore-scripts --no-audit --no-fund
	@touch $@

# Compiled to build.new and moved into place, so that a running layersmith is not disturbed.
build/cli/main.js: node_modules/.package-lock.json tsconfig.build.json tsconfig.json $(shell find src -type f)
	@rm -rf build.new build.old
	@npx tsc -p tsconfig.build.json --outDir build.new
	@chmod +x build.new/cli/main.js
	@if [ -e build ]; then mv build build.old; fi
	@mv build.new build
	@rm -rf build.old
