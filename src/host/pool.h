/* A pool of idle cells: forked, jailed, warmed, never used. Refilled in the background; a cell that is taken never
   comes back. Owns the zygotes. Used by the supervisor and by libmayfly, on one libuv loop. */
#pragma once
#include "base/zygote_wire.h"
#include "host/channel.h"
#include "host/zygote.h"

struct pool;

/* The kinds of cells. Each has a zygote of its own, and so a pool. */
enum profile { PROFILE_JIT, PROFILE_NO_JIT, PROFILES };

struct pool_config {
    const char *cell_path; /* the cell binary */
    unsigned idle_target;  /* idle cells to keep; further ones that may make threads, once one was asked for */
    uint32_t required;     /* layers (enum confinement) without which no cell may run */
    unsigned forks_max;    /* after so many forks a zygote is replaced; 0 is the default */
    uint64_t age_ms_max;   /* after so long, too; 0 is the default */
    bool has_no_jail;      /* for debugging */
    bool is_jitless;       /* cells interpret, and have no memory that can be both written and run */
    bool has_no_rewind;    /* each cell is forked anew; see SECURITY.md */
    bool is_brief;         /* few cells will be taken: it is up sooner, and each takes longer */
    unsigned numbers_from; /* cells of one host have numbers of their own: of two pools one begins at 0, one at 1 */
};

/* A cell that was taken. */
struct pool_cell {
    uint32_t number;
    int pid; /* as this process sees it; 0 if the kernel did not tell */
};

struct pool_handler {
    /* The zygote is up; taking may begin. `confinement`: the layers that hold for each cell. */
    void (*on_ready)(void *context, uint32_t confinement);
    /* A cell became idle: whoever waits may take. */
    void (*on_idle)(void *context);
    /* A cell that was taken, or forked for a host worker, has ended. */
    void (*on_death)(void *context, const struct zygote_death *death);
    /* The zygote is gone and its cells with it, whose deaths follow; another one is started, and on_ready comes again.
       May be NULL. */
    void (*on_lost)(void *context, const char *reason);
    /* No zygote came up, or it lacks what is required: there will be no cells. */
    void (*on_failed)(void *context, const char *reason);
    /* No cell can be forked now: out of descriptors, processes or memory. It is tried again. May be NULL. */
    void (*on_stalled)(void *context, const char *reason);
};

/* What its zygotes are to be like; base/zygote_wire.h. */
unsigned pool_traits(const struct pool_config *config);

/* Starts the zygote. Returns 0 or a negative errno. */
int pool_new(uv_loop_t *loop, const struct pool_config *config, const struct pool_handler *handler, void *context,
             struct pool **ret);

/* Ends every cell. */
void pool_free(struct pool *pool);

/* Takes an idle cell out (CELL_PLAIN or CELL_THREADS): its number and the owner's end of its socket, which is the caller's to
   close. Returns the descriptor, or -EAGAIN when none is idle. Either way the pool refills. */
int pool_take(struct pool *pool, enum cell_role role, struct pool_cell *ret_cell);

/* Forks a cell for a host worker, outside the pool. Returns the descriptor; READY comes on it. */
int pool_fork_host(struct pool *pool, uint32_t *ret_cell);

/* Kills a cell that was taken; on_death follows. */
void pool_kill(struct pool *pool, uint32_t cell);

/* A cell that was taken will live long: its memory is for no other after it. */
void pool_keep(struct pool *pool, uint32_t cell);

/* Memory that each cell has from the start, in bytes. */
uint64_t pool_cell_bytes(const struct pool *pool);

/* Whether a cell's READY frame reports the layers that its zygote promised, and those that are required. */
bool pool_is_confined(const struct pool *pool, const struct frame *ready, bool is_host);

void pool_zygotes(const struct pool *pool, struct zygote_stats *ret);

/* How many cells are idle now. */
unsigned pool_idle(const struct pool *pool);
