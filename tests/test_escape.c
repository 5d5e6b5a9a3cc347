/* What machine code can do from inside a real, sealed cell: each act of tests/escape, and every system call by number.
   MAYFLY_CELL is the binary that tests/escape/probe.c is linked into. With WITHOUT_MARKS the machine is one whose kernel does not
   mark what is written. */
#include "base/macros.h"
#include "tests/escape/escapes.h"
#include "tests/library_fixture.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS_MAX 600
#define X32_BIT     0x40000000

static const char killed[] = "crashed with signal 31 (Bad system call)";
static const char faulted[] = "crashed with signal 11 (Segmentation fault)";
static const char lost[] = "crashed with signal 7 (Bus error)";

/* A loader of each profile. */
static struct mf_loader *loader_of(bool is_jitless) {
    static struct mf_loader *jitless;
    struct mf_config config = {.no_jit = 1};
    if (!is_jitless) return loader();
    if (!jitless && mf_loader_new(&config, &jitless, &error) < 0) {
        printf("# no loader: %s\n", error.message);
        exit(1);
    }
    return jitless;
}

static bool is_jitless;

static const char *try_once(const char *probe, bool is_threaded) {
    static const unsigned char wasm[8] = "\0asm\1";
    char json[80];
    begin("export default {};");
    snprintf(json, sizeof json, "\"%s\"", probe);
    struct mf_variable variable = {"PROBE", json};
    struct mf_module modules[] = {module, {"m.wasm", MF_KIND_WASM, wasm, sizeof wasm}};
    code.variables = &variable;
    code.variables_len = 1;
    code.modules = modules;
    code.modules_len = is_threaded ? 2 : 1;
    struct mf_worker *worker = NULL;
    if (mf_worker_load(loader_of(is_jitless), &code, &worker, &error) == 0) {
        mf_worker_free(worker);
        return "the probe did not run";
    }
    return error.death[0] && strncmp(error.death, "was", 3) != 0 ? error.death : error.message;
}

/* Loads a worker in whose place the probe runs. Returns how it ended: how the cell died, or what the probe said. On a
   busy machine a cell's end may be seen long before its reason, which the library then does not wait for: tried again.
 */
static const char *try(const char *probe, bool is_threaded) {
    const char *got = try_once(probe, is_threaded);
    for (int i = 0; i < 5 && (strstr(got, "closed its channel") || strstr(got, "with status 0")); i++) got = try_once(probe, is_threaded);
    return got;
}

/* Of this profile's cells: what they may call beside their own is then there, and does nothing for them. */
static bool is_sealed_by_holder(void) {
    static int known[2]; /* 1: they are, -1: they are not */
    if (known[is_jitless] == 0) {
        known[is_jitless] = strcmp(try("another_process", false), "held") == 0 ? 1 : -1;
        printf("# cells%s are sealed by %s\n", is_jitless ? " without JIT" : "", known[is_jitless] > 0 ? "their holders" : "themselves");
    }
    return known[is_jitless] > 0;
}

static bool is_end(const char *got, enum escape_end end) {
    switch (end) {
    case HELD: return strcmp(got, "held") == 0;
    case KILLED: return strcmp(got, killed) == 0;
    case OPEN_WITH_JIT: return strcmp(got, is_jitless ? "held" : "escaped: code of its own ran") == 0;
    case FAULTED: return strcmp(got, faulted) == 0;
    case REFUSED: return strcmp(got, is_sealed_by_holder() ? "held" : killed) == 0;
    default: return strcmp(got, killed) == 0 || strcmp(got, faulted) == 0;
    }
}

/* Whether this machine has a layer: a loader that requires it starts. */
static bool has_layer(const char *name) {
    struct mf_config config = {.require_confinement = name, .idle_cells = 1};
    struct mf_loader *confined = NULL;
    int r = mf_loader_new(&config, &confined, &error);
    mf_loader_free(confined);
    return r == 0;
}

