/* Policies: what a worker may reach, under which conditions, and with which secrets. A policy is JSON: "public" (every
   public address over http and https), null (nothing), or {"allow": [RULE...]} of which the first that fits decides and
   none means no. README.md describes rules. Runs in the egress process. */
#pragma once
#include "host/egress_address.h"
#include "host/egress_secrets.h"
#include "host/egress_url.h"
#include <jansson.h>

struct injection {
    char *header, *prefix;
    const struct secret *secret;
};

struct header_rule {
    char *name;
    char *value; /* NULL: to be removed */
};

struct rule {
    char label[24]; /* "allow[3]", for errors and the log */
    char **hosts, **methods, **paths;
    size_t hosts_len, methods_len, paths_len;
    struct address_range *addresses; /* special addresses that are meant, and not only found */
    size_t addresses_len;
    uint16_t *ports;
    size_t ports_len;
    bool any_port, allows_http, allows_https, allows_tcp, injects_plain;
    struct injection *injections;
    size_t injections_len;
    struct header_rule *headers;
    size_t headers_len;
    unsigned requests_per_minute; /* 0: any number */
    uint64_t bytes_max;           /* of a request and its response together; 0: any number */
    unsigned timeout_ms;          /* of the whole exchange; 0: none */
    uint64_t minute;              /* the one that `requests` counts */
    unsigned requests;
};

struct policy {
    bool is_public;
    struct rule *rules;
    size_t rules_len;
};

/* Returns 0, or -EINVAL with a text that tells where in the policy what is wrong; `path` is how that begins. `bounds`
   may be NULL; else secrets are those only that its rules inject. */
int policy_parse(const json_t *from, const char *path, const struct policy *bounds, struct policy *ret, char *ret_why,
                 size_t why_len);
void policy_done(struct policy *policy);

enum policy_scheme { POLICY_HTTP, POLICY_HTTPS, POLICY_TCP };

/* What a rule is asked for. path and method are NULL for TCP. */
struct policy_request {
    enum policy_scheme scheme;
    const char *host;
    bool is_literal;
    uint16_t port;
    const char *method, *path;
};

/* The first rule that fits; NULL if none does, and then *ret_why says what came nearest. A public policy has one rule.
 */
struct rule *policy_match(struct policy *policy, const struct policy_request *request, const char **ret_why);

/* NULL when the rule lets requests go to the address; else what kind of address it is. */
const char *rule_refuses(const struct rule *rule, const char *host, bool is_literal, const struct address *address);

/* Counts a request against the rule's minute. False when the minute is full. */
bool rule_take(struct rule *rule, uint64_t now_ms);
