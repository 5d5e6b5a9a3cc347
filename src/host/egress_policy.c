#include "host/egress_policy.h"
#include "base/macros.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define RULES_MAX         1000
#define ITEMS_MAX         1000
#define PATTERN_BYTES_MAX 256

/* The rule of a policy that is "public". */
static struct rule *public_rule(void) {
    struct rule *rule = calloc(1, sizeof *rule);
    CHECK(rule);
    snprintf(rule->label, sizeof rule->label, "public");
    rule->hosts = calloc(1, sizeof *rule->hosts);
    CHECK(rule->hosts && (rule->hosts[0] = strdup("*")));
    rule->hosts_len = 1;
    rule->allows_http = rule->allows_https = rule->allows_tcp = true;
    return rule;
}

static void free_texts(char **texts, size_t len) {
    for (size_t i = 0; i < len; i++) free(texts[i]);
    free(texts);
}

static void rule_done(struct rule *r) {
    free_texts(r->hosts, r->hosts_len);
    free_texts(r->methods, r->methods_len);
    free_texts(r->paths, r->paths_len);
    free(r->addresses);
    free(r->ports);
    for (size_t i = 0; i < r->injections_len; i++) {
        free(r->injections[i].header);
        free(r->injections[i].prefix);
    }
    for (size_t i = 0; i < r->headers_len; i++) {
        free(r->headers[i].name);
        free(r->headers[i].value);
    }
    free(r->injections);
    free(r->headers);
}

void policy_done(struct policy *p) {
    for (size_t i = 0; i < p->rules_len; i++) rule_done(&p->rules[i]);
    free(p->rules);
    *p = (struct policy){0};
}

/* --- Reading ---------------------------------------------------------------------------------------------------- */

/* Where the reader is, for messages. */
struct reader {
    const char *path;
    const char *label;
    const struct policy *bounds;
    char *why;
    size_t why_len;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct reader *in, const char *key, const char *format,
                                                        ...) {
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(in->why, in->why_len, "%s%s%s%s%s: %s", in->path, in->label ? "." : "", in->label ? in->label : "",
             key ? "." : "", key ? key : "", text);
    return -EINVAL;
}

/* A list of strings, or one string for a list of one. */
static int read_texts(const struct reader *in, const json_t *rule, const char *key, char ***ret, size_t *ret_len) {
    json_t *list = json_object_get(rule, key);
    if (!list) return 0;
    bool is_list = json_is_array(list);
    size_t len = is_list ? json_array_size(list) : 1;
    if (len > ITEMS_MAX) return refuse(in, key, "more than %d entries", ITEMS_MAX);
    *ret = calloc(len + 1, sizeof **ret);
    CHECK(*ret);
    for (size_t i = 0; i < len; i++) {
        const char *text = json_string_value(is_list ? json_array_get(list, i) : list);
        if (!text || !*text) return refuse(in, key, "expected a list of strings");
        (*ret)[(*ret_len)++] = strdup(text);
    }
    return len == 0 ? refuse(in, key, "an empty list allows nothing: leave the rule out") : 0;
}

/* "*", "*.example.com", "api.example.com", or an address. */
static int check_host(const struct reader *in, char **host) {
    char clean[URL_HOST_MAX];
    bool is_literal, is_wild = strncmp(*host, "*.", 2) == 0;
    if (strcmp(*host, "*") == 0) return 0;
    if (!url_host_check(*host + (is_wild ? 2 : 0), clean, &is_literal) || (is_wild && is_literal)) {
        return refuse(in, "hosts", "\"%.100s\" is neither a name, *.name, an address nor *", *host);
    }
    free(*host);
    CHECK(asprintf(host, "%s%s", is_wild ? "*." : "", clean) > 0);
    return 0;
}

static int read_addresses(const struct reader *in, const json_t *rule, struct rule *ret) {
    char **texts = NULL;
    size_t len = 0;
    int r = read_texts(in, rule, "addresses", &texts, &len);
    ret->addresses = calloc(len + 1, sizeof *ret->addresses);
    CHECK(ret->addresses);
    for (size_t i = 0; i < len && r == 0; i++) {
        if (address_range_parse(texts[i], &ret->addresses[i]))
            ret->addresses_len++;
        else
            r = refuse(in, "addresses", "\"%.60s\" is no address and no range such as 10.0.0.0/8", texts[i]);
    }
    free_texts(texts, len);
    return r;
}

