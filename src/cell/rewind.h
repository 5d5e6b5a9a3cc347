/* Cells that follow each other in one address space. Most of what a cell costs is getting its pages, and giving them back
   (docs/performance.md). So a **holder**, forked from the zygote, keeps an address space for one cell after the other: each
   cell is a process of its own, with descriptors, limits, signals and a seal of its own, and when it has ended, its holder
   rewinds the address space: writes what the zygote had over each page that is no longer the image's, gives back what was
   added, and makes the next cell.

     zygote --fork--> holder --clone(CLONE_VM)--> cell ends, rewound --clone--> cell ends, rewound ...

   While its cell lives, a holder waits for it (waitid; in a vfork it would count as load). What it does then depends on nothing that a
   cell can write, were all of its memory in a stranger's hand: its registers are the kernel's, its code and its plan cannot be written,
   what is mapped cannot be moved, unmapped or protected otherwise (mseal) or must be as it was (PROCMAP_QUERY), and which pages
   were written it asks the kernel (PAGEMAP_SCAN, by marks of userfaultfd where it may have them). Needs Linux 6.11; SECURITY.md has
   the argument, tests/test_escape.c tries to get around it.

   holder.c is what runs between two cells; rewind.c prepares it, in the zygote. */
#pragma once
#include "base/zygote_wire.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* In the zygote, while it still sees /proc and may open what it likes. Returns 0 or a negative errno: this machine lacks
   something, and there will be no holders. `ret_proc_fd`: a directory below which holders must be able to read. */
int rewind_prepare(int *ret_proc_fd);

/* In the zygote, once, when it is as each cell is to begin: keeps what its memory is like. Returns 0 there, or a negative
   errno. Returns again in each cell that a holder makes: 1, with the descriptor of its owner's socket. */
int rewind_point(int *ret_owner_fd);

/* The ends of sockets that all holders share: for what they are to do, for what can be read later (a cell began, or ended in
   order), and for what cannot. */
struct holder_sockets {
    int jobs, made, reports;
};

enum holder_op {
    HOLDER_MAKE,  /* to a holder, with the descriptor of its owner's socket: make `cell` */
    HOLDER_LEAVE, /* to any of them: end */
    HOLDER_MADE,  /* from that cell: it is `pid`; `bytes_before`: memory, at the most, before it began */
    HOLDER_WAITS, /* for the next; `pid` has ended by itself, with `status` and what it used, unless it is 0 */
    HOLDER_ENDS,  /* `pid` has ended with `status`, and so does its holder */
};

struct holder_msg {
    uint32_t op, cell;
    pid_t holder, pid;
    int32_t status; /* as of wait(2) */
    uint64_t bytes_before, peak_bytes, cpu_us;
};

/* In the zygote: forks a holder. Returns its process id or a negative errno. */
pid_t rewind_fork_holder(const struct holder_sockets *sockets);
