/* The limits that an operator sets for dynamic workers (not for the host worker, which is the operator's own), in the
   configuration's `limits` or by --limit NAME=N. What they mean and what holds without them: runtime/limits.ts. Runs in
   the supervisor. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

/* Name in configurations, name in the loader's API. */
#define OPERATOR_LIMITS(X)                                                                                             \
    X("cpu_ms", "cpuMs")                                                                                               \
    X("wall_ms", "wallMs")                                                                                             \
    X("memory_mb", "memoryMb")                                                                                         \
    X("subrequests", "subRequests")                                                                                    \
    X("connections", "connections")                                                                                    \
    X("rpc_message_bytes", "rpcMessageBytes")                                                                          \
    X("response_bytes", "responseBytes")                                                                               \
    X("log_bytes", "logBytes")                                                                                         \
    X("code_bytes", "codeBytes")                                                                                       \
    X("env_bytes", "envBytes")                                                                                         \
    X("open_stubs", "openStubs")                                                                                       \
    X("live_cells", "liveCells")                                                                                       \
    X("loads_per_second", "loadsPerSecond")

#define OPERATOR_LIMIT_MAX INT32_MAX

enum {
#define X(name, api_name) +1
    OPERATOR_LIMITS_LEN = 0 OPERATOR_LIMITS(X)
#undef X
};

/* All zero: nothing was set. */
struct operator_limits {
    struct {
        int64_t value;
        int is_set;
    } of[OPERATOR_LIMITS_LEN];
};

/* Sets a limit by either of its names; 0 is no limit. Returns 0, -ENOENT for no such limit, -ERANGE for no such value.
 */
int limits_set(struct operator_limits *limits, const char *name, int64_t value);

/* Takes over what was set in `from`. */
void limits_merge(struct operator_limits *limits, const struct operator_limits *from);

/* Reads NAME=N. Returns 0, -EINVAL for another shape, or as above. */
int limits_parse(struct operator_limits *limits, const char *text);

/* Appends what was set as a JSON object. Returns 0 or -ENOMEM. */
int limits_put(const struct operator_limits *limits, struct buf *out);
