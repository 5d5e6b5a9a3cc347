#include "cell/syscalls.h"
#include "base/macros.h"
#include "cell/memory_query.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "say here how the kernel names this processor"
#endif

#define X32_BIT 0x40000000u /* set in the numbers of x86's third set of calls */

/* Newer than the headers of Debian 12. */
#define ADVICE_POPULATE_READ  22
#define ADVICE_POPULATE_WRITE 23
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* glibc's fork, and its pthread_create. */
#define FLAGS_OF_FORK (SIGCHLD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)
#define FLAGS_OF_HELD_CELL (CLONE_VM | SIGCHLD)
#define FLAGS_OF_THREAD                                                                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |                 \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

#define NOT_EXECUTABLE                                                                                                 \
    { 2, PROT_EXEC | PROT_GROWSDOWN | PROT_GROWSUP, 0 }
/* All else would be shared memory, or mappings that a holder could not make as they were (rewind.h): that grow, may lose their pages, are
   locked or huge. */
#define USUAL_FLAGS ((uint32_t)(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_STACK))
#define ALL_CELLS  (CALLER_HOST | CALLER_CELL | CALLER_THREADS | CALLER_HOLDER)
#define EVERYBODY  (CALLER_ZYGOTE | ALL_CELLS)
#define MAKERS     (CALLER_ZYGOTE | CALLER_HOLDER)
#define ALL_BUT_PLAIN (CALLER_ZYGOTE | CALLER_HOST | CALLER_THREADS)
#define ANY_THREAD (CALLER_HOST | CALLER_THREADS)

/* Beside callers: all rules of this number are for the profile with the JIT alone. */
#define ONLY_JIT 128

/* (argument & mask) == value, on its low 32 bits, which is all that the kernel reads of these. mask 0: no check. */
struct check {
    unsigned argument;
    uint32_t mask, value;
};

#define ALL        ~0u
#define CHECKS_MAX 2

/* As an error: the call says that all went well. */
#define NOTHING_DONE 0xffff

/* One way to make a call; rules of one number stand together, and the busiest come first. `error`: it is refused with
   this errno instead of allowed, where the caller knows what to do then. */
struct rule {
    uint32_t number;
    uint8_t callers;
    uint16_t error;
    struct check checks[CHECKS_MAX];
};

