# make        builds everything into build/          make check   everything that must hold
# make demo   the main job on a real example         make bench   beside workerd, in one run
# make wpt    web-platform-tests (WPT=checkout)      make format, make fuzz, make clean
# make vm     protection keys and cgroup v2, emulated
#
# Whatever is missing is installed first: Debian packages by tools/deps.sh, npm packages by their lock file.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

BUILD    ?= build
VARIANT  ?=
CC       := gcc
CSTD     := -std=gnu17 -D_GNU_SOURCE
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
HARDEN   := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIC -fvisibility=hidden
CFLAGS   := -O2 -g $(HARDEN)
LDFLAGS  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

# The sanitized variant: make VARIANT=asan
ifeq ($(VARIANT),asan)
  BUILD   := build/asan
  CFLAGS  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -fPIC
  LDFLAGS := -pie -fsanitize=address,undefined
endif

O := $(BUILD)/obj
ESBUILD := node_modules/.bin/esbuild

# --- Dependencies ------------------------------------------------------------------------------------------------------

DEPS := build/.deps
ifneq ($(MAKECMDGOALS),clean)
  ifneq ($(shell tools/deps.sh --check && echo ok),ok)
    $(shell tools/deps.sh 1>&2)
  endif
endif

JSC_CFLAGS = $(shell pkg-config --cflags javascriptcoregtk-4.1 glib-2.0)
JSC_LIBS   = $(shell pkg-config --libs javascriptcoregtk-4.1 glib-2.0)
CELL_LIBS  = $(JSC_LIBS) $(shell pkg-config --libs libcrypto zlib libbrotlienc libbrotlidec) -lwslay
UV_LIBS    = $(shell pkg-config --libs libuv)
HOST_LIBS  = $(UV_LIBS) $(shell pkg-config --libs jansson)
EGRESS_LIBS = $(HOST_LIBS) $(shell pkg-config --libs libcurl libcares libseccomp libssl libcrypto zlib libbrotlidec libzstd) -lwslay

# llhttp: Debian 13 has it as a library; Debian 12 ships the generated C in node-llhttp.
LLHTTP_DIR := /usr/share/llhttp
ifeq ($(shell pkg-config --exists libllhttp && echo ok),ok)
  LLHTTP_CFLAGS := $(shell pkg-config --cflags libllhttp)
  HOST_LIBS += $(shell pkg-config --libs libllhttp)
else
  LLHTTP_CFLAGS := -I/usr/share/include/llhttp
  LLHTTP_OBJ := $(O)/llhttp/api.o $(O)/llhttp/http.o $(O)/llhttp/llhttp.o
endif

# --- What is built -----------------------------------------------------------------------------------------------------

