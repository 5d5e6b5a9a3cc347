#include "host/egress_needles.h"
#include "base/macros.h"
#include "host/egress_escape.h"
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

/* A secret shorter than this would blot out half of every answer; base64 of fewer bytes says too little to be found.
   A password behind a user's name is a secret like any other, and no shorter ones are let through for it. */
#define NEEDLE_BYTES_MIN 4

/* A user's name is none, and stands in many answers; but some servers take a key in its place. */
#define KEY_BYTES_MIN 20

/* A NUL behind the needle ends an escape that its last bytes may begin. */
static void read_escapes(struct needle *needle) {
    struct escaped c;
    uint8_t *in = calloc(1, needle->len + 1);
    needle->read = malloc(needle->len);
    CHECK(in && needle->read);
    memcpy(in, needle->bytes, needle->len);
    for (size_t at = 0; at < needle->len;) {
        size_t n = escape_begins(in[at]) ? escape_read(in + at, needle->len + 1 - at, &c) : 0;
        if (n == 0) c = (struct escaped){{in[at]}, 1}, n = 1;
        at += n;
        if (at > needle->len) break;
        memcpy(needle->read + needle->read_len, c.bytes, c.len);
        needle->read_len += c.len;
    }
    explicit_bzero(in, needle->len);
    free(in);
}

static void add(struct needles *n, const void *bytes, size_t len) {
    if (len < NEEDLE_BYTES_MIN) return;
    n->list = realloc(n->list, (n->len + 1) * sizeof *n->list);
    CHECK(n->list);
    struct needle needle = {.bytes = malloc(len), .len = len};
    CHECK(needle.bytes);
    memcpy(needle.bytes, bytes, len);
    read_escapes(&needle);
    n->list[n->len++] = needle;
    /* One that has escapes itself may come back as what they stand for. */
    if (needle.read_len != len) add(n, needle.read, needle.read_len);
    if (needle.read_len < NEEDLE_BYTES_MIN) n->list[n->len - 1].read_len = 0;
}

/* As forms and their URLs write spaces. */
static void add_joined(struct needles *n, const uint8_t *bytes, size_t len) {
    if (!memchr(bytes, ' ', len)) return;
    uint8_t *out = malloc(len);
    CHECK(out);
    for (size_t i = 0; i < len; i++) out[i] = bytes[i] == ' ' ? '+' : bytes[i];
    add(n, out, len);
    explicit_bzero(out, len);
    free(out);
}

/* Each byte as the character of that number, in UTF-8. */
static void add_widened(struct needles *n, const uint8_t *bytes, size_t len) {
    uint8_t *out = malloc(2 * len + 1);
    CHECK(out);
    size_t out_len = 0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] >= 0x80) out[out_len++] = (uint8_t)(0xc0 | bytes[i] >> 6);
        out[out_len++] = bytes[i] >= 0x80 ? (uint8_t)(0x80 | (bytes[i] & 0x3f)) : bytes[i];
    }
    if (out_len > len) add(n, out, out_len);
    explicit_bzero(out, out_len);
    free(out);
}

static void add_text(struct needles *n, const void *bytes, size_t len) {
    add(n, bytes, len);
    add_joined(n, bytes, len);
    add_widened(n, bytes, len);
}

/* In base64 a text looks different at each of three offsets; the characters at its edges depend on its neighbours and
   are left out. Both alphabets. */
static void add_base64(struct needles *needles, const void *bytes, size_t len) {
    for (size_t offset = 0; offset < 3; offset++) {
        size_t in_len = offset + len;
        uint8_t *in = calloc(1, in_len + 1), *out = malloc(4 * ((in_len + 2) / 3) + 1);
        CHECK(in && out);
        memcpy(in + offset, bytes, len);
        int n = EVP_EncodeBlock(out, in, (int)in_len);
        size_t from = offset == 0 ? 0 : offset + 1;
        size_t to = in_len % 3 == 0 ? (size_t)n : (size_t)n - (in_len % 3 == 1 ? 3 : 2);
        if (to > from && to - from >= 2 * NEEDLE_BYTES_MIN) {
            add(needles, out + from, to - from);
            bool has_special = false;
            for (size_t i = from; i < to; i++) {
                has_special |= out[i] == '+' || out[i] == '/';
                out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
            }
            if (has_special) add(needles, out + from, to - from);
        }
        explicit_bzero(in, in_len);
        explicit_bzero(out, (size_t)n);
        free(in);
        free(out);
    }
}

