/* Secrets: read once when the egress process starts, kept in memory that no dump shows, named everywhere else. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define SECRET_BYTES_MAX 8192

struct secret {
    const char *name;
    const char *value; /* in guarded memory; NUL-terminated, without CR, LF or NUL inside */
    size_t len;
};

/* Reads all secrets that {NAME: {env | file | credential: WHERE}} tells of, and wipes the environment. Once, before the
   process closes itself in. Returns 0, or a negative errno with a text that names the secret and not its value. */
int secrets_load(const json_t *sources, char *ret_why, size_t why_len);

/* NULL if there is none of that name. It lives as long as the process. */
const struct secret *secret_find(const char *name);
