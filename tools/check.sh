#!/bin/bash
# make check: runs everything that must hold and counts it. Each case is a line `ok NAME` or `not ok NAME: why`; a step
# that ends badly without such a line counts as a failure of its own. `skipped NAME: why` is shown and counts as neither.
# Ends with `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
log=build/check.log # of the last run
: >"$log"
start=$SECONDS

# step NAME COMMAND...: runs it from the root; its lines go to the log, its failures and its sums are shown.
step() {
    local name=$1 began=$SECONDS out=build/check-step.$$.log
    shift
    "$@" >"$out" 2>&1
    local status=$?
    local passed failed
    passed=$(grep -c '^ok ' "$out")
    failed=$(grep -c '^not ok ' "$out")
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
        { echo "not ok $name: exit status $status"; tail -n 20 "$out" | sed 's/^/    /'; } >>"$out.more"
        cat "$out.more" >>"$out"
        rm -f "$out.more"
        failed=1
    fi
    if [ "$status" -eq 0 ] && [ "$passed" -eq 0 ] && ! grep '^skipped ' "$out"; then
        echo "ok $name" >>"$out"
        passed=1
    fi
    grep '^not ok ' "$out" | head -n 40
    [ "$failed" -gt 0 ] && grep -B 20 -A 20 '^not ok ' "$out" | grep '^[# ]' | head -n 60
    printf '%-44s %5d passed %3d failed %5d s\n' "$name" "$passed" "$failed" $((SECONDS - began))
    cat "$out" >>"$log"
    rm -f "$out"
}

fuzz() {
    mkdir -p "build/corpus/$1"
    "build/fuzz/$1" -max_total_time=10 -max_len=65536 -rss_limit_mb=4096 "build/corpus/$1"
}

# Tests of the C rooms, in a variant's directory.
rooms() {
    local build=$1
    export MAYFLY_CELL=$PWD/$build/mayfly-cell MAYFLY_EGRESS=$PWD/$build/mayfly-egress MAYFLY=$PWD/$build/mayfly
    for test in base json_text module_scan ingress ingress_hostile library library_hostile capability config egress commands; do
        step "$test ($2)" "$build/tests/test_$test"
    done
    unset MAYFLY_CELL MAYFLY_EGRESS MAYFLY
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1

step "layers" tools/check-layers.sh
step "types of the runtime" node_modules/.bin/tsc -p .
step "types of the sdk" node_modules/.bin/tsc -p sdk
step "types of node modules" node_modules/.bin/tsc -p runtime/node
for standard in "gcc -std=c99" "g++ -std=c++11 -x c++"; do
    step "mayfly.h as ${standard#* -std=}" $standard -pedantic -Wall -Wextra -Werror -fsyntax-only include/mayfly.h
done
rooms build plain
rooms build/asan sanitized
step "filters" build/tests/test_syscalls
step "protection keys" build/tests/test_pkey
step "the supervisor locked in" build/tests/test_supervisor_jail
step "escapes of native code" env MAYFLY_CELL="$PWD/build/tests/escape-cell" build/tests/test_escape
step "escapes of native code, without marks of writes" env WITHOUT_MARKS=1 MAYFLY_CELL="$PWD/build/tests/escape-cell" build/tests/test_escape nothing_is_left
step "escapes of JavaScript" node tests/escape/run.mjs
step "web platform, in cells" node tests/web/run.mjs
step "rpc messages, abused and fuzzed" node tests/rpc/run.mjs 50
step "behaviour" node tests/behaviour/run.mjs
step "abuse" node tests/abuse/run.mjs
step "what a fresh load costs" node tests/cost/run.mjs
step "capnweb in a browser" node tests/browser/run.mjs
step "npm packages, in cells" node tests/packages/run.mjs
step "codemode, as published" node tests/codemode/run.mjs
step "mayfly mcp" node tests/mcp/run.mjs
step "mayfly mcp, what it sends" node tests/mcp/network.mjs
step "mayfly mcp, servers it starts" node tests/mcp/servers.mjs
step "sdk: schemas" node tests/sdk/schemas.mjs
step "sdk: requests" node tests/sdk/requests.mjs
step "sdk: documents" node tests/sdk/documents.mjs
step "sdk: tokens" node tests/sdk/tokens.mjs
step "sdk: code as models write it" node tests/sdk/code.mjs
step "mayfly types" node tests/types/run.mjs
step "embed.c" build/embed
for fuzzer in frame json_text module_scan ingress egress; do
    step "fuzz $fuzzer, 10 s" fuzz "fuzz_$fuzzer"
done

echo "all of it stands in $log, and took $((SECONDS - start)) s"
passed=$(grep -c '^ok ' "$log")
failed=$(grep -c '^not ok ' "$log")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
