/* The compiled filters, instruction by instruction, against tests/escape/filters.golden: whoever changes what cells may
   call changes that file too, for a reviewer to see. `build/tests/test_syscalls --print` prints what it should be. */
#include "cell/syscalls.h"
#include "tests/check.h"
#include <stdlib.h>

#define GOLDEN "tests/escape/filters.golden"

static char text[65536];

static void put_filter(const char *name, const struct sock_filter *code, size_t len) {
    size_t at = strlen(text);
    at += (size_t)snprintf(text + at, sizeof text - at, "%s\n", name);
    for (size_t i = 0; i < len; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%4zu %04x %3u %3u %08x\n", i, code[i].code, code[i].jt,
                               code[i].jf, code[i].k);
    }
}

static void put_all(void) {
    static struct sock_filter code[SYSCALLS_FILTER_MAX];
    static const struct {
        const char *name;
        enum syscall_caller caller;
    } seals[] = {{"a cell", CALLER_CELL}, {"a cell with WebAssembly", CALLER_THREADS}, {"a host worker's cell", CALLER_HOST},
                 {"a holder", CALLER_HOLDER}};
    text[0] = 0;
    for (int is_jitless = 0; is_jitless < 2; is_jitless++) {
        const char *profile = is_jitless ? ", without JIT" : "";
        char name[80];
        snprintf(name, sizeof name, "wide%s", profile);
        put_filter(name, code, syscalls_compile_wide(is_jitless, code));
        for (size_t i = 0; i < sizeof seals / sizeof *seals; i++) {
            snprintf(name, sizeof name, "seal of %s%s", seals[i].name, profile);
            put_filter(name, code, syscalls_compile_seal(is_jitless, seals[i].caller, code));
        }
    }
}

TEST(filters_are_as_reviewed) {
#ifdef __x86_64__
    static char golden[sizeof text];
    FILE *file = fopen(GOLDEN, "r");
    EXPECT(file);
    golden[fread(golden, 1, sizeof golden - 1, file)] = 0;
    fclose(file);
    put_all();
    size_t same = 0, line = 1;
    for (; text[same] && text[same] == golden[same]; same++) line += text[same] == '\n';
    CHECK_OR_RETURN(text[same] == golden[same], "%s differs in line %zu", GOLDEN, line);
#else
    printf("# the golden filters are those of x86-64\n");
#endif
}

/* A seal is installed for each worker where its holder has none, at some 2 us an instruction. */
TEST(seals_are_short) {
    static struct sock_filter code[SYSCALLS_FILTER_MAX];
    EXPECT(syscalls_compile_seal(false, CALLER_CELL, code) <= 24);
    EXPECT(syscalls_compile_seal(true, CALLER_CELL, code) <= 24);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        put_all();
        fputs(text, stdout);
        return 0;
    }
    return check_main(argc, argv);
}
