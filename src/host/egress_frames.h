/* The frames of a WebSocket (RFC 6455, 5.2) on their way to a cell, without secrets: they are looked for in each
   message across the borders of its frames, so frames of data are cut anew (5.4 lets an intermediary do that where no
   extension was agreed on). Bytes wait within a message only, never beyond its end. Pure but for memory; runs in the
   egress process on what servers send. */
#pragma once
#include "host/egress_scrub.h"

struct frames;

/* `scrub` must outlive it. */
struct frames *frames_new(const struct scrub *scrub);
void frames_free(struct frames *frames);

/* Takes bytes that came and appends what may go on: of n bytes not more than 2 * n + frames_waiting(). Returns 0, or
   -EBADMSG for frames that no server may send. */
int frames_take(struct frames *frames, const uint8_t *bytes, size_t len, struct buf *out);

/* What may go on besides, once more has come. */
size_t frames_waiting(const struct frames *frames);
