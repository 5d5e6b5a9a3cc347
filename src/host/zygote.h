/* The supervisor's side of a zygote: starts one, has it fork cells, learns of their deaths. On one libuv loop. */
#pragma once
#include "base/limits.h"
#include "base/zygote_wire.h"
#include <stdbool.h>
#include <uv.h>

struct zygote;

/* How a cell ended. */
struct zygote_death {
    uint32_t cell;
    int status; /* as of wait(2); negative errno if it could not be forked */
    uint64_t cpu_us, peak_bytes;
};

/* Of all zygotes that followed each other. */
struct zygote_stats {
    unsigned number; /* of the current one, from 1 on */
    unsigned alive;  /* it and those before it that still have cells */
    unsigned forks;  /* of the current one */
    uint64_t age_ms;
    bool rewinds; /* the current one: see zygote_rewinds */
};

struct zygote_handler {
    void (*on_ready)(void *context, uint32_t confinement);
    void (*on_death)(void *context, const struct zygote_death *death);
    /* The zygote is gone, or never came up; all its cells are dead or dying. Called at most once. */
    void (*on_lost)(void *context, const char *reason);
};

struct zygote_config {
    const char *path; /* the cell binary */
    bool has_jail;    /* without one there are no layers at all, which is for debugging */
    unsigned traits;  /* base/zygote_wire.h */
};

/* Starts the cell binary as a zygote. Namespaces that the machine refuses are left out, all or none of them; the zygote
   says on_ready which layers hold. Returns 0 or a negative errno. */
int zygote_start(uv_loop_t *loop, const struct zygote_config *config, const struct zygote_handler *handler, void *context,
                 struct zygote **ret);

/* Asks for a fork (enum cell_role, base/zygote_wire.h). `cell` is the caller's number for it, `fd` the cell's end of its channel, which is closed here.
   Returns 0 or a negative errno. */
int zygote_fork(struct zygote *zygote, uint32_t cell, enum cell_role role, int fd);

/* Kills a cell that may have ended already; its death is reported as any other. */
void zygote_kill(struct zygote *zygote, uint32_t cell);

/* See pool_keep. */
void zygote_keep(struct zygote *zygote, uint32_t cell);

/* Ends the zygote, and with it every cell, and waits for it. */
void zygote_stop(struct zygote *zygote);

int zygote_pid(const struct zygote *zygote);

/* Whether cells follow each other in address spaces that are rewound; false before it is up. */
bool zygote_rewinds(const struct zygote *zygote);

/* Memory that each cell has from the start, in bytes. */
uint64_t zygote_anonymous_bytes(const struct zygote *zygote);

/* The limit that a cell ended by, if it was one. */
enum limit zygote_exceeded_limit(int status);

/* "exited with status 3", "crashed with signal 11 (Segmentation fault)", ... */
void zygote_describe_death(int status, char *out, size_t out_len);
