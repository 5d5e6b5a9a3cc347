/* What a FETCH frame asks for, and what of it goes out. Runs in the egress process; everything here comes from a cell.
 */
#include "base/macros.h"
#include "host/egress_private.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static int refuse(char *ret_why, size_t why_len, const char *text) {
    snprintf(ret_why, why_len, "%s", text);
    return -EINVAL;
}

/* Names that say how this hop works, which is libcurl's to say, or that the client may not choose. */
static bool is_hop_header(const char *name) {
    static const char *const names[] = {"connection",
                                        "keep-alive",
                                        "proxy-connection",
                                        "proxy-authorization",
                                        "te",
                                        "transfer-encoding",
                                        "upgrade",
                                        "content-length",
                                        "host",
                                        "expect",
                                        "trailer",
                                        "http2-settings"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcasecmp(name, names[i]) == 0) return true;
    }
    return false;
}

static bool is_token(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && (!text[i] || !strchr("!#$%&'*+-.^_`|~", text[i]))) return false;
    }
    return len > 0;
}

/* A header's value is a byte string that came as UTF-8; NULL if it has anything that a header cannot carry. */
static char *to_bytes(const char *text, size_t len) {
    char *out = malloc(len + 1), *to = out;
    CHECK(out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80) {
            if ((c & 0xfe) != 0xc2 || i + 1 == len) goto wrong;
            c = (unsigned char)((c & 3) << 6 | ((unsigned char)text[++i] & 0x3f));
        } else if ((c < ' ' && c != '\t') || c == 0x7f) {
            goto wrong;
        }
        *to++ = (char)c;
    }
    *to = 0;
    return out;
wrong:
    free(out);
    return NULL;
}

static int parse_headers(struct exchange *e, const json_t *list, char *ret_why, size_t why_len) {
    size_t i;
    json_t *pair;
    if (!json_is_array(list) || json_array_size(list) > REQUEST_HEADERS_MAX)
        return refuse(ret_why, why_len, "too many headers");
    e->headers = calloc(json_array_size(list) + 1, sizeof *e->headers);
    CHECK(e->headers);
    json_array_foreach(list, i, pair) {
        const json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        if (!json_is_string(name) || !json_is_string(value) ||
            !is_token(json_string_value(name), json_string_length(name)))
            return refuse(ret_why, why_len, "a header's name is not valid");
        if (strcasecmp(json_string_value(name), "content-length") == 0) {
            char *end;
            long long len = strtoll(json_string_value(value), &end, 10);
            if (*end == 0 && end != json_string_value(value) && len >= 0) e->body_len = len;
        }
        if (is_hop_header(json_string_value(name))) continue;
        char *bytes = to_bytes(json_string_value(value), json_string_length(value));
        if (!bytes) return refuse(ret_why, why_len, "a header's value is not valid");
        e->headers[e->headers_len] = (struct header){strdup(json_string_value(name)), bytes};
        CHECK(e->headers[e->headers_len++].name);
    }
    return 0;
}

/* {host, port, tls} of connect(), as the URL that leads there. */
static int parse_connect(struct exchange *e, const json_t *connect, char *ret_why, size_t why_len) {
    const char *host = json_string_value(json_object_get(connect, "host")), *why;
    json_int_t port = json_integer_value(json_object_get(connect, "port"));
    bool is_tls = json_is_true(json_object_get(connect, "tls"));
    char text[URL_HOST_MAX + 32], clean[URL_HOST_MAX];
    bool is_literal;
    if (!host || !url_host_check(host, clean, &is_literal) || port < 1 || port > 65535)
        return refuse(ret_why, why_len, "its address is not valid");
    bool is_v6 = strchr(clean, ':');
    snprintf(text, sizeof text, "%s://%s%s%s:%d/", is_tls ? "https" : "http", is_v6 ? "[" : "", clean, is_v6 ? "]" : "",
             (int)port);
    e->is_tunnel = true;
    e->method = strdup("CONNECT");
    CHECK(e->method);
    return url_parse(NULL, text, &e->url, &why) < 0 ? refuse(ret_why, why_len, why) : 0;
}