/* Plain and in base64. */
static void add_both(struct needles *n, const void *bytes, size_t len) {
    add_text(n, bytes, len);
    if (len >= NEEDLE_BYTES_MIN) add_base64(n, bytes, len);
}

/* --- Credentials with a scheme ---------------------------------------------------------------------------------- */

/* Where a header's name does not tell, its value's first word does. */
static bool is_scheme(const char *header, const char *word, size_t len) {
    static const char *const known[] = {"bearer", "basic", "token", "apikey", "api-key", "key", "oauth", "jwt"};
    bool is_known = strcasestr(header, "authorization") != NULL;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        is_known |= len == strlen(known[i]) && strncasecmp(word, known[i], len) == 0;
    }
    return is_known;
}

/* How much of the value is a scheme and the spaces behind it; 0 if it has none. */
static size_t scheme_len(const char *header, const char *value) {
    size_t word = strcspn(value, " "), spaces = strspn(value + word, " ");
    return word > 0 && spaces > 0 && value[word + spaces] && is_scheme(header, value, word) ? word + spaces : 0;
}

/* The base64 form is the secret itself as it was sent; servers give back what they decoded of it. */
static void add_basic(struct needles *n, const char *coded) {
    size_t len = strcspn(coded, "="), padded = (len + 3) / 4 * 4;
    char *in = malloc(padded + 1);
    uint8_t *text = malloc(padded + 1);
    CHECK(in && text);
    memset(in, '=', padded);
    memcpy(in, coded, len);
    int decoded = EVP_DecodeBlock(text, (uint8_t *)in, (int)padded);
    size_t text_len = decoded > 0 ? (size_t)decoded - (padded - len) : 0;
    const uint8_t *colon = memchr(text, ':', text_len);
    size_t user_len = colon ? (size_t)(colon - text) : text_len;
    size_t password_len = colon ? text_len - user_len - 1 : 0;
    if (password_len > 0) add_both(n, colon + 1, password_len);
    bool is_key = user_len >= KEY_BYTES_MIN && !memchr(text, '@', user_len);
    if (password_len < NEEDLE_BYTES_MIN || is_key) add_both(n, text, user_len);
    explicit_bzero(in, padded);
    explicit_bzero(text, padded);
    free(in);
    free(text);
}

void needles_add(struct needles *n, const struct injection *injection) {
    const struct secret *secret = injection->secret;
    size_t prefix_len = strlen(injection->prefix);
    char *sent;
    CHECK(asprintf(&sent, "%s%s", injection->prefix, secret->value) >= 0);
    size_t scheme = scheme_len(injection->header, sent), sent_len = strlen(sent);
    add_text(n, secret->value, secret->len);
    /* In base64 the part is found wherever the whole would be. */
    if (scheme > prefix_len && sent_len - scheme >= NEEDLE_BYTES_MIN)
        add_both(n, sent + scheme, sent_len - scheme);
    else
        add_base64(n, secret->value, secret->len);
    if (scheme > 0 && strncasecmp(sent, "basic ", 6) == 0) add_basic(n, sent + scheme);
    explicit_bzero(sent, sent_len);
    free(sent);
}

void needles_done(struct needles *n) {
    for (size_t i = 0; i < n->len; i++) {
        explicit_bzero(n->list[i].bytes, n->list[i].len);
        explicit_bzero(n->list[i].read, n->list[i].read_len);
        free(n->list[i].bytes);
        free(n->list[i].read);
    }
    free(n->list);
    *n = (struct needles){0};
}