static int read_ports(const struct reader *in, const json_t *rule, struct rule *ret) {
    json_t *list = json_object_get(rule, "ports"), *port;
    size_t i;
    if (!list) return 0;
    ret->any_port = json_is_string(list) && strcmp(json_string_value(list), "*") == 0;
    if (ret->any_port) return 0;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > ITEMS_MAX)
        return refuse(in, "ports", "expected a list of numbers, or \"*\"");
    ret->ports = calloc(json_array_size(list), sizeof *ret->ports);
    CHECK(ret->ports);
    json_array_foreach(list, i, port) {
        json_int_t n = json_integer_value(port);
        if (n < 1 || n > 65535) return refuse(in, "ports", "expected numbers from 1 to 65535");
        ret->ports[ret->ports_len++] = (uint16_t)n;
    }
    return 0;
}

static int read_schemes(const struct reader *in, const json_t *rule, struct rule *ret) {
    char **texts = NULL;
    size_t len = 0;
    ret->allows_https = !json_object_get(rule, "schemes");
    int r = read_texts(in, rule, "schemes", &texts, &len);
    for (size_t i = 0; i < len && r == 0; i++) {
        if (strcmp(texts[i], "https") == 0)
            ret->allows_https = true;
        else if (strcmp(texts[i], "http") == 0)
            ret->allows_http = true;
        else if (strcmp(texts[i], "tcp") == 0)
            ret->allows_tcp = true;
        else
            r = refuse(in, "schemes", "\"%.20s\" is none of https, http and tcp", texts[i]);
    }
    free_texts(texts, len);
    return r;
}

static bool is_token(const char *text) {
    if (!*text) return false;
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text)) return false;
    }
    return true;
}

static bool is_value(const char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) return false;
    }
    return true;
}

/* A secret that a bounded policy may name. */
static bool within_bounds(const struct policy *bounds, const struct secret *secret) {
    if (!bounds) return true;
    for (size_t i = 0; i < bounds->rules_len; i++) {
        for (size_t j = 0; j < bounds->rules[i].injections_len; j++) {
            if (bounds->rules[i].injections[j].secret == secret) return true;
        }
    }
    return false;
}

static int read_injections(const struct reader *in, const json_t *rule, struct rule *ret) {
    json_t *list = json_object_get(rule, "inject"), *item;
    size_t i;
    if (!list) return 0;
    if (!json_is_array(list) || json_array_size(list) > ITEMS_MAX)
        return refuse(in, "inject", "expected a list of {header, secret}");
    ret->injections = calloc(json_array_size(list) + 1, sizeof *ret->injections);
    CHECK(ret->injections);
    json_array_foreach(list, i, item) {
        const char *header = json_string_value(json_object_get(item, "header"));
        const char *secret = json_string_value(json_object_get(item, "secret"));
        const char *prefix = json_string_value(json_object_get(item, "prefix"));
        if (!header || !is_token(header) || !secret || (prefix && !is_value(prefix)))
            return refuse(in, "inject", "expected {header: NAME, secret: NAME, prefix?: TEXT}");
        const struct secret *found = secret_find(secret);
        if (!found || !within_bounds(in->bounds, found))
            return refuse(in, "inject", "there is no secret named \"%.60s\"", secret);
        struct injection *taken = &ret->injections[ret->injections_len++];
        *taken = (struct injection){strdup(header), strdup(prefix ? prefix : ""), found};
        CHECK(taken->header && taken->prefix);
    }
    return 0;
}

/* {"Name": "value", "Other": null}: set, and removed. */
static int read_headers(const struct reader *in, json_t *rule, struct rule *ret) {
    json_t *table = json_object_get(rule, "headers"), *value;
    const char *name;
    if (!table) return 0;
    if (!json_is_object(table) || json_object_size(table) > ITEMS_MAX)
        return refuse(in, "headers", "expected an object");
    ret->headers = calloc(json_object_size(table) + 1, sizeof *ret->headers);
    CHECK(ret->headers);
    json_object_foreach(table, name, value) {
        const char *text = json_string_value(value);
        if (!is_token(name) || (!json_is_null(value) && (!text || !is_value(text))))
            return refuse(in, "headers", "expected names with a string, or null to remove one");
        ret->headers[ret->headers_len++] = (struct header_rule){strdup(name), text ? strdup(text) : NULL};
    }
    return 0;
}

static int read_number(const struct reader *in, const json_t *rule, const char *key, uint64_t max, uint64_t *ret) {
    json_t *value = json_object_get(rule, key);
    if (!value) return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 1 || (uint64_t)json_integer_value(value) > max)
        return refuse(in, key, "expected a whole number from 1 to %llu", (unsigned long long)max);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int check_keys(const struct reader *in, json_t *rule) {
    static const char *const known[] = {"hosts", "addresses", "ports",  "schemes",     "methods",
                                        "paths", "headers",   "inject", "injectPlain", "requestsPerMinute",
                                        "bytes", "timeoutMs"};
    const char *key;
    json_t *value;
    json_object_foreach(rule, key, value) {
        bool is_known = false;
        for (size_t i = 0; i < COUNT_OF(known); i++) is_known |= strcmp(key, known[i]) == 0;
        if (!is_known) return refuse(in, NULL, "a rule has no \"%.60s\"", key);
    }
    return 0;
}

