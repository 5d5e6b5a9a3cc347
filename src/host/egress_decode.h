/* Content codings of responses: gzip, deflate, br, zstd, and none. Works in pieces of bounded size, so that a body that
   grows a thousandfold is read only as fast as its worker takes it. Runs in the egress process on hostile bytes. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <sys/types.h>

struct decoder;

/* What egress says it accepts. */
#define DECODE_ACCEPT "gzip, deflate, br, zstd"

/* For a Content-Encoding; *ret is NULL for none. Returns 0, -ENOTSUP for a coding that is not known, or -ENOMEM. */
int decoder_new(const char *coding, struct decoder **ret);
void decoder_free(struct decoder *decoder);

/* Decodes from the front of `in`, which is consumed as far as was needed, and appends up to `out_max` bytes. Returns
   the bytes appended, 0 when more input is needed or the end is reached, or -EBADMSG. */
ssize_t decoder_take(struct decoder *decoder, struct buf *in, struct buf *out, size_t out_max);

/* Whether the body may end here: a coded one must be complete. */
bool decoder_is_complete(const struct decoder *decoder);