/* What cannot be tried is said. */
static bool is_tried(const char *act) {
    static struct {
        const char *act, *layer;
        int known; /* 1: it is there, -1: it is not */
    } needs[] = {{"read_counter", "rdtsc-trap", 0}, {"fine_clock_of_vdso", "rdtsc-trap", 0}, {"control_state", "protection-key", 0}};
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (strcmp(act, needs[i].act) != 0) continue;
        if (needs[i].known == 0) needs[i].known = has_layer(needs[i].layer) ? 1 : -1;
        bool is_there = needs[i].known > 0;
        if (!is_there) printf("# %s: not held here, as doctor says: this machine has no %s\n", act, needs[i].layer);
        return is_there;
    }
    return true;
}

static void expect_end(const char *act, enum escape_end end, bool without_jit) {
    if (!is_tried(act)) return;
    is_jitless = without_jit;
    const char *got = try(act, false);
    bool is_as_expected = is_end(got, end);
    is_jitless = false;
    CHECK_OR_RETURN(is_as_expected, "it %s", got);
}

#define X(act, end)                                                                                                    \
    TEST(act) {                                                                                                        \
        expect_end(#act, end, false);                                                                                  \
    }                                                                                                                  \
    TEST(act##_without_jit) {                                                                                          \
        expect_end(#act, end, true);                                                                                   \
    }
ESCAPES(X)
#undef X

/* --- Where the worker carries WebAssembly ----------------------------------------------------------------------- */

TEST(threads_are_for_webassembly_alone) {
    EXPECT_STR(try("fork_process", true), killed);
    EXPECT_STR(try("kill_neighbour", true), killed);
    EXPECT_STR(try("fresh_filter", true), killed);
    EXPECT_STR(try("receive_descriptor", true), killed);
    EXPECT_STR(try("process_settings", true), killed);
}

TEST(without_jit_a_thread_cannot_be_signalled) {
    is_jitless = true;
    const char *got = try("kill_thread_of_neighbour", true);
    is_jitless = false;
    EXPECT_STR(got, killed);
}

/* --- The next cell of the same holder ---------------------------------------------------------------------------- */

/* Which holder makes the next cell is the machine's affair: it goes on until enough came after a poisoned one. */
#define ROUNDS_MIN   64
#define ROUNDS_MAX   400
#define FOLLOWED_MIN 5

static int number_after(const char *got, const char *word) {
    const char *at = strstr(got, word);
    return at ? atoi(at + strlen(word)) : 0;
}

static void try_to_leave_something(bool without_jit) {
    int poisoned[ROUNDS_MAX], len = 0, followed = 0;
    is_jitless = without_jit;
    while (len < ROUNDS_MIN || (followed < FOLLOWED_MIN && len < ROUNDS_MAX)) {
        char poison[32], inspect[32];
        snprintf(poison, sizeof poison, "rewind_poison %d", len % POISONS);
        snprintf(inspect, sizeof inspect, "rewind_inspect %d", len % POISONS);
        const char *got = try(poison, false);
        if (strcmp(got, "no holder 0") == 0) {
            printf("# not tried: this machine has no holders, and each cell an address space of its own\n");
            return;
        }
        CHECK_OR_RETURN(strncmp(got, "poisoned ", 9) == 0, "%s said: %s", poison, got);
        poisoned[len++] = number_after(got, "poisoned ");
        got = try(inspect, false);
        CHECK_OR_RETURN(strstr(got, "clean "), "after %s it found: %s", poison, got);
        int holder = number_after(got, "clean "), k = 0;
        while (k < len && poisoned[k] != holder) k++;
        followed += k < len;
    }
    is_jitless = false;
    CHECK_OR_RETURN(followed >= FOLLOWED_MIN, "only %d of %d cells followed a poisoned one", followed, len);
    printf("# %d of %d cells followed a poisoned one\n", followed, len);
}

TEST(nothing_is_left_for_the_next_cell) {
    try_to_leave_something(false);
    is_jitless = false;
}

TEST(nothing_is_left_for_the_next_cell_without_jit) {
    try_to_leave_something(true);
    is_jitless = false;
}

/* --- What holders ask the kernel --------------------------------------------------------------------------------- */

static int sleep_on(void *fd) {
    char byte;
    return (int)read(*(int *)fd, &byte, 1);
}

/* A holder rewinds no memory that another process has. */
TEST(the_kernel_tells_who_shares_his_memory) {
    static char stack[16384] __attribute__((aligned(16)));
    int ends[2];
    EXPECT(pipe(ends) == 0);
    pid_t pid = fork(); /* this process has threads */
    if (pid == 0) {
        pid_t other = clone(sleep_on, stack + sizeof stack, CLONE_VM | SIGCHLD, &ends[0]);
        if (other < 0 || unshare(CLONE_VM) == 0 || errno != EINVAL) _exit(1);
        if (write(ends[1], "", 1) != 1 || waitpid(other, NULL, 0) != other) _exit(2);
        _exit(unshare(CLONE_VM) == 0 ? 0 : 3);
    }
    int status = -1;
    EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK_OR_RETURN(status == 0, "it ended with status %d", status);
    close(ends[0]);
    close(ends[1]);
}

/* Refuses userfaultfd, as containers do, to this process and all that it starts. */
__attribute__((constructor)) static void refuse_marks(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {COUNT_OF(steps), steps};
    if (!getenv("WITHOUT_MARKS")) return;
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

/* --- Every number ----------------------------------------------------------------------------------------------- */

/* Those that return although their arguments are all -1. The others of the list look at an argument first. */
static const long returning[] = {
    SYS_poll,           SYS_ppoll,        SYS_munmap, SYS_mremap, SYS_brk,  SYS_sched_yield, SYS_getrandom,
    SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_close,  SYS_write,  SYS_read, SYS_pread64,     SYS_getpid,
    SYS_restart_syscall,
};

/* Likewise, where the holder has the seal: no child, no such descriptor. */
static const long returning_to_held[] = {SYS_wait4, SYS_waitid, SYS_recvmsg, SYS_close_range};

static const char *expected(long number) {
    if (number == SYS_exit_group) return "exited with status 255";
    for (size_t i = 0; is_sealed_by_holder() && i < sizeof returning_to_held / sizeof *returning_to_held; i++) {
        if (returning_to_held[i] == number) return "held";
    }
    for (size_t i = 0; i < sizeof returning / sizeof *returning; i++) {
        if (returning[i] == number) return "held";
    }
    return killed;
}

static void try_numbers(bool without_jit) {
    is_jitless = without_jit;
    for (long number = 0; number <= NUMBERS_MAX; number++) {
        char probe[32];
        snprintf(probe, sizeof probe, "call %ld", number);
        const char *got = try(probe, false);
        /* x86's uretprobe and uprobe, which newer kernels ask no filter about, and refuse outside of a probe. */
        if ((number == 335 || number == 336) && !strstr(got, "escaped")) continue;
        /* Goes on wherever the stack says, which is nowhere: one fault or another. */
        if (number == SYS_rt_sigreturn && (strcmp(got, faulted) == 0 || strcmp(got, lost) == 0)) continue;
        CHECK_OR_RETURN(strcmp(got, expected(number)) == 0, "number %ld %s", number, got);
    }
}

static void try_numbers_of_x32(bool without_jit) {
    is_jitless = without_jit;
    for (long number = 0; number <= NUMBERS_MAX; number++) {
        char probe[32];
        snprintf(probe, sizeof probe, "call %ld", number | X32_BIT);
        const char *got = try(probe, false);
        CHECK_OR_RETURN(strcmp(got, killed) == 0, "number %ld %s", number, got);
    }
}

TEST(every_system_call_by_number) {
    try_numbers(false);
}

TEST(every_system_call_by_number_without_jit) {
    try_numbers(true);
}

TEST(every_system_call_of_x32) {
    try_numbers_of_x32(false);
}

TEST(every_system_call_of_x32_without_jit) {
    try_numbers_of_x32(true);
}

TEST_MAIN()
