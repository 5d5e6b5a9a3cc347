#!/bin/sh
# Proves what ARCHITECTURE.md says of the source: arrows point down only. host and cell include base and themselves,
# base includes nothing of ours, front ends of the library include the public header, and the engine stays in its file.
set -eu
cd "$(dirname "$0")/.."
failed=0

# forbid NAME PATTERN FILES...: no file may have a line like that.
forbid() {
    name=$1 pattern=$2
    shift 2
    if found=$(grep -nE "$pattern" "$@"); then
        printf 'not ok layers: %s\n%s\n' "$name" "$found"
        failed=1
    else
        echo "ok layers: $name"
    fi
}

forbid "base depends on nothing of ours" '#include "(host|cell)/|#include "mayfly.h"|#include <mayfly.h>' src/base/*.[ch]
forbid "cell knows base only" '#include "host/|#include [<"]mayfly.h' src/cell/*.[ch]
forbid "host knows base only" '#include "cell/' src/host/*.[ch]
forbid "the engine stays in its file" 'JavaScriptCore/|JSContextRef|JSValueRef|JSObjectRef' \
    $(ls src/*/*.[ch] include/*.h | grep -v engine_jsc.c)
forbid "mayfly run is built on mayfly.h" '#include "host/(channel|pool|zygote|loader|library)' src/host/run.c
forbid "the runtime knows nothing of what is around it" 'from "\.\./(src|sdk|tools|tests)' $(find runtime -name '*.ts')

forbid "the sdk knows nothing of the runtime's insides" 'from "(\.\./)+(src|runtime|tools|tests)' $(find sdk -name '*.ts')

# Between two cells a holder trusts no memory, and a folded cell's is not there, so this code may use no library (rewind_keep runs in
# the zygote, before).
for bare in holder fold; do
    [ -f build/obj/cell/$bare.o ] || continue
    if nm -u build/obj/cell/$bare.o | grep -v ' rewind_keep$'; then
        echo "not ok layers: $bare.c calls nothing"
        failed=1
    else
        echo "ok layers: $bare.c calls nothing"
    fi
done

# The supervisor's binary links no engine.
if [ -x build/mayfly ]; then
    if ldd build/mayfly | grep -qiE 'javascriptcore|libwebkit|libicu'; then
        echo "not ok layers: the supervisor links no engine"
        failed=1
    else
        echo "ok layers: the supervisor links no engine"
    fi
fi
exit $failed
