/* Zygotes, one after the other. All cells of one zygote share the places of its memory, so it is replaced by a fresh
   exec, with places of its own, after so many forks or so long; soon after a cell crashed, which may have been somebody
   looking for those places; and when the engine's library on disk has changed.

     starting --HELLO--> current: forks --a successor is up--> retired: keeps its cells --the last one ended--> stopped

   One that dies takes its own cells along and no others; if it was the current one, another is started, ever more seldom
   while none comes up.

   Used by the pool, on one libuv loop. */
#pragma once
#include "host/zygote.h"

struct generations;

struct generations_config {
    const char *cell_path;
    bool has_jail;
    unsigned traits;    /* of its zygotes, base/zygote_wire.h */
    unsigned forks_max; /* of one zygote; 0 is the default */
    uint64_t age_ms_max;
};

struct generations_handler {
    /* Called for each zygote that is up: from now on it forks. The first one's confinement, or a later one's. */
    void (*on_ready)(void *context, uint32_t confinement);
    void (*on_death)(void *context, const struct zygote_death *death);
    /* The current zygote is gone: nothing forks until the next on_ready. The deaths of its cells follow. */
    void (*on_lost)(void *context, const char *reason);
    /* The first one never came up, or none can be started any more: no other is tried. */
    void (*on_failed)(void *context, const char *reason);
};

/* Starts the first zygote. Returns 0 or a negative errno. */
int generations_new(uv_loop_t *loop, const struct generations_config *config, const struct generations_handler *handler,
                    void *context, struct generations **ret);

/* Ends all zygotes and cells. */
void generations_free(struct generations *all);

/* As zygote_fork and zygote_kill. */
int generations_fork(struct generations *all, uint32_t cell, enum cell_role role, int fd);
void generations_kill(struct generations *all, uint32_t cell);

/* See pool_keep. */
void generations_keep(struct generations *all, uint32_t cell);

void generations_stats(const struct generations *all, struct zygote_stats *ret);

/* Memory that each cell has from the start, in bytes. */
uint64_t generations_cell_bytes(const struct generations *all);
