/* Policy on the layers around cells (base/confinement.h): which ones must hold, and the names of those that do not. */
#pragma once
#include "base/frame.h"
#include <stddef.h>
#include <stdint.h>

/* Reads a list such as "syscall-filter,empty-root"; "all" names all of them. Returns 0, or -EINVAL with the first name
   that is none in `unknown`. */
int confinement_parse(const char *list, uint32_t *ret, char *unknown, size_t unknown_len);

/* Puts the names of these layers into `out`, with commas; "" for none. Returns `out`. */
char *confinement_names(uint32_t layers, char *out, size_t out_len);

/* All that there are. */
uint32_t confinement_all(void);

/* Reads a READY frame. Returns 0, or -EPROTO. */
int confinement_of_ready(const struct frame *frame, uint32_t *ret);
