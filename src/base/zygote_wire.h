/* What a supervisor and its zygote say to each other: fixed messages over a SOCK_SEQPACKET pair. Neither end is
   hostile: a zygote runs no worker's code. A FORK message carries one descriptor, the cell's end of its channel. */
#pragma once
#include <stdint.h>

enum zygote_op {
    ZYGOTE_HELLO = 1, /* zygote -> supervisor, once: `confinement`; or text says why it cannot start */
    ZYGOTE_FORK,      /* supervisor -> zygote: make the cell `cell`, for `role` */
    ZYGOTE_KILL,      /* supervisor -> zygote: SIGKILL it, if it is still there */
    ZYGOTE_KEEP,      /* supervisor -> zygote: it will live long, so whatever would make another after it may go */
    ZYGOTE_DIED,      /* zygote -> supervisor: it ended; `status` as of wait(2), and what it used */
};

/* As whom a zygote and its cells run, in a user namespace that has more than its first id. */
#define JAIL_ID 1

/* What a cell is for. It is sealed for that before its owner hears of it. */
enum cell_role {
    CELL_PLAIN,   /* a dynamic worker; one thread */
    CELL_THREADS, /* likewise, whose engine may make threads of its own: it compiles WebAssembly in one */
    CELL_HOST,    /* a host worker */
};

/* A zygote's arguments: the namespaces' flags, in whose place this one is for no jail at all ... */
#define JAIL_OFF (-1)

/* ... and what it is like, bits in decimal. */
enum {
    ZYGOTE_JITLESS = 1, /* its engine interprets, and has no memory that can be both written and run */
    ZYGOTE_BRIEF = 2,   /* few cells will come of it: what makes them quick is not worth its time */
    ZYGOTE_FORKING = 4, /* each cell gets an address space that no other had before it */
};

struct zygote_msg {
    uint32_t op, cell;
    uint32_t role; /* enum cell_role */
    int32_t status;
    uint32_t confinement; /* enum confinement, confinement.h */
    uint32_t threads;
    uint32_t rewinds; /* HELLO: whether cells follow each other in address spaces (cell/rewind.h) */
    uint64_t cpu_us;
    uint64_t peak_bytes; /* DIED: memory beyond what the zygote has; HELLO: that of the zygote, which no file backs */
    char text[200];
};
