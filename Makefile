# make        builds everything into build/          make check   everything that must hold
# make demo   the main job on a real example         make bench   beside workerd, in one run
# make format, make fuzz, make clean
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
HARDEN   := -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIE -fvisibility=hidden
CFLAGS   := -O2 -g $(HARDEN)
LDFLAGS  := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

# The sanitized variant: make VARIANT=asan
ifeq ($(VARIANT),asan)
  BUILD   := build/asan
  CFLAGS  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -fPIE
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
HOST_LIBS  = $(shell pkg-config --libs libuv jansson) $(INGRESS_LIBS)

# --- What is built -----------------------------------------------------------------------------------------------------

BASE_OBJ := $(patsubst src/%.c,$(O)/%.o,$(wildcard src/base/*.c))
CELL_OBJ := $(patsubst src/%.c,$(O)/%.o,$(wildcard src/cell/*.c))
HOST_OBJ := $(patsubst src/%.c,$(O)/%.o,$(wildcard src/host/*.c))
RUNTIME_TS := $(shell find runtime -name '*.ts')

all: $(BUILD)/mayfly $(BUILD)/mayfly-cell

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The runtime is one function of the natives' object; see runtime/main.ts.
build/runtime.js: $(RUNTIME_TS) node_modules/.package-lock.json
	@mkdir -p build
	$(ESBUILD) runtime/main.ts --bundle --format=iife --platform=neutral --target=es2023 --main-fields=module,main \
	  --minify-syntax --minify-whitespace --charset=utf8 --log-level=warning \
	  '--banner:js=(function(__native){"use strict";' '--footer:js=})' --outfile=$@

$(O)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(WARN) $(CFLAGS) $(EXTRA_CFLAGS) -Isrc -Iinclude -MMD -MP -c $< -o $@

$(O)/cell/engine_jsc.o: EXTRA_CFLAGS = $(JSC_CFLAGS)
$(O)/cell/runtime_blob.o: EXTRA_CFLAGS = -DRUNTIME_FILE='"build/runtime.js"'
$(O)/cell/runtime_blob.o: build/runtime.js

$(BUILD)/mayfly-cell: $(CELL_OBJ) $(BASE_OBJ)
	$(CC) $(LDFLAGS) $^ -o $@ $(JSC_LIBS) -lm

$(BUILD)/mayfly: $(HOST_OBJ) $(BASE_OBJ)
	$(CC) $(LDFLAGS) $^ -o $@ $(HOST_LIBS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)

clean:
	rm -rf build

.PHONY: all clean
