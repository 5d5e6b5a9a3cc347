/* The cells that a host worker holds: granted ahead of need, claimed by load() or get(), named ones evicted least
   recently used under a byte budget, those killed that go beyond a limit and do not end by themselves. Runs in the supervisor. dynamic-workers.md 1.3; design.md section 6. */
#pragma once
#include "host/channel.h"
#include "host/pool.h"

struct loader;

struct loader_config {
    unsigned grants_target;   /* idle cells of each profile that the host worker holds ahead of need */
    uint64_t named_bytes_max; /* private memory that all named cells may have together */
    int usage_fd;             /* where lines about ended cells go, the caller's; -1 for nowhere */
};

/* `pools` has those of the profiles that the worker loads, NULL for others; they and `channel`, which is the host worker's
   cell's, must outlive the loader. NULL without memory. */
struct loader *loader_new(uv_loop_t *loop, struct pool *const pools[static PROFILES], struct host_channel *channel,
                          const struct loader_config *config);

/* Forgets all cells; they end by themselves when the host worker's cell is gone. */
void loader_free(struct loader *loader);

/* Grants what is missing, as far as the pool has idle cells. */
void loader_grant(struct loader *loader);

/* CLAIM and TOUCH frames. Returns 0 or -EPROTO. */
int loader_claim(struct loader *loader, uint32_t cell, const char *head, size_t head_len);
void loader_touch(struct loader *loader, uint32_t cell, const char *head, size_t head_len);

/* RELEASE: the host worker gave the cell up, after so many requests. One that spins does not see that, and is killed
   within two seconds. */
void loader_release(struct loader *loader, uint32_t cell, const char *head, size_t head_len);

/* WANT: the host worker waits for a cell that these flags tell of (of a GRANT). Returns 0 or -EPROTO. */
int loader_want(struct loader *loader, uint8_t flags);

/* No cell of a profile can be had for now: loads that wait for one fail with the reason. */
void loader_stalled(struct loader *loader, enum profile profile, const char *reason);

/* A cell ended; tells the host worker why, if it held that cell. */
void loader_cell_died(struct loader *loader, const struct zygote_death *death);

/* The named worker that was used last is to stay on this processor, and the one before it need not any more; -1: none has
   to. See gather.h. */
void loader_stay(struct loader *loader, int cpu);

struct loader_stats {
    unsigned granted, claimed, named;
    uint64_t named_bytes; /* as of the last sample */
    uint64_t loads, evictions;
};
void loader_stats(const struct loader *loader, struct loader_stats *ret);
