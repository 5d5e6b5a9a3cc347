/* Part of `mayfly doctor`: what the engine's library is like. The library is loaded in a child that ends afterwards, so
   that this program links no engine. */
#include "base/engine_symbols.h"
#include "host/doctor.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIBRARY "libjavascriptcoregtk-4.1.so.0"
#define SECTION "engine"
#define PROBE_S 20
#define JIT_BYTES                                                                                                      \
    (16ul << 20) /* the JIT's region is far larger, everything else that is writable and executable smaller */

/* What the child writes through the pipe. */
struct engine_facts {
    unsigned version[3];
    bool is_loaded, has_engine, has_suspend, has_memory_symbols, has_jit;
    char error[120];
};

static unsigned call_number(void *library, const char *name) {
    unsigned (*function)(void) = (unsigned (*)(void))dlsym(library, name);
    return function ? function() : 0;
}

static bool has_large_executable_region(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    bool found = false;
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char mode[5];
        if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3) continue;
        found = found || (strncmp(mode, "rwx", 3) == 0 && end - start >= JIT_BYTES);
    }
    if (maps) fclose(maps);
    return found;
}

static void examine(struct engine_facts *facts) {
    void *library = dlopen(LIBRARY, RTLD_NOW);
    if (!library) {
        snprintf(facts->error, sizeof facts->error, "%s", dlerror());
        return;
    }
    facts->is_loaded = true;
    facts->version[0] = call_number(library, "jsc_get_major_version");
    facts->version[1] = call_number(library, "jsc_get_minor_version");
    facts->version[2] = call_number(library, "jsc_get_micro_version");
    facts->has_suspend = dlsym(library, ENGINE_SUSPEND_SCAVENGER) != NULL;
    facts->has_memory_symbols = dlsym(library, ENGINE_COLLECT_YOUNG) && dlsym(library, ENGINE_UNLINK) &&
                                dlsym(library, ENGINE_LOCK) && dlsym(library, ENGINE_UNLOCK);
    void *(*create)(void *) = (void *(*)(void *))dlsym(library, "JSGlobalContextCreate");
    facts->has_engine = create && create(NULL);
    facts->has_jit = has_large_executable_region();
}

static bool ask_child(struct engine_facts *facts) {
    int fds[2];
    if (pipe(fds) < 0) return false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        alarm(PROBE_S);
        examine(facts);
        _exit(write(fds[1], facts, sizeof *facts) != sizeof *facts);
    }
    close(fds[1]);
    ssize_t n;
    do n = read(fds[0], facts, sizeof *facts);
    while (n < 0 && errno == EINTR);
    close(fds[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return n == sizeof *facts;
}

void doctor_probe_engine(struct report *report) {
    struct engine_facts facts = {0};
    static const char install[] = "install libjavascriptcoregtk-4.1-0";
    if (!ask_child(&facts)) {
        report_add(report, SECTION, "JavaScriptCore", FINDING_FATAL, install,
                   "its library ends the program that loads it");
        return;
    }
    if (!facts.is_loaded || !facts.has_engine) {
        report_add(report, SECTION, "JavaScriptCore", FINDING_FATAL, install, "%s",
                   facts.is_loaded ? "it makes no engine: out of memory?" : facts.error);
        return;
    }
    report_add(report, SECTION, "JavaScriptCore", FINDING_YES, NULL, "%u.%u.%u", facts.version[0], facts.version[1],
               facts.version[2]);
    report_add(report, SECTION, "JIT", facts.has_jit ? FINDING_YES : FINDING_NO,
               "a policy here forbids memory that is writable and executable, or this processor has no JIT", "%s",
               facts.has_jit ? "on" : "off: long computations take some ten times as long");
    report_add(report, SECTION, "scavenger symbol", facts.has_suspend ? FINDING_YES : FINDING_NO,
               "nothing to do: mayfly waits until the engine's thread has ended", "%s",
               facts.has_suspend ? ENGINE_SUSPEND_SCAVENGER " is there" : "absent: starting takes some 11 s longer");
    report_add(report, SECTION, "memory symbols", facts.has_memory_symbols ? FINDING_YES : FINDING_NO,
               "nothing to do: cells do without", "%s",
               facts.has_memory_symbols ? "VMInspector::edenGC and VM::deleteAllLinkedCode are there"
                                        : "absent: each worker takes some 0.3 MiB more, and collects all or nothing");
}