int request_parse(struct exchange *e, const json_t *head, char *ret_why, size_t why_len) {
    const json_t *connect = json_object_get(head, "connect");
    if (connect) return parse_connect(e, connect, ret_why, why_len);
    const json_t *method = json_object_get(head, "method");
    const char *url = json_string_value(json_object_get(head, "url")), *why;
    const char *redirect = json_string_value(json_object_get(head, "redirect"));
    const char *caller = json_string_value(json_object_get(head, "worker"));
    if (!json_is_string(method) || !is_token(json_string_value(method), json_string_length(method)) ||
        json_string_length(method) > 64 || !url)
        return refuse(ret_why, why_len, "the request makes no sense");
    e->method = strdup(json_string_value(method));
    e->caller = caller ? strndup(caller, 256) : NULL;
    CHECK(e->method);
    static const char *const forbidden[] = {"CONNECT", "TRACE", "TRACK"};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++) {
        if (strcasecmp(e->method, forbidden[i]) == 0) return refuse(ret_why, why_len, "its method is not allowed");
    }
    e->follows = !redirect || strcmp(redirect, "manual") != 0;
    if (url_parse(NULL, url, &e->url, &why) < 0) return refuse(ret_why, why_len, why);
    return parse_headers(e, json_object_get(head, "headers"), ret_why, why_len);
}

bool request_wants_websocket(const json_t *head, const struct frame *frame) {
    const char *method = json_string_value(json_object_get(head, "method"));
    const json_t *pair;
    size_t i;
    if (frame->flags & FRAME_FIN || !method || strcmp(method, "GET") != 0) return false;
    json_array_foreach(json_object_get(head, "headers"), i, pair) {
        const char *name = json_string_value(json_array_get(pair, 0)), *value = json_string_value(json_array_get(pair, 1));
        if (name && value && strcasecmp(name, "upgrade") == 0 && strcasecmp(value, "websocket") == 0) return true;
    }
    return false;
}

/* --- What goes out ---------------------------------------------------------------------------------------------- */

static struct curl_slist *add(struct curl_slist *list, const char *name, const char *prefix, const char *value) {
    char *line;
    /* libcurl's way of writing a header without a value. */
    bool is_empty = !*prefix && !*value;
    CHECK(asprintf(&line, is_empty ? "%s;%s%s" : "%s: %s%s", name, prefix, value) > 0);
    struct curl_slist *longer = curl_slist_append(list, line);
    CHECK(longer);
    explicit_bzero(line, strlen(line));
    free(line);
    return longer;
}

/* Whether a header of the worker's gives way: to a rule's, or because a secret comes along. */
static bool gives_way(const struct exchange *e, const char *name) {
    for (size_t i = 0; i < e->injected_len; i++) {
        if (strcasecmp(name, e->injected[i].header) == 0) return true;
    }
    for (size_t i = 0; i < e->rule->headers_len; i++) {
        if (strcasecmp(name, e->rule->headers[i].name) == 0) return true;
    }
    /* An answer in pieces, or in a coding that cannot be read here, would hide an echo of the secret. */
    static const char *const hiding[] = {"accept-encoding", "range", "if-range"};
    for (size_t i = 0; i < COUNT_OF(hiding) && e->injected_len > 0; i++) {
        if (strcasecmp(name, hiding[i]) == 0) return true;
    }
    return false;
}

static bool has_header(const struct exchange *e, const char *name) {
    for (size_t i = 0; i < e->headers_len; i++) {
        if (strcasecmp(e->headers[i].name, name) == 0) return true;
    }
    return false;
}

/* A made rule sends a secret only where the rule that bounds it does. */
static bool is_bounded(const struct exchange *e) {
    for (size_t i = 0; e->outer && i < e->rule->injections_len; i++) {
        bool is_found = false;
        for (size_t j = 0; j < e->outer->injections_len; j++) {
            is_found |= e->outer->injections[j].secret == e->rule->injections[i].secret &&
                        strcasecmp(e->outer->injections[j].header, e->rule->injections[i].header) == 0;
        }
        if (!is_found) return false;
    }
    return true;
}