static const struct rule rules[] = {
    /* Pages of its own memory: taken ahead of need, given back, kept out of dumps. */
    {SYS_madvise, EVERYBODY, 0, {{2, ALL, ADVICE_POPULATE_WRITE}}},
    {SYS_madvise, EVERYBODY, 0, {{2, ALL, ADVICE_POPULATE_READ}}},
    {SYS_madvise, EVERYBODY, 0, {{2, ALL, MADV_DONTNEED}}},
    {SYS_madvise, ALL_BUT_PLAIN, 0, {{2, ALL, MADV_HUGEPAGE}}}, /* see the seal */
    /* There are no dumps; and a mapping that is cut into thousands by this would be so for the next cell as well. */
    {SYS_madvise, EVERYBODY, NOTHING_DONE, {{2, ALL, MADV_DONTDUMP}}},
    {SYS_madvise, EVERYBODY, NOTHING_DONE, {{2, ALL, MADV_DODUMP}}},
    /* The one socket: frames in and out. No address, so nothing but what is connected already. */
    {SYS_recvfrom, EVERYBODY, 0, {{4, ALL, 0}}},
    {SYS_sendto, EVERYBODY, 0, {{4, ALL, 0}}},
#ifdef SYS_poll
    {SYS_poll, EVERYBODY, 0, {{0}}}, /* waiting for frames and timers */
#endif
    {SYS_ppoll, EVERYBODY, 0, {{0}}}, /* likewise, where there is no poll */
    /* How the kernel goes on with one of these after the process was stopped: by a debugger, by a freezer. */
    {SYS_restart_syscall, EVERYBODY, 0, {{0}}},
    /* Heaps. New memory is the process's own, and never executable. */
    {SYS_mmap, EVERYBODY, 0, {NOT_EXECUTABLE, {3, ~USUAL_FLAGS, MAP_PRIVATE | MAP_ANONYMOUS}}},
    {SYS_mmap, CALLER_ZYGOTE, 0, {NOT_EXECUTABLE, {3, ALL, MAP_PRIVATE | MAP_FIXED}}}, /* a holder, the image's file */
    {SYS_mprotect, EVERYBODY, 0, {NOT_EXECUTABLE}},
    {SYS_munmap, EVERYBODY, 0, {{0}}},
    {SYS_mremap, EVERYBODY, 0, {{0}}}, /* large blocks that grow, and pages that go back (pages.c) */
    {SYS_brk, EVERYBODY, 0, {{0}}},
    /* Locks that are contended, in the engine and libc. Those that hand over priorities or move waiters are not needed.
     */
    {SYS_futex, EVERYBODY, 0, {{1, FUTEX_CMD_MASK, FUTEX_WAIT}}},
    {SYS_futex, EVERYBODY, 0, {{1, FUTEX_CMD_MASK, FUTEX_WAKE}}},
    {SYS_futex, EVERYBODY, 0, {{1, FUTEX_CMD_MASK, FUTEX_WAIT_BITSET}}},
    {SYS_sched_yield, EVERYBODY, 0, {{0}}}, /* the engine's locks, before they wait; and the ends of a large message */
    {SYS_getrandom, EVERYBODY, 0, {{0}}},   /* crypto, and in the place of /dev/urandom */
    {SYS_exit_group, EVERYBODY, 0, {{0}}},
    {SYS_rt_sigreturn, EVERYBODY, 0, {{0}}},   /* the end of a signal's handler */
    {SYS_rt_sigprocmask, EVERYBODY, 0, {{0}}}, /* handlers, and threads as they start */
    {SYS_rt_sigaction, EVERYBODY, 0, {{0}}},   /* a sent SIGSEGV is handed to the default action */
    {SYS_close, EVERYBODY, 0, {{0}}},
    {SYS_write, EVERYBODY, 0, {{0}}}, /* words to standard error, where it is open; the eventfd of the engine's loop */
    {SYS_read, EVERYBODY, 0, {{0}}},  /* that eventfd */
    {SYS_pread64, EVERYBODY, 0, {{0}}}, /* the engine weighs itself by a descriptor that is closed in host workers' cells, too */
    /* Where the kernel maps no vDSO. The fine clocks are for nobody. */
    {SYS_clock_gettime, EVERYBODY, 0, {{0, ALL, CLOCK_MONOTONIC_COARSE}}},
    {SYS_clock_gettime, EVERYBODY, 0, {{0, ALL, CLOCK_REALTIME_COARSE}}},
    /* The budget: what was used, and a signal after some more. */
    {SYS_getrusage, EVERYBODY, 0, {{0, ALL, RUSAGE_SELF}}},
    {SYS_setitimer, EVERYBODY, 0, {{0, ALL, ITIMER_PROF}}},
    {SYS_setpriority, CALLER_ZYGOTE | CALLER_CELL | CALLER_THREADS | CALLER_HOLDER, 0, {{0, ALL, PRIO_PROCESS}, {1, ALL, 0}}}, /* only itself, and only down */
    /* libcrypto looks whether it was forked. */
    {SYS_getpid, EVERYBODY, 0, {{0}}},

    /* A host worker's cell has a socket for each cell that it was granted, and receives them on its own. The zygote
       gets the sockets of its cells so. */
    {SYS_recvmsg, MAKERS | CALLER_HOST, 0, {{0}}},
    {SYS_sendmsg, CALLER_ZYGOTE, 0, {{0}}}, /* hands them on to holders */
    {SYS_epoll_create1, CALLER_HOST, 0, {{0}}},
    {SYS_epoll_ctl, CALLER_HOST, 0, {{0}}},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, CALLER_HOST, 0, {{0}}},
