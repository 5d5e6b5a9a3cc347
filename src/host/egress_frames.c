#include "host/egress_frames.h"
#include <stdbool.h>

/* How long the head is, as far as its first bytes tell. */
static unsigned head_bytes(const struct frames *f) {
    if (f->head_len < 2) return 2;
    unsigned length = f->head[1] & 127, bytes = 2;
    if (length == 126) bytes += 2;
    if (length == 127) bytes += 8;
    return f->head[1] & 128 ? bytes + 4 : bytes;
}

static uint64_t payload_bytes(const struct frames *f) {
    unsigned length = f->head[1] & 127, more = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t n = more ? 0 : length;
    for (unsigned i = 0; i < more; i++) n = n << 8 | f->head[2 + i];
    return n;
}

/* Takes a byte of the head. Returns whether the head is whole. */
static bool take_head(struct frames *f, uint8_t byte) {
    f->head[f->head_len++] = byte;
    if (f->head_len < head_bytes(f)) return false;
    f->left = payload_bytes(f);
    f->came = 0;
    return true;
}

uint64_t frames_follow(struct frames *f, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        if (f->left == 0) {
            if (take_head(f, *bytes)) f->head_len = 0;
            bytes++, len--;
            continue;
        }
        size_t n = len < f->left ? len : (size_t)f->left;
        f->left -= n;
        f->came += n;
        bytes += n, len -= n;
    }
    return f->left > 0 ? f->came : 0;
}