BASE_OBJ := $(patsubst src/%.c,$(O)/%.o,$(wildcard src/base/*.c))
CELL_OBJ := $(patsubst src/%.c,$(O)/%.o,$(wildcard src/cell/*.c))
EGRESS_OBJ := $(patsubst src/%.c,$(O)/%.o,$(wildcard src/host/egress_*.c))
HOST_OBJ := $(filter-out $(EGRESS_OBJ),$(patsubst src/%.c,$(O)/%.o,$(wildcard src/host/*.c))) $(O)/host/egress_address.o $(LLHTTP_OBJ)
LIB_OBJ  := $(patsubst %,$(O)/host/%.o,channel confinement generations json_text cgroups launch outbound paths police pool zygote) \
            $(patsubst src/%.c,$(O)/%.o,$(wildcard src/host/library*.c)) $(BASE_OBJ)
RUNTIME_TS := $(shell find runtime -name '*.ts')

all: $(BUILD)/mayfly $(BUILD)/mayfly-cell $(BUILD)/mayfly-egress $(BUILD)/libmayfly.a $(BUILD)/libmayfly.so $(BUILD)/embed

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

BUNDLE := $(ESBUILD) --bundle --platform=neutral --target=es2023 --main-fields=module,main --minify-syntax \
          --minify-whitespace --log-level=warning

# The full tables of URL hosts and encodings are large, and hardly ever needed: these files load them when they are.
ALIASES := --alias:tr46=./runtime/web/idna.ts \
           --alias:@exodus/bytes/whatwg.js=./runtime/web/percent-encode.ts \
           --alias:@exodus/bytes/encoding.js=./runtime/web/percent-encode.ts

# The runtime is one function of the natives' object; see runtime/main.ts.
build/runtime.js: $(RUNTIME_TS) node_modules/.package-lock.json
	@mkdir -p build
	@echo "  TS   $@"
	@$(BUNDLE) $(ALIASES) runtime/main.ts --format=iife '--banner:js=(function(__native){"use strict";' '--footer:js=})' --outfile=$@

# Parts of the runtime that few workers need: bundles of their own, which share what runtime/parts.ts names. Each file by
# its name: esbuild reads ../web/* from where it runs as well, which is everything in a checkout whose folder is named web.
SHARED     := $(patsubst runtime/%.ts,%,$(wildcard runtime/web/*.ts)) modules/record modules/synthetic channel context http rpc/encoder rpc/hook \
              rpc/members rpc/stubs async/main node/main nodestream/main
PARTS      := async caches capnweb compression encodings eventsource idna messages node nodestream rewriter scheduled scope services subtle tails typescript urlpattern websocket
REWRITER_WASM := node_modules/html-rewriter-wasm/dist/html_rewriter_bg.wasm
PART_FILES := $(PARTS:%=build/parts/%.js)
PART_FLAGS_capnweb   := --conditions=workerd \
                        --alias:cloudflare:workers=./runtime/capnweb/workers.ts
PART_FLAGS_encodings := --alias:@exodus/bytes/encoding.js=./runtime/web/percent-encode.ts
PART_FLAGS_rewriter  := --alias:html-rewriter-wasm=./build/rewriter/html_rewriter.cjs \
                        $(foreach module,assert util compiled,--alias:$(module)=./runtime/rewriter/node.cts)
build/parts/rewriter.js: build/rewriter/html_rewriter.cjs

# The package is one line of code, with what runtime/urlpattern/mends.sed says done otherwise.
PART_FLAGS_urlpattern := --alias:urlpattern-polyfill/urlpattern=./build/urlpattern.js
build/parts/urlpattern.js: build/urlpattern.js
build/urlpattern.js: runtime/urlpattern/mends.sed node_modules/.package-lock.json
	@mkdir -p build
	@sed -f $< node_modules/urlpattern-polyfill/dist/urlpattern.js >$@

# Names its modules so that no bundler sees them, and reads its bytes from a file; here both are known when it is built.
build/rewriter/html_rewriter.cjs: node_modules/.package-lock.json
	@mkdir -p build/rewriter
	@cp node_modules/html-rewriter-wasm/dist/asyncify.js build/rewriter/asyncify.cjs
	@sed -e 's/String.raw`\([^`]*\)`/"\1"/' -e "s/asyncify.js/asyncify.cjs/" -e '/html_rewriter_bg.wasm/d' -e '/readFileSync/d' \
	  -e 's/new WebAssembly.Module(bytes)/require("compiled").compile()/' \
	  node_modules/html-rewriter-wasm/dist/html_rewriter.js >$@

# unenv's modules import each other by Node's names; where ours replace them, ours.
PART_FLAGS_node := $(foreach m,buffer crypto events module process timers util,--alias:node:$(m)=./runtime/node/$(m).ts) \
  --alias:node:timers/promises=./runtime/node/timers-promises.ts --alias:node:util/types=./runtime/node/util-types.ts \
  --alias:node:async_hooks=./runtime/node/async-resource.ts \
  $(foreach m,dns/promises fs/promises net path querystring readline/promises stream stream/promises tty zlib, \
    --alias:node:$(m)=unenv/node/$(m))
# unenv's Buffer and EventEmitter, with what these scripts say done otherwise.
NODE_MENDED := $(patsubst %,build/node/%.mjs,buffer events)
PART_FLAGS_node += $(foreach m,buffer events,--alias:unenv/node/internal/$(m)/$(m)=./build/node/$(m).mjs)
build/parts/node.js: $(NODE_MENDED)
$(NODE_MENDED): build/node/%.mjs: runtime/node/mends-%.sed node_modules/.package-lock.json
	@mkdir -p build/node
	@sed -f $< node_modules/unenv/dist/runtime/node/internal/$*/$*.mjs >$@

# readable-stream asks for packages that stand for Node's modules; ours are there.
PART_FLAGS_nodestream := $(foreach m,buffer events abort-controller,--alias:$(m)=./runtime/nodestream/shim-$(m).ts) \
  --alias:string_decoder=./runtime/nodestream/shim-string-decoder.ts --alias:process=./runtime/nodestream/shim-process.ts
build/parts/%.js: $(RUNTIME_TS) node_modules/.package-lock.json
	@mkdir -p build/parts
	@echo "  TS   $@"
	@$(BUNDLE) $(PART_FLAGS_$*) runtime/$*/main.ts --format=cjs $(SHARED:%=--external:../%) \
	  '--banner:js=(function(require,module,exports){"use strict";' '--footer:js=})' --outfile=$@

# The worker that reads configuration files; see src/host/config.c.
build/config.js: $(wildcard runtime/config/*.ts) runtime/scheduled/cron.ts node_modules/.package-lock.json
	@mkdir -p build
	@echo "  TS   $@"
	@$(BUNDLE) runtime/config/main.ts --format=esm --outfile=$@

# The worker behind mayfly mcp; see src/host/mcp.c.
build/mcp.js: $(shell find sdk -name '*.ts') node_modules/.package-lock.json
	@mkdir -p build
	@echo "  TS   $@"
	@$(BUNDLE) sdk/mcp/main.ts --format=esm '--external:cloudflare:*' '--external:mayfly:*' --outfile=$@

# The worker behind mayfly types; see src/host/types.c.
build/types.js: $(shell find sdk -name '*.ts') node_modules/.package-lock.json
	@mkdir -p build
	@echo "  TS   $@"
	@$(BUNDLE) sdk/entrypoints/main.ts --format=esm --outfile=$@

$(O)/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(CSTD) $(WARN) $(CFLAGS) $(EXTRA_CFLAGS) -Isrc -Iinclude -MMD -MP -c $< -o $@

$(O)/llhttp/%.o: $(LLHTTP_DIR)/%.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(CFLAGS) -DLLHTTP_STRICT_MODE=1 $(LLHTTP_CFLAGS) -c $< -o $@

$(O)/cell/engine_jsc.o: EXTRA_CFLAGS = $(JSC_CFLAGS)
# They must call nothing (tools/check-layers.sh): neither for a canary, nor for a loop that looks like memset.
$(O)/cell/holder.o $(O)/cell/fold.o: EXTRA_CFLAGS = -fno-stack-protector -fno-tree-loop-distribute-patterns
$(O)/cell/runtime_blob.o: EXTRA_CFLAGS = -DRUNTIME_FILE='"build/runtime.js"'
$(O)/cell/runtime_blob.o: build/runtime.js
$(O)/cell/parts.o: EXTRA_CFLAGS = -DPARTS_DIR='"build/parts/"' -DREWRITER_WASM='"$(REWRITER_WASM)"'
$(O)/cell/parts.o: $(PART_FILES)
$(O)/host/config_blob.o: EXTRA_CFLAGS = -DCONFIG_FILE='"build/config.js"'
$(O)/host/config_blob.o: build/config.js
$(O)/host/mcp_blob.o: EXTRA_CFLAGS = -DMCP_FILE='"build/mcp.js"'
$(O)/host/mcp_blob.o: build/mcp.js
$(O)/host/types_blob.o: EXTRA_CFLAGS = -DTYPES_FILE='"build/types.js"'
$(O)/host/types_blob.o: build/types.js
$(O)/host/ingres%.o $(O)/host/egress_upgrade.o: EXTRA_CFLAGS = $(LLHTTP_CFLAGS)

$(BUILD)/mayfly-cell: $(CELL_OBJ) $(BASE_OBJ)
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) $^ -o $@ $(CELL_LIBS) -lm

$(BUILD)/mayfly: $(HOST_OBJ) $(BASE_OBJ)
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) $^ -o $@ $(HOST_LIBS) $(shell pkg-config --libs libseccomp libmd)

$(BUILD)/mayfly-egress: $(EGRESS_OBJ) $(O)/host/call_filter.o $(O)/host/channel.o $(O)/host/loop.o $(LLHTTP_OBJ) $(BASE_OBJ)
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) $^ -o $@ $(EGRESS_LIBS)

# One object inside, so that only what mayfly.h declares is visible outside.
$(BUILD)/libmayfly.a: $(LIB_OBJ)
	@echo "  AR   $@"
	@rm -f $@ && $(LD) -r $^ -o $(O)/libmayfly.o && objcopy --localize-hidden $(O)/libmayfly.o && \
	  ar rcs $@ $(O)/libmayfly.o

$(BUILD)/libmayfly.so: $(LIB_OBJ)
	@echo "  LINK $@"
	@$(CC) $(filter -fsanitize%,$(CFLAGS)) -shared -Wl,--as-needed -Wl,-soname,libmayfly.so.0 $^ -o $@.0 $(UV_LIBS) && \
	  ln -sf libmayfly.so.0 $@

$(BUILD)/embed: examples/embed.c $(BUILD)/libmayfly.a
	@echo "  LINK $@"
	@$(CC) $(CSTD) $(WARN) $(CFLAGS) $(LDFLAGS) -Iinclude $^ -o $@ $(UV_LIBS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)

$(BUILD)/bench-client: bench/client.c
	@echo "  LINK $@"
	@$(CC) $(CSTD) $(WARN) -O2 $< -o $@

# --- Tests ------------------------------------------------------------------------------------------------------------

# Each tests/test_NAME.c is a program of its own, linked with what it tests.
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c)) $(BUILD)/tests/hostile_cell

TEST_OBJ_test_base            := $(BASE_OBJ)
TEST_OBJ_test_ingress         := $(filter $(O)/host/ingress%,$(HOST_OBJ)) $(LLHTTP_OBJ) $(BASE_OBJ)
TEST_OBJ_test_ingress_hostile := $(TEST_OBJ_test_ingress)
TEST_OBJ_test_module_scan     := $(filter $(O)/cell/module_%,$(CELL_OBJ)) $(BASE_OBJ)
TEST_OBJ_test_library         := $(LIB_OBJ)
TEST_OBJ_test_library_hostile := $(LIB_OBJ)
TEST_OBJ_test_capability      := $(LIB_OBJ)
TEST_OBJ_test_json_text       := $(O)/host/json_text.o $(BASE_OBJ)
TEST_OBJ_test_config          := $(LIB_OBJ) $(O)/host/config.o $(O)/host/config_blob.o $(O)/host/limits.o
TEST_OBJ_hostile_cell         := $(BASE_OBJ)
TEST_OBJ_test_escape          := $(LIB_OBJ)
TEST_OBJ_test_supervisor_jail := $(patsubst %,$(O)/host/%.o,call_filter cgroups launch supervisor_jail) $(BASE_OBJ)
TEST_LIBS_test_supervisor_jail := -lseccomp
TEST_OBJ_test_pkey            := $(O)/cell/pkey.o
TEST_OBJ_test_syscalls        := $(O)/cell/syscalls.o
EGRESS_PURE                   := egress_address egress_decode egress_escape egress_frames egress_needles egress_policy egress_scrub egress_secrets egress_url
TEST_OBJ_test_egress          := $(patsubst %,$(O)/host/%.o,$(EGRESS_PURE)) $(BASE_OBJ)
TEST_LIBS_test_egress         := $(EGRESS_LIBS)

.SECONDEXPANSION:
$(BUILD)/tests/%: tests/%.c $(wildcard tests/*.h include/*.h src/base/*.h) $$(TEST_OBJ_$$*)
	@mkdir -p $(@D)
	@echo "  TEST $@"
	@$(CC) $(CSTD) $(WARN) $(CFLAGS) $(LLHTTP_CFLAGS) -I. -Isrc -Iinclude -Itests $(LDFLAGS) $< $(TEST_OBJ_$*) -o $@ \
	  $(HOST_LIBS) $(TEST_LIBS_$*) -lpthread

# Cells with what tests/NAME/*.c puts in the place of some functions. escape: probe.c stands before the engine, and tries what
# the name says. tap: keeps every byte of its socket (tests/behaviour/secrets.mjs). cost: tells what it compiles.
comma := ,
WRAPS_escape := engine_call jail_zygote
WRAPS_tap    := recv recvmsg send
WRAPS_cost   := engine_new close_range

$(O)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	@$(CC) $(CSTD) $(WARN) $(CFLAGS) -I. -Isrc -MMD -MP -c $< -o $@

.PRECIOUS: $(O)/tests/%.o

$(BUILD)/tests/%-cell: $(CELL_OBJ) $(BASE_OBJ) $$(addprefix $(O)/,$$(addsuffix .o,$$(basename $$(wildcard tests/$$*/*.c))))
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $(LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(WRAPS_$*)) $^ -o $@ $(CELL_LIBS) -lm

