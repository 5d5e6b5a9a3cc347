#include "host/limits.h"
#include "base/macros.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *api_name;
} names[] = {
#define X(name, api_name) {name, api_name},
    OPERATOR_LIMITS(X)
#undef X
};

static int find(const char *name) {
    for (int i = 0; i < OPERATOR_LIMITS_LEN; i++) {
        if (strcmp(names[i].name, name) == 0 || strcmp(names[i].api_name, name) == 0) return i;
    }
    return -ENOENT;
}

int limits_set(struct operator_limits *limits, const char *name, int64_t value) {
    int i = find(name);
    if (i < 0) return i;
    if (value < 0 || value > OPERATOR_LIMIT_MAX) return -ERANGE;
    limits->of[i].value = value;
    limits->of[i].is_set = 1;
    return 0;
}

void limits_merge(struct operator_limits *limits, const struct operator_limits *from) {
    for (int i = 0; i < OPERATOR_LIMITS_LEN; i++) {
        if (from->of[i].is_set) limits->of[i] = from->of[i];
    }
}

int limits_parse(struct operator_limits *limits, const char *text) {
    const char *equals = strchr(text, '=');
    char name[32], *end;
    if (!equals || (size_t)(equals - text) >= sizeof name || equals[1] < '0' || equals[1] > '9') return -EINVAL;
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    errno = 0;
    long long value = strtoll(equals + 1, &end, 10);
    if (*end) return -EINVAL;
    return limits_set(limits, name, errno ? -1 : value);
}

int limits_put(const struct operator_limits *limits, struct buf *out) {
    const char *comma = "";
    int r = buf_append_text(out, "{");
    for (int i = 0; i < OPERATOR_LIMITS_LEN && r == 0; i++) {
        if (!limits->of[i].is_set) continue;
        r = buf_printf(out, "%s\"%s\":%lld", comma, names[i].api_name, (long long)limits->of[i].value);
        comma = ",";
    }
    return r == 0 ? buf_append_text(out, "}") : r;
}
