#include "host/egress_scrub.h"
#include "base/macros.h"
#include <openssl/evp.h>
#include <string.h>

/* A secret shorter than this would blot out half of every answer; base64 of fewer bytes says too little to be found. */
#define NEEDLE_BYTES_MIN 4

struct needle {
    uint8_t *bytes;
    size_t len;
};

struct scrub {
    struct needle *needles;
    size_t len;
};

static void add(struct scrub *s, const void *bytes, size_t len) {
    if (len < NEEDLE_BYTES_MIN) return;
    s->needles = realloc(s->needles, (s->len + 1) * sizeof *s->needles);
    CHECK(s->needles);
    uint8_t *copy = malloc(len);
    CHECK(copy);
    memcpy(copy, bytes, len);
    s->needles[s->len++] = (struct needle){copy, len};
}

/* In base64 a text looks different at each of three offsets; the characters at its edges depend on its neighbours and
   are left out. Both alphabets. */
static void add_base64(struct scrub *s, const struct secret *secret) {
    for (size_t offset = 0; offset < 3; offset++) {
        size_t in_len = offset + secret->len;
        uint8_t *in = calloc(1, in_len + 1), *out = malloc(4 * ((in_len + 2) / 3) + 1);
        CHECK(in && out);
        memcpy(in + offset, secret->value, secret->len);
        int n = EVP_EncodeBlock(out, in, (int)in_len);
        size_t from = offset == 0 ? 0 : offset + 1;
        size_t to = in_len % 3 == 0 ? (size_t)n : (size_t)n - (in_len % 3 == 1 ? 3 : 2);
        if (to > from && to - from >= 2 * NEEDLE_BYTES_MIN) {
            add(s, out + from, to - from);
            bool has_special = false;
            for (size_t i = from; i < to; i++) {
                has_special |= out[i] == '+' || out[i] == '/';
                out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
            }
            if (has_special) add(s, out + from, to - from);
        }
        explicit_bzero(in, in_len);
        explicit_bzero(out, (size_t)n);
        free(in);
        free(out);
    }
}

struct scrub *scrub_new(const struct injection *injections, size_t len) {
    if (len == 0) return NULL;
    struct scrub *s = calloc(1, sizeof *s);
    CHECK(s);
    for (size_t i = 0; i < len; i++) {
        add(s, injections[i].secret->value, injections[i].secret->len);
        add_base64(s, injections[i].secret);
        /* Basic credentials travel as base64 themselves: what they decode to is an echo, too. */
    }
    return s;
}

void scrub_free(struct scrub *s) {
    if (!s) return;
    for (size_t i = 0; i < s->len; i++) {
        explicit_bzero(s->needles[i].bytes, s->needles[i].len);
        free(s->needles[i].bytes);
    }
    free(s->needles);
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
    for (size_t i = 0; s && len > 0 && i < s->len; i++) {
        const struct needle *needle = &s->needles[i];
        for (uint8_t *p = text; (p = memmem(p, len - (size_t)(p - text), needle->bytes, needle->len));
             p += needle->len) {
            memset(p, '*', needle->len);
        }
        size_t n = overlap(text, len, needle);
        if (n > held) held = n;
    }
    return held;
}
