/* The files of a host worker's project, as modules. Runs in the supervisor. */
#pragma once
#include <stddef.h>

#define SOURCE_BYTES_MAX (64u << 20)

struct source {
    const char *kind; /* as in a LOAD frame: "js", "ts", "cjs", "json", "text", "data", "wasm" */
    char *data;
    size_t len;
};

/* Reads the module `name`, a path relative to `root_dir`, which it cannot leave, through links neither. The kind
   follows from the name, by the rules that wrangler has. Returns 0, -ENOENT, -EACCES for a path outside, -EFBIG over
   SOURCE_BYTES_MAX, or another negative errno; source_done frees. */
int source_read(const char *root_dir, const char *name, struct source *ret);
void source_done(struct source *source);
