/* Takes secrets out of what comes back: each stands there as so many asterisks, so lengths stay. Looks for the forms of
   egress_needles.h, with any of their characters escaped as in egress_escape.h, across the borders of pieces. What a
   server makes of a secret otherwise (a hash, another alphabet) is not found. Runs in the egress process. */
#pragma once
#include "base/buf.h"
#include "host/egress_policy.h"

struct scrub;

/* For the secrets of these injections; NULL when there are none. */
struct scrub *scrub_new(const struct injection *injections, size_t len);
void scrub_free(struct scrub *scrub);

/* Overwrites in place every whole occurrence. Returns how many bytes at the end may be the beginning of one, which must
   wait for what follows. */
size_t scrub_text(const struct scrub *scrub, uint8_t *text, size_t len);