struct curl_slist *request_headers(struct exchange *e, char *ret_why, size_t why_len) {
    const struct rule *rule = e->rule;
    bool injects = rule->injections_len > 0 && !e->is_foreign;
    e->injected_len = 0;
    if (injects && !is_bounded(e)) {
        refuse(ret_why, why_len, "its rule injects a secret where the binding's rule does not");
        return NULL;
    }
    if (injects && !e->url.is_https && !(rule->injects_plain && (!e->outer || e->outer->injects_plain))) {
        refuse(ret_why, why_len, "its rule injects a secret, which does not go over plain http");
        return NULL;
    }
    if (injects) {
        e->injected = rule->injections;
        e->injected_len = rule->injections_len;
    }
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    CHECK(list);
    for (size_t i = 0; i < e->headers_len; i++) {
        if (!gives_way(e, e->headers[i].name)) list = add(list, e->headers[i].name, "", e->headers[i].value);
    }
    for (size_t i = 0; i < rule->headers_len; i++) {
        if (rule->headers[i].value) list = add(list, rule->headers[i].name, "", rule->headers[i].value);
    }
    for (size_t i = 0; i < e->injected_len; i++) {
        list = add(list, e->injected[i].header, e->injected[i].prefix, e->injected[i].secret->value);
    }
    if (!has_header(e, "accept-encoding") || e->injected_len > 0)
        list = add(list, "accept-encoding", "", DECODE_ACCEPT);
    if (!has_header(e, "accept")) list = add(list, "accept", "", "*/*");
    bool wants_length = strcmp(e->method, "POST") == 0 || strcmp(e->method, "PUT") == 0;
    if (!e->has_body && wants_length) list = add(list, "content-length", "", "0");
    return list;
}

/* --- Redirects, by the Fetch standard's HTTP-redirect fetch ---------------------------------------------------------
 */

static void remove_header(struct exchange *e, const char *name) {
    size_t kept = 0;
    for (size_t i = 0; i < e->headers_len; i++) {
        if (strcasecmp(e->headers[i].name, name) == 0) {
            free(e->headers[i].name);
            free(e->headers[i].value);
        } else {
            e->headers[kept++] = e->headers[i];
        }
    }
    e->headers_len = kept;
}

static void drop_body(struct exchange *e) {
    static const char *const about_body[] = {"content-encoding", "content-language", "content-location",
                                             "content-type"};
    for (size_t i = 0; i < COUNT_OF(about_body); i++) remove_header(e, about_body[i]);
    exchange_drop_body(e);
}

int request_redirect(struct exchange *e, int status, const char *location, char *ret_why, size_t why_len) {
    struct url next;
    const char *why;
    bool is_post = strcmp(e->method, "POST") == 0,
         is_safe = strcmp(e->method, "GET") == 0 || strcmp(e->method, "HEAD") == 0;
    if (++e->redirects > REDIRECTS_MAX) return refuse(ret_why, why_len, "it was redirected too often");
    if (url_parse(e->url.text, location, &next, &why) < 0) {
        snprintf(ret_why, why_len, "it was redirected to a place where fetch() cannot go: %s", why);
        return -EINVAL;
    }
    if (status == 303 ? !is_safe : (status == 301 || status == 302) && is_post) {
        free(e->method);
        e->method = strdup("GET");
        CHECK(e->method);
        drop_body(e);
    } else if (e->has_body && !e->body_is_kept) {
        url_done(&next);
        return refuse(ret_why, why_len,
                      "it was redirected, and its body is a stream or very large: it cannot be sent again");
    }
    if (!url_same_origin(&e->url, &next)) {
        e->is_foreign = true;
        remove_header(e, "authorization");
        remove_header(e, "cookie");
    }
    url_done(&e->url);
    e->url = next;
    e->body_at = 0;
    return 0;
}