static int check_texts(const struct reader *in, struct rule *rule) {
    int r = 0;
    for (size_t i = 0; i < rule->hosts_len && r == 0; i++) r = check_host(in, &rule->hosts[i]);
    for (size_t i = 0; i < rule->methods_len && r == 0; i++) {
        if (!is_token(rule->methods[i])) r = refuse(in, "methods", "\"%.60s\" is no method", rule->methods[i]);
        for (char *p = rule->methods[i]; *p; p++) *p = (char)toupper((unsigned char)*p);
    }
    for (size_t i = 0; i < rule->paths_len && r == 0; i++) {
        if (rule->paths[i][0] != '/')
            r = refuse(in, "paths", "\"%.60s\" does not begin with /", rule->paths[i]);
        else if (strlen(rule->paths[i]) > PATTERN_BYTES_MAX)
            r = refuse(in, "paths", "a pattern is too long");
    }
    return r;
}

static int read_rule(const struct reader *in, json_t *from, struct rule *rule) {
    uint64_t per_minute = 0, timeout_ms = 0;
    if (!json_is_object(from)) return refuse(in, NULL, "expected an object");
    if (!json_object_get(from, "hosts")) return refuse(in, "hosts", "a rule needs hosts");
    int r = check_keys(in, from);
    if (r == 0) r = read_texts(in, from, "hosts", &rule->hosts, &rule->hosts_len);
    if (r == 0) r = read_texts(in, from, "methods", &rule->methods, &rule->methods_len);
    if (r == 0) r = read_texts(in, from, "paths", &rule->paths, &rule->paths_len);
    if (r == 0) r = check_texts(in, rule);
    if (r == 0) r = read_addresses(in, from, rule);
    if (r == 0) r = read_ports(in, from, rule);
    if (r == 0) r = read_schemes(in, from, rule);
    if (r == 0) r = read_injections(in, from, rule);
    if (r == 0) r = read_headers(in, from, rule);
    if (r == 0) r = read_number(in, from, "requestsPerMinute", 1000000, &per_minute);
    if (r == 0) r = read_number(in, from, "bytes", (uint64_t)1 << 50, &rule->bytes_max);
    if (r == 0) r = read_number(in, from, "timeoutMs", 86400000, &timeout_ms);
    rule->requests_per_minute = (unsigned)per_minute;
    rule->timeout_ms = (unsigned)timeout_ms;
    rule->injects_plain = json_is_true(json_object_get(from, "injectPlain"));
    return r;
}

static int read_rules(struct reader *in, json_t *list, struct policy *policy) {
    size_t i;
    json_t *item;
    if (!json_is_array(list)) return refuse(in, "allow", "expected a list of rules");
    if (json_array_size(list) > RULES_MAX) return refuse(in, "allow", "more than %d rules", RULES_MAX);
    policy->rules = calloc(json_array_size(list) + 1, sizeof *policy->rules);
    CHECK(policy->rules);
    json_array_foreach(list, i, item) {
        struct rule *rule = &policy->rules[policy->rules_len++];
        snprintf(rule->label, sizeof rule->label, "allow[%u]", (unsigned)i);
        in->label = rule->label;
        int r = read_rule(in, item, rule);
        if (r < 0) return r;
    }
    return 0;
}

int policy_parse(const json_t *from, const char *path, const struct policy *bounds, struct policy *ret, char *ret_why,
                 size_t why_len) {
    struct reader in = {.path = path, .bounds = bounds, .why = ret_why, .why_len = why_len};
    struct policy policy = {0};
    const char *word = json_string_value(from);
    int r = 0;
    if (word && strcmp(word, "public") == 0) {
        policy = (struct policy){.is_public = true, .rules = public_rule(), .rules_len = 1};
    } else if (json_is_object(from)) {
        r = json_object_size(from) == 1 ? read_rules(&in, json_object_get(from, "allow"), &policy)
                                        : refuse(&in, NULL, "expected {\"allow\": [...]}");
    } else if (!json_is_null(from)) {
        r = refuse(&in, NULL, "expected \"public\", null or {\"allow\": [...]}");
    }
    if (r < 0) {
        policy_done(&policy);
        return r;
    }
    *ret = policy;
    return 0;
}

/* --- Matching --------------------------------------------------------------------------------------------------- */

static bool host_matches(const struct rule *rule, const struct policy_request *request) {
    size_t len = strlen(request->host);
    for (size_t i = 0; i < rule->hosts_len; i++) {
        const char *pattern = rule->hosts[i];
        if (strcmp(pattern, "*") == 0 || strcmp(pattern, request->host) == 0) return true;
        size_t n = strlen(pattern);
        if (pattern[0] == '*' && !request->is_literal && len > n - 1 &&
            strcmp(request->host + len - (n - 1), pattern + 1) == 0)
            return true;
    }
    return false;
}

