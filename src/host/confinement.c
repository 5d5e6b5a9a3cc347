#include "host/confinement.h"
#include "base/confinement.h"
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[CONFINEMENT_COUNT] = {
#define X(name, text, meaning, hint) text,
    CONFINEMENT_LAYERS(X)
#undef X
};

uint32_t confinement_all(void) {
    return (1u << CONFINEMENT_COUNT) - 1;
}

/* "Landlock" is landlock, and "empty root" is empty-root. */
static bool is_name(const char *name, const char *given, size_t len) {
    if (strlen(name) != len) return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i] == ' ' ? '-' : (char)tolower((unsigned char)name[i]);
        if (c != given[i]) return false;
    }
    return true;
}

int confinement_parse(const char *list, uint32_t *ret, char *unknown, size_t unknown_len) {
    *ret = 0;
    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");
        uint32_t found = len == 3 && strncmp(at, "all", 3) == 0 ? confinement_all() : 0;
        for (size_t i = 0; i < CONFINEMENT_COUNT && !found; i++) {
            if (is_name(names[i], at, len)) found = 1u << i;
        }
        if (!found) {
            snprintf(unknown, unknown_len, "%.*s", (int)len, at);
            return -EINVAL;
        }
        *ret |= found;
        at += len;
        if (!*at) return 0;
    }
}

char *confinement_names(uint32_t layers, char *out, size_t out_len) {
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < CONFINEMENT_COUNT && len < out_len; i++) {
        if (layers & 1u << i) len += (size_t)snprintf(out + len, out_len - len, "%s%s", len ? ", " : "", names[i]);
    }
    return out;
}

int confinement_of_ready(const struct frame *frame, uint32_t *ret) {
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    if (frame_split(frame, &head, &head_len, &tail, &tail_len) < 0 || tail_len != sizeof *ret) return -EPROTO;
    memcpy(ret, tail, sizeof *ret);
    *ret = le32toh(*ret);
    return 0;
}