#endif
    {SYS_epoll_pwait, CALLER_HOST, 0, {{0}}},

    /* WebAssembly's compiler thread: made, named, told its place. glibc tries clone3 first, whose flags a filter cannot
       see. */
    {SYS_clone3, ANY_THREAD | CALLER_ZYGOTE, ENOSYS, {{0}}},
    {SYS_clone, CALLER_ZYGOTE, 0, {{0, ALL, FLAGS_OF_FORK}}},
    {SYS_clone, CALLER_ZYGOTE, 0, {{0, ALL, SIGCHLD}}},            /* a holder */
    {SYS_clone, MAKERS, 0, {{0, ALL, FLAGS_OF_HELD_CELL}}}, /* a holder's cells may make none: see the limit below */
    {SYS_clone, ANY_THREAD, 0, {{0, ALL, FLAGS_OF_THREAD}}},
    {SYS_set_robust_list, ANY_THREAD | CALLER_ZYGOTE, 0, {{0}}}, /* and fork's child */
#ifdef SYS_rseq
    {SYS_rseq, ANY_THREAD, 0, {{0}}},
#endif
    {SYS_prctl, ANY_THREAD | MAKERS, 0, {{0, ALL, PR_SET_NAME}}},
    {SYS_prctl, MAKERS, 0, {{0, ALL, PR_SET_PDEATHSIG}, {1, ALL, SIGKILL}}},
    {SYS_prctl, CALLER_ZYGOTE, 0, {{0, ALL, PR_SET_DUMPABLE}}}, /* a holder, while it opens its page tables' file */
    {SYS_prctl, MAKERS, 0, {{0, ALL, 62 /* PR_SCHED_CORE */}, {1, ALL, 1 /* PR_SCHED_CORE_CREATE */}}},
    {SYS_sched_setscheduler, ANY_THREAD, EPERM, {{0}}}, /* a wish, not a need */
    {SYS_sched_getaffinity, ANY_THREAD, 0, {{0}}},
    {SYS_sched_setattr, CALLER_HOST, 0, {{0, ALL, 0}, {2, ALL, 0}}}, /* the engine's compilers, to give way: only the caller itself */
    {SYS_gettid, ANY_THREAD, 0, {{0}}},
    /* Threads are stopped while code changes that they may be running. */
    {SYS_tgkill, ANY_THREAD | ONLY_JIT, 0, {{2, ALL, SIGUSR1}}},
    {SYS_rt_sigsuspend, ANY_THREAD | ONLY_JIT, 0, {{0}}},
    {SYS_exit, ANY_THREAD, 0, {{0}}},
    {SYS_eventfd2, ANY_THREAD | CALLER_ZYGOTE, 0, {{0}}}, /* by which that thread wakes the cell's own */
    {SYS_dup3, ANY_THREAD | CALLER_ZYGOTE, 0, {{0}}},

    /* Who makes cells: its dead and its overdue, and what a child does before it is a cell. */
    {SYS_wait4, MAKERS, 0, {{0}}},
    {SYS_waitid, CALLER_HOLDER, 0, {{0}}}, /* looks whether its cell has ended */
    {SYS_kill, CALLER_ZYGOTE, 0, {{1, ALL, SIGKILL}}},
    {SYS_close_range, MAKERS, 0, {{0}}},
    {SYS_prlimit64, MAKERS, 0, {{0, ALL, 0}, {1, ALL, RLIMIT_NOFILE}}}, /* more for a host worker's cell */
    {SYS_prlimit64, MAKERS, 0, {{0, ALL, 0}, {1, ALL, RLIMIT_NPROC}}},  /* no process for a holder's */
    /* Holders (rewind.c): which pages were written, that nobody else has them, and that mappings stay as they are. */
    {SYS_openat, CALLER_ZYGOTE, 0, {{2, ALL, O_RDONLY | O_CLOEXEC}}},
    {SYS_ioctl, MAKERS, 0, {{1, ALL, (uint32_t)PAGEMAP_SCAN}}},
    {SYS_ioctl, MAKERS, 0, {{1, ALL, (uint32_t)PROCMAP_QUERY}}},
    {SYS_ioctl, CALLER_ZYGOTE, 0, {{1, ALL, (uint32_t)UFFDIO_API}}},
    {SYS_ioctl, CALLER_ZYGOTE, 0, {{1, ALL, (uint32_t)UFFDIO_REGISTER}}},
    {SYS_ioctl, CALLER_ZYGOTE, 0, {{1, ALL, (uint32_t)UFFDIO_WRITEPROTECT}}},
    {SYS_userfaultfd, CALLER_ZYGOTE, 0, {{0, ALL, O_CLOEXEC | UFFD_USER_MODE_ONLY}}},
    {SYS_unshare, MAKERS, 0, {{0, ALL, CLONE_VM}}},
    {SYS_mseal, CALLER_ZYGOTE, 0, {{0}}},
    {SYS_landlock_restrict_self, CALLER_ZYGOTE, 0, {{0}}},
    {SYS_seccomp, CALLER_ZYGOTE, 0, {{0, ALL, SECCOMP_SET_MODE_FILTER}}},      /* the seal */
};

