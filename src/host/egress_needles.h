/* What is looked for in answers: each secret in the forms in which a server may give it back. Runs in the egress
   process. */
#pragma once
#include "host/egress_policy.h"

struct needle {
    uint8_t *bytes;
    size_t len;
    uint8_t *read; /* the same with its escapes read, as escape_read() does it, to be compared with a text's */
    size_t read_len;
};

/* All zero is a valid empty list. */
struct needles {
    struct needle *list;
    size_t len;
};

/* Adds copies of an injection's secret as it was sent, of what follows a scheme in it (`Bearer TOKEN`), of the password
   in a Basic credential, and of their base64 forms; of those with bytes beyond ASCII also what they are to a server
   that takes headers for Latin-1, and of those with spaces how forms in URLs have them. What is too short to be told
   from ordinary text is left out. */
void needles_add(struct needles *needles, const struct injection *injection);

/* Wipes and frees them. */
void needles_done(struct needles *needles);
