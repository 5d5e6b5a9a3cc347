/* What a supervisor says of itself to monitors: `mayfly serve --health PATH`. Runs in the supervisor. */
#pragma once
#include "base/buf.h"
#include "host/loader.h"
#include "host/pool.h"
#include <stdbool.h>
#include <stdint.h>

struct health {
    const char *worker;
    bool is_serving;               /* the host worker is up */
    const char *stalled;           /* why no cell can be forked now, or NULL */
    uint32_t cells, supervisor;    /* layers that hold, enum confinement */
    bool has_group;                /* a control group bounds all cells together */
    unsigned idle;                 /* cells in the pool */
    struct loader_stats loader;    /* cells that the host worker holds */
    struct zygote_stats zygotes[PROFILES]; /* number 0: there is none of this profile */
};

/* Appends it as JSON. Returns 0 or -ENOMEM. */
int health_put(const struct health *health, struct buf *out);