/* --- A little assembler ----------------------------------------------------------------------------------------- */

struct program {
    struct sock_filter *code;
    size_t len;
};

static size_t emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf) {
    CHECK(p->len < SYSCALLS_FILTER_MAX);
    p->code[p->len] = (struct sock_filter)BPF_JUMP(code, k, jt, jf);
    return p->len++;
}

#define LOAD(p, field)       emit(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field), 0, 0)
#define RETURN(p, action)    emit(p, BPF_RET | BPF_K, action, 0, 0)
#define SKIP_UNLESS_EQ(p, k) emit(p, BPF_JMP | BPF_JEQ | BPF_K, k, 0, 0)

/* Makes the jump at `at` go to the next instruction to be emitted, if it fails. */
static void land_failure(struct program *p, size_t at) {
    size_t distance = p->len - at - 1;
    CHECK(distance < 256);
    p->code[at].jf = (uint8_t)distance;
}

static void load_argument(struct program *p, unsigned argument) {
    uint32_t low = offsetof(struct seccomp_data, args) + argument * 8;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    low += 4;
#endif
    emit(p, BPF_LD | BPF_W | BPF_ABS, low, 0, 0);
}

/* --- The wide filter -------------------------------------------------------------------------------------------- */

/* The accumulator holds something else behind a check: rules of one number do not load it again. */
static void put_rule(struct program *p, const struct rule *rule) {
    size_t failures[CHECKS_MAX], failures_len = 0;
    for (size_t i = 0; i < CHECKS_MAX && rule->checks[i].mask; i++) {
        const struct check *check = &rule->checks[i];
        load_argument(p, check->argument);
        if (check->mask != ALL) emit(p, BPF_ALU | BPF_AND | BPF_K, check->mask, 0, 0);
        failures[failures_len++] = SKIP_UNLESS_EQ(p, check->value);
    }
    uint32_t error = rule->error == NOTHING_DONE ? 0 : rule->error;
    RETURN(p, rule->error ? SECCOMP_RET_ERRNO | error : SECCOMP_RET_ALLOW);
    for (size_t i = 0; i < failures_len; i++) land_failure(p, failures[i]);
}

/* Whether a rule is in the filters of this profile. */
static bool belongs(const struct rule *rule, bool is_jitless) {
    return !(is_jitless && rule->callers & ONLY_JIT);
}

static size_t group_len(size_t first) {
    size_t len = 1;
    while (first + len < COUNT_OF(rules) && rules[first + len].number == rules[first].number) len++;
    return len;
}

