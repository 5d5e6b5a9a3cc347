/* Parts of the runtime that few workers need (runtime/<part>/main.ts): each is a script of its own, which lies in the
   binary untouched until a cell asks for it. So a part costs the others neither memory nor time, not even in the
   zygote. Runs in cells. PARTS_DIR is where the build left them, REWRITER_WASM what an npm package ships; the assembler
   takes them in as they are. */
#include "cell/parts.h"
#include "base/macros.h"
#include <errno.h>
#include <string.h>

#define PARTS(X)                                                                                                       \
    X(async)                                                                                                           \
    X(caches)                                                                                                          \
    X(capnweb)                                                                                                         \
    X(compression)                                                                                                     \
    X(encodings)                                                                                                       \
    X(eventsource)                                                                                                     \
    X(idna)                                                                                                            \
    X(messages)                                                                                                        \
    X(nodestream)                                                                                                      \
    X(node)                                                                                                            \
    X(rewriter)                                                                                                        \
    X(scheduled)                                                                                                       \
    X(scope)                                                                                                           \
    X(services)                                                                                                        \
    X(subtle)                                                                                                          \
    X(tails)                                                                                                           \
    X(typescript)                                                                                                      \
    X(urlpattern)                                                                                                      \
    X(websocket)

#define BYTES(name, file)                                                                                              \
    __asm__(".section .rodata.parts,\"a\",@progbits\n"                                                                 \
            "part_" #name ": .incbin \"" file "\"\n"                                                                   \
            "part_" #name "_end: .byte 0\n"                                                                            \
            ".text\n");                                                                                                \
    extern const char part_##name[], part_##name##_end[];
#define PART_BYTES(name) BYTES(name, PARTS_DIR #name ".js")
PARTS(PART_BYTES)
BYTES(rewriter_wasm, REWRITER_WASM)

static const struct part {
    const char *name, *start, *end;
} parts[] = {
#define PART_ROW(name) {#name, part_##name, part_##name##_end},
    PARTS(PART_ROW)};

/* native.part(name): the value of the part's script, which is a function (see runtime/parts.ts), or the bytes of
   HTMLRewriter's WebAssembly. */
static int part(void *context, const struct engine_value *args, struct engine_value *ret, struct engine_error *error) {
    struct cell *c = context;
    if (args[0].kind == ENGINE_TEXT && strcmp(args[0].data, "rewriter.wasm") == 0) {
        *ret = (struct engine_value){.kind = ENGINE_BYTES,
                                     .data = part_rewriter_wasm,
                                     .len = (size_t)(part_rewriter_wasm_end - part_rewriter_wasm)};
        return 0;
    }
    for (size_t i = 0; args[0].kind == ENGINE_TEXT && i < COUNT_OF(parts); i++) {
        if (strcmp(args[0].data, parts[i].name) != 0) continue;
        struct engine_value source = {
            .kind = ENGINE_TEXT, .data = parts[i].start, .len = (size_t)(parts[i].end - parts[i].start)};
        return engine_evaluate(c->engine, &source, "mayfly:part", ret);
    }
    error->type = "TypeError";
    snprintf(error->message, sizeof error->message, "part: there is none of this name");
    return -EINVAL;
}

void cell_parts_add(struct cell *cell) {
    CHECK(engine_native_add(cell->engine, "part", part, cell) == 0);
}
