/* Stands between the event loop and the engine in the cell binary of the escape tests (ld --wrap=engine_call). A worker
   whose env has PROBE is not run: instead, at the moment at which its code would begin, the named act is tried, and
   what came of it is the error with which the start fails. */
#include "cell/cell.h"
#include "tests/escape/escapes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int __real_engine_call(struct engine *engine, enum engine_handler handler, const struct engine_value *args, size_t n);
int __wrap_engine_call(struct engine *engine, enum engine_handler handler, const struct engine_value *args, size_t n);

static const struct {
    const char *name;
    const char *(*act)(void);
} acts[] = {
#define X(name, end) {#name, escape_##name},
    ESCAPES(X)
#undef X
};

/* Any number, with arguments that are wrong for all of them. */
static const char *call_number(const char *text) {
    syscall(strtol(text, NULL, 10), -1L, -1L, -1L, -1L, -1L, -1L);
    return NULL;
}

static const char *try_act(const char *name) {
    if (strncmp(name, "call ", 5) == 0) return call_number(name + 5);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (strcmp(acts[i].name, name) == 0) return acts[i].act();
    }
    return "no such act";
}

void __real_jail_zygote(int namespaces, bool is_jitless, int proc_fd);
void __wrap_jail_zygote(int namespaces, bool is_jitless, int proc_fd);

void *escape_writable_code_at;

void __wrap_jail_zygote(int namespaces, bool is_jitless, int proc_fd) {
    char line[512], access[5];
    unsigned long start, end;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || access[1] != 'w' || access[2] != 'x') continue;
        escape_writable_code_at = (void *)(end - 4096); /* where the engine has nothing yet */
    }
    if (maps) fclose(maps);
    __real_jail_zygote(namespaces, is_jitless, proc_fd);
}

static bool find_probe(const struct engine_value *head, char *out, size_t out_len) {
    static const char key[] = "\"PROBE\":\"";
    if (head->kind != ENGINE_JSON) return false;
    const char *at = memmem(head->data, head->len, key, sizeof key - 1);
    if (!at) return false;
    at += sizeof key - 1;
    size_t len = strcspn(at, "\"");
    if (len >= out_len) return false;
    memcpy(out, at, len);
    out[len] = 0;
    return true;
}

int __wrap_engine_call(struct engine *engine, enum engine_handler handler, const struct engine_value *args, size_t n) {
    char name[64], head[300];
    if (handler != ENGINE_ON_FRAME || n < 5 || args[1].number != FRAME_LOAD ||
        !find_probe(&args[4], name, sizeof name)) {
        return __real_engine_call(engine, handler, args, n);
    }
    int poison = 0;
    if (strcmp(name, "spin") == 0) escape_spin();
    if (strcmp(name, "grow") == 0) escape_grow();
    if (strncmp(name, "rested ", 7) == 0) { /* tells that of its rests, and goes on as the worker that it is */
        cell_send(&the_cell, 0, &(struct frame){.type = FRAME_RESTED}, name + 7, strlen(name + 7));
        return __real_engine_call(engine, handler, args, n);
    }
    if (sscanf(name, "rewind_poison %d", &poison) == 1) escape_poison((enum poison)poison); /* tells that itself, and ends */
    const char *gained = sscanf(name, "rewind_inspect %d", &poison) == 1 ? escape_inspect((enum poison)poison) : try_act(name);
    int len = snprintf(head, sizeof head, "{\"error\":{\"name\":\"Error\",\"message\":\"%s%s\"}}",
                       gained ? "escaped: " : "held", gained ? gained : "");
    cell_send(&the_cell, 0, &(struct frame){.type = FRAME_STARTED}, head, (size_t)len);
    return 0;
}