/* An encoded slash, backslash or dot means one thing here and perhaps another at the server, so no path rule fits it.
 */
static bool is_plain_path(const char *path) {
    for (; (path = strchr(path, '%')); path++) {
        if (strncasecmp(path, "%2f", 3) == 0 || strncasecmp(path, "%5c", 3) == 0 || strncasecmp(path, "%2e", 3) == 0 ||
            strncasecmp(path, "%25", 3) == 0 || strncasecmp(path, "%00", 3) == 0)
            return false;
    }
    return true;
}

/* `*` stands for a part of a path, `**` for any rest of it. All places in the pattern are followed at once, so that no
   path makes this slow. */
static bool pattern_matches(const char *pattern, const char *path) {
    size_t len = strlen(pattern);
    bool at[PATTERN_BYTES_MAX + 2] = {true}, next[PATTERN_BYTES_MAX + 2];
    for (;; path++) {
        for (size_t i = 0; i < len; i++) {
            if (at[i] && pattern[i] == '*') at[i + (pattern[i + 1] == '*' ? 2 : 1)] = true;
        }
        if (*path == 0) return at[len];
        memset(next, 0, sizeof next);
        for (size_t i = 0; i < len; i++) {
            if (!at[i]) continue;
            if (pattern[i] != '*')
                next[i + 1] |= pattern[i] == *path;
            else
                next[i] |= pattern[i + 1] == '*' || *path != '/';
        }
        memcpy(at, next, sizeof at);
    }
}

static bool path_matches(const struct rule *rule, const char *path) {
    if (rule->paths_len == 0) return true;
    if (!path || !is_plain_path(path)) return false;
    for (size_t i = 0; i < rule->paths_len; i++) {
        if (pattern_matches(rule->paths[i], path)) return true;
    }
    return false;
}

static bool method_matches(const struct rule *rule, const char *method) {
    for (size_t i = 0; i < rule->methods_len; i++) {
        if (method && strcmp(rule->methods[i], method) == 0) return true;
    }
    return rule->methods_len == 0;
}

static bool scheme_matches(const struct rule *rule, enum policy_scheme scheme) {
    return scheme == POLICY_HTTPS ? rule->allows_https : scheme == POLICY_HTTP ? rule->allows_http : rule->allows_tcp;
}

static bool port_matches(const struct rule *rule, const struct policy_request *request) {
    for (size_t i = 0; i < rule->ports_len; i++) {
        if (rule->ports[i] == request->port) return true;
    }
    if (rule->ports_len > 0 || rule->any_port) return rule->any_port;
    /* Without a list, http and https go to their own ports unless the policy is open to all. */
    return request->port == (request->scheme == POLICY_HTTPS ? 443 : 80) || request->scheme == POLICY_TCP;
}

struct rule *policy_match(struct policy *p, const struct policy_request *request, const char **ret_why) {
    *ret_why = p->rules_len ? "no rule of this worker's policy names its host" : "this worker has no way out";
    for (size_t i = 0; i < p->rules_len; i++) {
        struct rule *rule = &p->rules[i];
        if (!host_matches(rule, request)) continue;
        if (p->is_public) return rule;
        if (!scheme_matches(rule, request->scheme))
            *ret_why = "no rule for its host allows its scheme";
        else if (!port_matches(rule, request))
            *ret_why = "no rule for its host allows its port";
        else if (!method_matches(rule, request->method))
            *ret_why = "no rule for its host allows its method";
        else if (!path_matches(rule, request->path))
            *ret_why = "no rule for its host allows its path";
        else
            return rule;
    }
    return NULL;
}

const char *rule_refuses(const struct rule *rule, const char *host, bool is_literal, const struct address *address) {
    const char *kind = address_special(address);
    if (!kind) return NULL;
    for (size_t i = 0; i < rule->addresses_len; i++) {
        if (address_in(address, &rule->addresses[i])) return NULL;
    }
    bool is_local = strcmp(host, "localhost") == 0;
    for (size_t i = 0; (is_literal || is_local) && i < rule->hosts_len; i++) {
        if (strcmp(rule->hosts[i], host) == 0) return NULL;
    }
    return kind;
}

bool rule_take(struct rule *rule, uint64_t now_ms) {
    if (rule->requests_per_minute == 0) return true;
    uint64_t minute = now_ms / 60000;
    if (minute != rule->minute) rule->requests = 0;
    rule->minute = minute;
    if (rule->requests == rule->requests_per_minute) return false;
    rule->requests++;
    return true;
}
