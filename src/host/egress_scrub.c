#include "host/egress_scrub.h"
#include "base/macros.h"
#include "host/egress_escape.h"
#include "host/egress_needles.h"
#include <string.h>

/* A place in a needle. */
struct spot {
    uint32_t needle, at;
};

/* The spots of a byte c, in needles whose escapes are read, are those from first[c] up to first[c + 1]. */
struct scrub {
    struct needles needles;
    struct spot *spots;
    size_t first[257];
};

static void find_spots(struct scrub *s) {
    size_t next[256];
    for (size_t i = 0; i < s->needles.len; i++) {
        const struct needle *needle = &s->needles.list[i];
        for (size_t at = 0; at < needle->read_len; at++) s->first[needle->read[at] + 1]++;
    }
    for (size_t c = 0; c < 256; c++) s->first[c + 1] += s->first[c];
    s->spots = calloc(s->first[256] + 1, sizeof *s->spots);
    CHECK(s->spots);
    memcpy(next, s->first, sizeof next);
    for (size_t i = 0; i < s->needles.len; i++) {
        const struct needle *needle = &s->needles.list[i];
        for (size_t at = 0; at < needle->read_len; at++)
            s->spots[next[needle->read[at]]++] = (struct spot){(uint32_t)i, (uint32_t)at};
    }
}

struct scrub *scrub_new(const struct injection *injections, size_t len) {
    if (len == 0) return NULL;
    struct scrub *s = calloc(1, sizeof *s);
    CHECK(s);
    for (size_t i = 0; i < len; i++) needles_add(&s->needles, &injections[i]);
    find_spots(s);
    return s;
}

void scrub_free(struct scrub *s) {
    if (!s) return;
    needles_done(&s->needles);
    explicit_bzero(s->spots, s->first[256] * sizeof *s->spots);
    explicit_bzero(s->first, sizeof s->first);
    free(s->spots);
    free(s);
}

/* How long an end of the text is a beginning of the needle. */
static size_t overlap(const uint8_t *text, size_t len, const uint8_t *needle, size_t needle_len) {
    size_t most = needle_len == 0 ? 0 : len < needle_len - 1 ? len : needle_len - 1;
    for (size_t n = most; n > 0; n--) {
        if (text[len - n] == needle[0] && memcmp(text + len - n, needle, n) == 0) return n;
    }
    return 0;
}

/* --- Where there are escapes ------------------------------------------------------------------------------------ */

/* The next of each byte that escapes begin with, so that texts without any are run through three times by memchr() and
   not byte by byte. */
struct marks {
    const uint8_t *next[3];
};

static const uint8_t *next_mark(struct marks *marks, const uint8_t *from, const uint8_t *end) {
    static const uint8_t begins[] = {'\\', '%', '&'};
    const uint8_t *first = end;
    for (size_t i = 0; i < COUNT_OF(begins); i++) {
        const uint8_t **next = &marks->next[i];
        if (!*next || *next < from) *next = from < end ? memchr(from, begins[i], (size_t)(end - from)) : NULL;
        if (!*next) *next = end;
        if (*next < first) first = *next;
    }
    return first;
}

enum fit { FITS_NOT, FITS_SO_FAR, FITS };

/* Whether the text goes on from *at as the needle does from `i`, and if so up to where. */
static enum fit compare(const struct needle *needle, size_t i, const uint8_t *text, size_t len, size_t *at) {
    struct escaped c;
    while (i < needle->read_len) {
        if (*at == len) return FITS_SO_FAR;
        size_t n = 1;
        c = (struct escaped){{text[*at]}, 1};
        if (escape_begins(text[*at])) n = escape_read(text + *at, len - *at, &c);
        if (n == 0) { /* nothing may follow, and then it is what it looks like */
            bool is_rest = needle->read_len - i == len - *at && memcmp(needle->read + i, text + *at, len - *at) == 0;
            if (!is_rest) return FITS_SO_FAR;
            *at = len;
            return FITS;
        }
        if (c.len == 0 || c.len > needle->read_len - i || memcmp(c.bytes, needle->read + i, c.len) != 0)
            return FITS_NOT;
        i += c.len;
        *at += n;
    }
    return FITS;
}

/* Overwrites what has its first escape here, if anything, and returns where to go on; `behind` is where the escape
   ends. Before an occurrence's first escape stand the needle's own bytes. */
static size_t scrub_escape(const struct scrub *s, uint8_t *text, size_t len, size_t mark, const struct escaped *c,
                           size_t behind, size_t *held) {
    size_t last = c->len ? s->first[c->bytes[0] + 1] : 0;
    for (size_t i = c->len ? s->first[c->bytes[0]] : 0; i < last; i++) {
        const struct needle *needle = &s->needles.list[s->spots[i].needle];
        size_t before = s->spots[i].at, at = mark;
        if (before > mark || (before > 0 && text[mark - 1] != needle->read[before - 1])) continue;
        size_t start = mark - before;
        if (memcmp(text + start, needle->read, before) != 0) continue;
        enum fit fit = compare(needle, before, text, len, &at);
        if (fit == FITS_SO_FAR && len - start > *held) *held = len - start;
        if (fit != FITS) continue;
        memset(text + start, '*', at - start);
        return at;
    }
    return behind;
}

/* Returns how much of the end must wait. */
static size_t scrub_escapes(const struct scrub *s, uint8_t *text, size_t len) {
    struct marks marks = {0};
    size_t held = 0;
    for (size_t at = 0; (at = (size_t)(next_mark(&marks, text + at, text + len) - text)) < len;) {
        struct escaped c;
        size_t n = escape_read(text + at, len - at, &c);
        if (n > 0) {
            at = scrub_escape(s, text, len, at, &c, at + n, &held);
            continue;
        }
        size_t before = 0; /* one that may go on with this escape */
        for (size_t i = 0; i < s->needles.len; i++) {
            size_t n_before = overlap(text, at, s->needles.list[i].read, s->needles.list[i].read_len);
            if (n_before > before) before = n_before;
        }
        return len - at + before > held ? len - at + before : held;
    }
    return held;
}

size_t scrub_text(const struct scrub *s, uint8_t *text, size_t len) {
    if (!s || len == 0) return 0;
    /* Before the others, which would leave an escape's backslash before the asterisks. */
    size_t held = scrub_escapes(s, text, len);
    for (size_t i = 0; i < s->needles.len; i++) {
        const struct needle *needle = &s->needles.list[i];
        for (uint8_t *p = text; (p = memmem(p, len - (size_t)(p - text), needle->bytes, needle->len));
             p += needle->len) {
            memset(p, '*', needle->len);
        }
        size_t n = overlap(text, len, needle->bytes, needle->len);
        if (n > held) held = n;
    }
    return held;
}
