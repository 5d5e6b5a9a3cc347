#include "host/egress_scrub.h"
#include "base/macros.h"
#include "host/egress_needles.h"
#include <string.h>

struct scrub {
    struct needles needles;
};

struct scrub *scrub_new(const struct injection *injections, size_t len) {
    if (len == 0) return NULL;
    struct scrub *s = calloc(1, sizeof *s);
    CHECK(s);
    for (size_t i = 0; i < len; i++) needles_add(&s->needles, &injections[i]);
    return s;
}

void scrub_free(struct scrub *s) {
    if (!s) return;
    needles_done(&s->needles);
    free(s);
}

/* How long an end of the text is a beginning of the needle. */
static size_t overlap(const uint8_t *text, size_t len, const struct needle *needle) {
    size_t most = len < needle->len - 1 ? len : needle->len - 1;
    for (size_t n = most; n > 0; n--) {
        if (text[len - n] == needle->bytes[0] && memcmp(text + len - n, needle->bytes, n) == 0) return n;
    }
    return 0;
}

size_t scrub_text(const struct scrub *s, uint8_t *text, size_t len) {
    size_t held = 0;
    for (size_t i = 0; s && len > 0 && i < s->needles.len; i++) {
        const struct needle *needle = &s->needles.list[i];
        for (uint8_t *p = text; (p = memmem(p, len - (size_t)(p - text), needle->bytes, needle->len));
             p += needle->len) {
            memset(p, '*', needle->len);
        }
        size_t n = overlap(text, len, needle);
        if (n > held) held = n;
    }
    return held;
}
