#include "host/egress_url.h"
#include "host/egress_address.h"
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void url_done(struct url *url) {
    free(url->text);
    free(url->path);
    *url = (struct url){0};
}

/* WHATWG's parser takes a last label of digits, or 0x and hex digits, for a number: such a host must be an address. */
static bool ends_in_number(const char *host) {
    const char *dot = strrchr(host, '.');
    const char *label = dot ? dot + 1 : host;
    if (label[0] == '0' && label[1] == 'x') return label[2 + strspn(label + 2, "0123456789abcdef")] == 0;
    return label[0] && label[strspn(label, "0123456789")] == 0;
}

static bool labels_check(const char *host) {
    size_t label = 0;
    for (const char *p = host; *p; p++) {
        if (*p == '.') {
            if (label == 0) return false;
            label = 0;
        } else if (islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '-' || *p == '_') {
            if (++label > 63) return false;
        } else {
            return false;
        }
    }
    return label > 0;
}

bool url_host_check(const char *text, char out[URL_HOST_MAX], bool *ret_is_literal) {
    struct address address;
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= URL_HOST_MAX) return false;
    for (size_t i = 0; i < n; i++) out[i] = (char)tolower((unsigned char)text[i]);
    out[n] = 0;
    *ret_is_literal = address_parse(out, &address);
    if (*ret_is_literal) {
        address_print(&address, out);
        return true;
    }
    if (out[n - 1] == '.') out[n - 1] = 0;
    return labels_check(out) && !ends_in_number(out);
}

/* Printable ASCII, no backslash: whatever else there is, the cell's parser has encoded. */
static bool is_clean(const char *text) {
    for (; *text; text++) {
        if (*text <= ' ' || *text >= 0x7f || *text == '\\') return false;
    }
    return true;
}

static char *part(CURLU *u, CURLUPart what, unsigned flags) {
    char *text = NULL, *copy = NULL;
    if (curl_url_get(u, what, &text, flags) == CURLUE_OK) copy = strdup(text);
    curl_free(text);
    return copy;
}

static int take_parts(CURLU *u, struct url *url, const char **ret_why) {
    char *scheme = part(u, CURLUPART_SCHEME, 0), *host = part(u, CURLUPART_HOST, 0);
    char *port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT), *user = part(u, CURLUPART_USER, 0);
    char *zone = part(u, CURLUPART_ZONEID, 0);
    int r = -EINVAL;
    url->path = part(u, CURLUPART_PATH, 0);
    if (!scheme || !host || !port || !url->path)
        *ret_why = "it has no host";
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        *ret_why = "only http and https can be fetched";
    else if (user)
        *ret_why = "it carries credentials";
    else if (zone || !url_host_check(host, url->host, &url->is_literal))
        *ret_why = "its host is not valid";
    else if (!is_clean(url->path))
        *ret_why = "its path is not encoded";
    else
        r = 0;
    url->is_https = scheme && strcmp(scheme, "https") == 0;
    url->port = port ? (uint16_t)strtoul(port, NULL, 10) : 0;
    if (r == 0 && url->port == 0) {
        *ret_why = "its port is not valid";
        r = -EINVAL;
    }
    free(scheme);
    free(host);
    free(port);
    free(user);
    free(zone);
    return r;
}

int url_parse(const char *base, const char *text, struct url *ret, const char **ret_why) {
    *ret_why = "it is not a valid URL";
    if (strlen(text) > URL_TEXT_MAX || (!base && !is_clean(text))) return -EINVAL;
    CURLU *u = curl_url();
    if (!u) return -ENOMEM;
    struct url url = {0};
    unsigned flags = base ? CURLU_URLENCODE : 0;
    int r = base && curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK ? -EINVAL : 0;
    if (r == 0 && curl_url_set(u, CURLUPART_URL, text, flags) != CURLUE_OK) r = -EINVAL;
    if (r == 0) r = take_parts(u, &url, ret_why);
    if (r == 0) {
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
        url.text = part(u, CURLUPART_URL, 0);
        if (!url.text || !is_clean(url.text)) r = -EINVAL;
    }
    curl_url_cleanup(u);
    if (r < 0) {
        url_done(&url);
        return r;
    }
    *ret = url;
    return 0;
}

bool url_same_origin(const struct url *a, const struct url *b) {
    return a->is_https == b->is_https && a->port == b->port && strcmp(a->host, b->host) == 0;
}
