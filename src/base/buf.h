/* A growable byte buffer that is appended at the end and consumed at the front. Used by every process. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Invariant: start <= end <= capacity; data is NULL only while capacity is 0. All zero is a valid empty buffer. */
struct buf {
    uint8_t *data;
    size_t start, end, capacity;
};

static inline uint8_t *buf_bytes(const struct buf *b) {
    return b->data ? b->data + b->start : NULL;
}
static inline size_t buf_len(const struct buf *b) {
    return b->end - b->start;
}

/* Frees what the buffer holds and makes it empty. */
void buf_done(struct buf *b);

/* Returns room for n more bytes at the end, or NULL without memory; buf_add says how many were written there. */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, size_t n);

/* Appends a copy. Returns 0 or -ENOMEM. */
int buf_append(struct buf *b, const void *data, size_t n);
int buf_append_text(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `text` as a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD. Returns 0 or -ENOMEM. */
int buf_append_json(struct buf *b, const char *text, size_t n);

/* Moves what is there to memory that has room for n more bytes and hardly more, so that byte `at` from the front lies at a
   multiple of BUF_ALIGNMENT. Returns 0 or -ENOMEM. */
#define BUF_ALIGNMENT 16
int buf_fit(struct buf *b, size_t n, size_t at);

/* Drops n bytes at the front; gives memory back when a large buffer becomes empty. */
void buf_consume(struct buf *b, size_t n);
