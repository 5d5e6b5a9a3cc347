/* URLs as egress takes them: what the cell's parser has made canonical, checked again by libcurl's parser and by rules
   of our own, so that both mean the same place. Runs in the egress process. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_HOST_MAX 254
#define URL_TEXT_MAX (64u * 1024u)

struct url {
    char *text; /* scheme://host[:port]/path?query, without a fragment */
    bool is_https;
    char host[URL_HOST_MAX]; /* lower case, no trailing dot; IPv6 without brackets */
    bool is_literal;         /* the host is an address */
    uint16_t port;
    char *path; /* without the query */
};

/* Returns 0, -ENOMEM, or -EINVAL with *ret_why, a static text. `base` may be NULL; else `text` is relative to it. */
int url_parse(const char *base, const char *text, struct url *ret, const char **ret_why);
void url_done(struct url *url);

/* A host as it may stand in a URL or rule: an address, or labels of letters, digits, - and _. Writes it in lower case
   without a trailing dot. */
bool url_host_check(const char *text, char out[URL_HOST_MAX], bool *ret_is_literal);

bool url_same_origin(const struct url *a, const struct url *b);
