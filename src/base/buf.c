#include "base/buf.h"
#include "base/macros.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* An empty buffer above this size returns its memory. */
#define BUF_KEEP_BYTES (64 * 1024)

void buf_done(struct buf *b) {
    free(b->data);
    *b = (struct buf){0};
}

uint8_t *buf_room(struct buf *b, size_t n) {
    if (b->capacity - b->end >= n) return b->data + b->end;
    size_t len = buf_len(b);
    if (n > SIZE_MAX / 2 - len) return NULL;
    if (b->start > 0) {
        memmove(b->data, b->data + b->start, len);
        b->start = 0;
        b->end = len;
        if (b->capacity - len >= n) return b->data + len;
    }
    size_t capacity = b->capacity ? b->capacity : 512;
    while (capacity < len + n) capacity *= 2;
    uint8_t *data = realloc(b->data, capacity);
    if (!data) return NULL;
    b->data = data;
    b->capacity = capacity;
    return data + len;
}

int buf_fit(struct buf *b, size_t n, size_t at) {
    size_t len = buf_len(b), start = (BUF_ALIGNMENT - at % BUF_ALIGNMENT) % BUF_ALIGNMENT;
    if (n > SIZE_MAX / 2 - len) return -ENOMEM;
    uint8_t *data = malloc(start + len + n); /* is aligned likewise */
    if (!data) return -ENOMEM;
    if (len) memcpy(data + start, buf_bytes(b), len);
    free(b->data);
    *b = (struct buf){.data = data, .start = start, .end = start + len, .capacity = start + len + n};
    return 0;
}

void buf_add(struct buf *b, size_t n) {
    CHECK(n <= b->capacity - b->end);
    b->end += n;
}

int buf_append(struct buf *b, const void *data, size_t n) {
    if (n == 0) return 0;
    uint8_t *room = buf_room(b, n);
    if (!room) return -ENOMEM;
    memcpy(room, data, n);
    b->end += n;
    return 0;
}

int buf_append_text(struct buf *b, const char *text) {
    return buf_append(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(n >= 0);
    char *room = (char *)buf_room(b, (size_t)n + 1);
    if (!room) return -ENOMEM;
    va_start(args, format);
    vsnprintf(room, (size_t)n + 1, format, args);
    va_end(args);
    b->end += (size_t)n;
    return 0;
}

/* The length of the valid UTF-8 sequence at p (RFC 3629), or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t n) {
    if (p[0] < 0x80) return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return len;
}

int buf_append_json(struct buf *b, const char *text, size_t n) {
    static const char hex[] = "0123456789abcdef";
    if (n > (SIZE_MAX - 2) / 6) return -ENOMEM;
    uint8_t *out = buf_room(b, n * 6 + 2);
    if (!out) return -ENOMEM;
    const uint8_t *p = (const uint8_t *)text, *end = p + n;
    uint8_t *o = out;
    *o++ = '"';
    while (p < end) {
        size_t len = utf8_sequence(p, (size_t)(end - p));
        if (len == 0) {
            memcpy(o, "\xef\xbf\xbd", 3);
            o += 3;
            p++;
        } else if (*p == '"' || *p == '\\') {
            *o++ = '\\';
            *o++ = *p++;
        } else if (*p < 0x20) {
            memcpy(o, "\\u00", 4);
            o[4] = (uint8_t)hex[*p >> 4];
            o[5] = (uint8_t)hex[*p & 15];
            o += 6;
            p++;
        } else {
            memcpy(o, p, len);
            o += len;
            p += len;
        }
    }
    *o++ = '"';
    b->end += (size_t)(o - out);
    return 0;
}

void buf_consume(struct buf *b, size_t n) {
    CHECK(n <= buf_len(b));
    b->start += n;
    if (b->start < b->end) return;
    b->start = b->end = 0;
    if (b->capacity > BUF_KEEP_BYTES) buf_done(b);
}
