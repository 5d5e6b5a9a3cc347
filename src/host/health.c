#include "host/health.h"
#include "base/confinement.h"
#include "base/macros.h"
#include "host/confinement.h"
#include "host/supervisor_jail.h"
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* As --require-confinement takes them. */
static char *as_option(char *name) {
    for (char *c = name; *c; c++) *c = *c == ' ' ? '-' : (char)tolower((unsigned char)*c);
    return name;
}

static json_t *names_of(uint32_t layers) {
    json_t *names = json_array();
    for (uint32_t layer = 1; layer <= layers; layer <<= 1) {
        char name[64];
        if (layers & layer) json_array_append_new(names, json_string(as_option(confinement_names(layer, name, sizeof name))));
    }
    return names;
}

static json_t *confinement(uint32_t layers, uint32_t all) {
    return json_pack("{s:I, s:o, s:o}", "mask", (json_int_t)layers, "holds", names_of(layers & all), "missing", names_of(all & ~layers));
}

static json_t *zygotes(const struct zygote_stats *stats) {
    if (stats->number == 0) return NULL;
    return json_pack("{s:i, s:i, s:i, s:I, s:b}", "generation", stats->number, "alive", stats->alive, "forks", stats->forks,
                     "ageMs", (json_int_t)stats->age_ms, "rewinds", stats->rewinds);
}

static json_t *pack(const struct health *h) {
    json_t *cells = json_pack("{s:i, s:i, s:i, s:i, s:I}", "idle", h->idle, "granted", h->loader.granted, "loaded",
                              h->loader.claimed, "named", h->loader.named, "namedBytes", (json_int_t)h->loader.named_bytes);
    json_t *layers = json_pack("{s:b, s:o, s:o}", "controlGroup", h->has_group, "cells", confinement(h->cells, confinement_all()), "supervisor",
                               confinement(h->supervisor, supervisor_layers));
    return json_pack("{s:s, s:s*, s:s, s:o, s:o*, s:o*, s:I, s:I, s:o}", "status",
                     !h->is_serving ? "restarting" : h->stalled ? "stalled" : "ok", "reason", h->stalled, "worker",
                     h->worker, "cells", cells, "zygotes", zygotes(&h->zygotes[PROFILE_JIT]), "zygotesWithoutJit",
                     zygotes(&h->zygotes[PROFILE_NO_JIT]), "loads", (json_int_t)h->loader.loads, "evictions",
                     (json_int_t)h->loader.evictions, "confinement", layers);
}

int health_put(const struct health *health, struct buf *out) {
    json_t *root = pack(health);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    int r = text ? buf_append(out, text, strlen(text)) : -ENOMEM;
    free(text);
    return r == 0 ? buf_append(out, "\n", 1) : r;
}