size_t syscalls_compile_wide(bool is_jitless, struct sock_filter *out) {
    struct program p = {out, 0};
    LOAD(&p, arch);
    emit(&p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    RETURN(&p, SECCOMP_RET_KILL_PROCESS);
    LOAD(&p, nr);
#ifdef __x86_64__
    emit(&p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    RETURN(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    for (size_t i = 0, len; i < COUNT_OF(rules); i += len) {
        len = group_len(i);
        if (!belongs(&rules[i], is_jitless)) continue;
        size_t other = SKIP_UNLESS_EQ(&p, rules[i].number);
        for (size_t k = 0; k < len; k++) put_rule(&p, &rules[i + k]);
        if (rules[i].checks[0].mask != 0) RETURN(&p, SECCOMP_RET_KILL_PROCESS);
        land_failure(&p, other);
    }
    RETURN(&p, SECCOMP_RET_KILL_PROCESS);
    return p.len;
}

/* --- The seal --------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

struct kind {
    bool is_jitless;
    enum syscall_caller caller;
};

static bool may_call(uint32_t number, struct kind kind) {
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        bool is_its = rules[i].callers & kind.caller && belongs(&rules[i], kind.is_jitless);
        if (rules[i].number == number && is_its) return true;
    }
    return false;
}

/* The wide filter's numbers, sorted, each once. */
static size_t list_numbers(bool is_jitless, uint32_t out[static COUNT_OF(rules)]) {
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(rules); i += group_len(i)) {
        if (belongs(&rules[i], is_jitless)) out[len++] = rules[i].number;
    }
    qsort(out, len, sizeof *out, by_number);
    return len;
}

/* Numbers that the wide filter refuses need no instruction here, so what is closed falls into few intervals:
   below the next one: allowed; above its end: look at the one after it; else: kill. */
static void put_intervals(struct program *p, struct kind kind) {
    uint32_t numbers[COUNT_OF(rules)];
    size_t len = list_numbers(kind.is_jitless, numbers), below[COUNT_OF(rules)], below_len = 0, within[COUNT_OF(rules)], within_len = 0;
    for (size_t i = 0; i < len; i++) {
        if (may_call(numbers[i], kind)) continue;
        size_t first = i;
        while (i + 1 < len && !may_call(numbers[i + 1], kind)) i++;
        below[below_len++] = emit(p, BPF_JMP | BPF_JGE | BPF_K, numbers[first], 0, 0);
        within[within_len++] = emit(p, BPF_JMP | BPF_JGT | BPF_K, numbers[i], 0, 0);
    }
    for (size_t i = 0; i < below_len; i++) land_failure(p, below[i]);
    RETURN(p, SECCOMP_RET_ALLOW); /* what is above all of them has passed the wide filter */
    for (size_t i = 0; i < within_len; i++) land_failure(p, within[i]);
    RETURN(p, SECCOMP_RET_KILL_PROCESS);
}

/* Of this call the seal looks at an argument, too: `test` (BPF_JEQ or BPF_JSET) against a value decides, one way or the other. */
static void put_narrowed(struct program *p, uint32_t number, unsigned argument, uint16_t test, uint32_t value, bool is_allowed) {
    size_t other = SKIP_UNLESS_EQ(p, number);
    load_argument(p, argument);
    emit(p, BPF_JMP | test | BPF_K, value, 0, 1);
    RETURN(p, is_allowed ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_PROCESS);
    RETURN(p, is_allowed ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW);
    land_failure(p, other);
}

size_t syscalls_compile_seal(bool is_jitless, enum syscall_caller caller, struct sock_filter *out) {
    const struct kind kind = {is_jitless, caller};
    struct program p = {out, 0};
    LOAD(&p, nr);
    /* A thread, but no process; its name, but not what the zygote and holders say of themselves; and, as for dumps above, no
       mapping in pieces that the next cell would find so. */
    if (caller == CALLER_HOLDER) {
        put_narrowed(&p, SYS_clone, 0, BPF_JEQ, FLAGS_OF_HELD_CELL, true);
        put_narrowed(&p, SYS_prctl, 0, BPF_JEQ, PR_SET_DUMPABLE, false);
    } else {
        if (may_call(SYS_clone, kind)) put_narrowed(&p, SYS_clone, 0, BPF_JSET, CLONE_THREAD, true);
        if (may_call(SYS_prctl, kind)) put_narrowed(&p, SYS_prctl, 0, BPF_JEQ, PR_SET_NAME, true);
    }
    if (caller & (CALLER_CELL | CALLER_HOLDER)) put_narrowed(&p, SYS_madvise, 2, BPF_JEQ, MADV_HUGEPAGE, false);
    put_intervals(&p, kind);
    return p.len;
}

int syscalls_install(const struct sock_filter *filter, size_t len) {
    struct sock_fprog program = {(unsigned short)len, (struct sock_filter *)filter};
    /* Where the kernel would close speculative store bypass for whoever has a filter, the jail asks for that itself. */
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0 ? -errno : 0;
}
