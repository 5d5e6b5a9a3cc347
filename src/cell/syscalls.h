/* The system call filter: which calls the zygote and its cells may make, with which arguments, and why. Everything else
   kills the process.

   A filter costs 125 us and 1.2 for each instruction to install here, half a millisecond with what it does to the
   processors' translations of addresses, and nothing to inherit. So there are two. The wide one is installed in the
   zygote, once, and has all that the zygote and any cell needs. The seal closes what only a zygote, or another kind of
   cell, needs: some 20 instructions, installed before a cell looks at its worker, or by a holder once for all of its
   cells. That one leaves what holders do between two cells; making a process, the one such call that would be worth
   something to a cell, is then refused by its limit of none (jail.h). A call has to pass both.

   A zygote whose engine never compiles, and so its cells, have filters of their own, without what only the JIT needs. */
#pragma once
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/* Who may make a call. */
enum syscall_caller {
    CALLER_ZYGOTE = 1,
    CALLER_HOST = 2,   /* a host worker's cell */
    CALLER_CELL = 4,   /* a dynamic worker's cell */
    CALLER_THREADS = 8, /* a cell of either kind whose worker carries WebAssembly: the engine compiles it in a thread */
    CALLER_HOLDER = 16  /* what makes cells of dynamic workers, and these (rewind.h) */
};

#define SYSCALLS_FILTER_MAX 400

/* Compile a filter into `out`, which has room for SYSCALLS_FILTER_MAX instructions. Return its length. */
size_t syscalls_compile_wide(bool is_jitless, struct sock_filter *out);
size_t syscalls_compile_seal(bool is_jitless, enum syscall_caller caller, struct sock_filter *out);

/* Installs a filter for this process, for good. Returns 0 or a negative errno. Needs no_new_privs. */
int syscalls_install(const struct sock_filter *filter, size_t len);
