/* What native code tries from inside a sealed cell, one act a file: assume that the engine has been taken over. Each
   act returns NULL when it got nothing, or else what it got; most are not to return at all.

   X(name, how it has to end) */
#pragma once
#include <stddef.h>

#define ESCAPES(X)                                                                                                     \
    X(abstract_address, KILLED)                                                                                        \
    X(another_process, REFUSED)                                                                                        \
    X(bpf, KILLED)                                                                                                     \
    X(control_state, FAULTED)                                                                                          \
    X(compat_call, ENDED)                                                                                              \
    X(debug_neighbour, KILLED)                                                                                         \
    X(descriptors, HELD)                                                                                               \
    X(droppable_memory, KILLED)                                                                                        \
    X(execute_file, KILLED)                                                                                            \
    X(executable_heap, KILLED)                                                                                         \
    X(executable_mapping, KILLED)                                                                                      \
    X(fine_clock, KILLED)                                                                                              \
    X(fine_clock_of_vdso, FAULTED)                                                                                     \
    X(fork_process, KILLED)                                                                                            \
    X(fresh_filter, KILLED)                                                                                            \
    X(io_uring, KILLED)                                                                                                \
    X(kernel_keys, KILLED)                                                                                             \
    X(kill_neighbour, KILLED)                                                                                          \
    X(kill_thread_of_neighbour, KILLED)                                                                                \
    X(limits, REFUSED)                                                                                                 \
    X(memory_of_neighbour, KILLED)                                                                                     \
    X(mount_files, KILLED)                                                                                             \
    X(namespace, KILLED)                                                                                               \
    X(network, KILLED)                                                                                                 \
    X(open_file, KILLED)                                                                                               \
    X(pass_descriptor, KILLED)                                                                                         \
    X(process_settings, KILLED)                                                                                        \
    X(read_counter, FAULTED)                                                                                           \
    X(receive_descriptor, REFUSED)                                                                                     \
    X(shared_memory, KILLED)                                                                                           \
    X(start_thread, KILLED)                                                                                            \
    X(start_values, HELD)                                                                                              \
    X(user_faults, KILLED)                                                                                             \
    X(virtual_socket, KILLED)                                                                                          \
    X(writable_code, OPEN_WITH_JIT)                                                                                    \
    X(writable_text, KILLED)                                                                                           \
    X(write_to_code, FAULTED)

enum escape_end {
    HELD,    /* it returns, with nothing */
    KILLED,  /* by the filter: SIGSYS */
    FAULTED, /* SIGSEGV */
    REFUSED, /* HELD in a cell whose holder has the seal, which leaves the call; KILLED in one that has its own */
    ENDED,   /* either of them: what this kernel was built with decides */
    OPEN_WITH_JIT, /* HELD without the JIT; with it, it gets what the JIT needs as well */
};

/* Where memory was both writable and executable when the zygote went into its jail; NULL for nowhere. */
extern void *escape_writable_code_at;

/* See rewind.c here. */
enum poison { POISON_BYTES, POISON_LOW, POISON_DROP, POISON_STACK, POISON_OPTIONS, POISON_WRITABLE, POISON_UNMAPPED, POISON_PIECES, POISONS };
_Noreturn void escape_poison(enum poison poison);
const char *escape_inspect(enum poison poison);

/* See beyond_limits.c here; behaviour/police.mjs has them tried. */
_Noreturn void escape_spin(void);
_Noreturn void escape_grow(void);

#define X(name, end) const char *escape_##name(void);
ESCAPES(X)
#undef X