tests: all $(TESTS) $(patsubst %,$(BUILD)/tests/%-cell,escape tap cost)

# Fuzzers are built by clang with its own objects, straight from the sources they need.
FUZZ_CC  := clang $(CSTD) -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Isrc -Iinclude
FUZZERS  := $(patsubst fuzz/%.c,build/fuzz/%,$(wildcard fuzz/fuzz_*.c))
FUZZ_SRC_fuzz_frame       := src/base/frame.c src/base/buf.c
FUZZ_SRC_fuzz_json_text   := src/host/json_text.c src/base/buf.c
FUZZ_SRC_fuzz_module_scan := $(wildcard src/cell/module_*.c)
FUZZ_SRC_fuzz_ingress     := $(wildcard src/host/ingress*.c) src/base/buf.c $(wildcard $(LLHTTP_DIR)/*.c)

FUZZ_SRC_fuzz_egress      := $(patsubst %,src/host/%.c,$(EGRESS_PURE)) src/base/buf.c
FUZZ_LIBS_fuzz_egress     := $(EGRESS_LIBS)

build/fuzz/%: fuzz/%.c $$(FUZZ_SRC_$$*)
	@mkdir -p $(@D)
	@echo "  FUZZ $@"
	@$(FUZZ_CC) -DLLHTTP_STRICT_MODE=1 $(LLHTTP_CFLAGS) $< $(FUZZ_SRC_$*) -o $@ $(HOST_LIBS) $(FUZZ_LIBS_$*)

fuzzers: $(FUZZERS)

# What tests/packages runs; installed for it alone.
tests/packages/node_modules/.package-lock.json: tests/packages/package-lock.json
	npm ci --prefix tests/packages --no-audit --no-fund --loglevel=error --ignore-scripts
	@touch $@

# Each fuzzer for FUZZ_SECONDS, on a corpus that it keeps.
FUZZ_SECONDS ?= 600
fuzz: all fuzzers
	@for f in $(FUZZERS); do mkdir -p build/corpus/$$(basename $$f); \
	  $$f -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -print_final_stats=1 build/corpus/$$(basename $$f) || exit 1; done
	@node tests/rpc/run.mjs $(FUZZ_SECONDS)

# What tests and benchmarks feed on: published packages, and one file of a package that is too large to install.
PEERS     := build/peers/node_modules/.package-lock.json
DOCUMENTS := build/documents/github.json

$(PEERS): tests/peers/package.json tests/peers/package-lock.json
	@mkdir -p build/peers && cp $^ build/peers/
	cd build/peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@# inspector-cli looks for its package.json one folder too high.
	@cp build/peers/node_modules/@modelcontextprotocol/inspector-cli/package.json build/peers/node_modules/@modelcontextprotocol/
	@touch $@

# The packages of the example, as its users install them.
CODEMODE := build/codemode-packages/node_modules/.package-lock.json
$(CODEMODE): examples/codemode/package.json examples/codemode/package-lock.json
	@mkdir -p build/codemode-packages && cp $^ build/codemode-packages/
	cd build/codemode-packages && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(DOCUMENTS):
	@mkdir -p build/documents
	cd build/documents && npm pack --silent @octokit/openapi@23.0.2 && \
	  tar -xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json && rm octokit-openapi-23.0.2.tgz && \
	  mv package/generated/api.github.com.json github.json && rm -r package

peers: $(PEERS) $(DOCUMENTS) $(CODEMODE)

# --- What is run -------------------------------------------------------------------------------------------------------

demo: all
	@node tools/demo.mjs

check: all tests fuzzers peers tests/packages/node_modules/.package-lock.json
	@$(MAKE) --no-print-directory VARIANT=asan tests
	@tools/check.sh

# An emulated machine, for what this one lacks; see tools/vm.sh.
vm: all tests
	@tools/vm.sh

# web-platform-tests inside dynamic workers: WPT=path/to/a/checkout make wpt
wpt: all
	@node tests/wpt/run.mjs $(WPT_ARGS)

# The peer is installed for the benchmark alone: its lock file would want packages of other systems.
WORKERD_VERSION := 1.20261117.1
build/peer/node_modules/.bin/workerd:
	npm install --prefix build/peer --no-audit --no-fund --loglevel=error workerd@$(WORKERD_VERSION)

# Other sandboxes, for the rows "peers". isolated-vm has no binary for every Node: it is built with the headers at hand, and its row
# says so where that fails.
BENCH_PEERS := build/bench-peers/node_modules/.package-lock.json
$(BENCH_PEERS): bench/peers/package.json bench/peers/package-lock.json
	@mkdir -p build/bench-peers && cp $^ build/bench-peers/
	@tools/deps.sh --peers
	cd build/bench-peers && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	-cd build/bench-peers && $(if $(wildcard /usr/include/node/node.h),npm_config_nodedir=/usr) npm rebuild isolated-vm --loglevel=error
	@touch $@

bench: all $(BUILD)/bench-client $(CODEMODE) build/peer/node_modules/.bin/workerd $(if $(findstring peers,$(BENCH_ARGS)),$(BENCH_PEERS))
	@WORKERD=$${WORKERD:-build/peer/node_modules/.bin/workerd} node bench/run.mjs $(BENCH_ARGS)

bench-tokens: peers node_modules/.package-lock.json
	@node bench/tokens.mjs

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

clean:
	rm -rf build

.PHONY: all peers tests fuzzers fuzz demo check vm wpt bench bench-tokens format clean
