/* What egress reads of cells and servers without libcurl: the first byte chooses among URLs, coded bodies, scrubbed
   ones and frames of WebSockets. A URL that is taken must be taken again from its own text, with the same host. */
#include "base/macros.h"
#include "host/egress_decode.h"
#include "host/egress_escape.h"
#include "host/egress_frames.h"
#include "host/egress_scrub.h"
#include "host/egress_url.h"
#include <string.h>

static void try_url(const char *text) {
    struct url url, again;
    const char *why;
    if (url_parse(NULL, text, &url, &why) < 0) return;
    CHECK(url_parse(NULL, url.text, &again, &why) == 0);
    CHECK(strcmp(url.host, again.host) == 0 && url.port == again.port && url.is_https == again.is_https);
    CHECK(strcmp(url.path, again.path) == 0);
    url_done(&again);
    if (url_parse(url.text, text, &again, &why) == 0) url_done(&again);
    url_done(&url);
}

static void try_coding(const char *coding, const uint8_t *data, size_t len) {
    struct decoder *decoder;
    struct buf in = {0}, out = {0};
    CHECK(decoder_new(coding, &decoder) == 0);
    size_t total = 0;
    for (size_t at = 0; at < len; at += 100) {
        CHECK(buf_append(&in, data + at, len - at < 100 ? len - at : 100) == 0);
        ssize_t n;
        while ((n = decoder_take(decoder, &in, &out, 4096)) > 0 && total < 1 << 20) {
            CHECK(n <= 4096);
            total += (size_t)n;
            buf_consume(&out, (size_t)n);
        }
        if (n != 0) break;
    }
    decoder_free(decoder);
    buf_done(&in);
    buf_done(&out);
}

/* What a text says when its escapes are read, as some client may do; a newline for those that say nothing. */
static void read_escapes(const uint8_t *text, size_t len, struct buf *ret) {
    struct escaped c;
    for (size_t at = 0; at < len;) {
        size_t n = escape_begins(text[at]) ? escape_read(text + at, len - at, &c) : 0;
        if (n == 0) c = (struct escaped){{text[at]}, 1}, n = 1;
        CHECK(n <= ESCAPE_BYTES_MAX && n <= len - at && c.len <= 4);
        CHECK(buf_append(ret, c.len ? c.bytes : (const uint8_t *)"\n", c.len ? c.len : 1) == 0);
        at += n;
    }
}

static void try_scrub(const uint8_t *data, size_t len) {
    static const struct secret secret = {"S", "aabaab\x01", 7};
    struct buf said = {0};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    uint8_t *copy = malloc(len + 1);
    CHECK(copy);
    memcpy(copy, data, len);
    CHECK(scrub_text(scrub, copy, len) <= len);
    CHECK(!memmem(copy, len, secret.value, secret.len));
    read_escapes(copy, len, &said);
    CHECK(buf_len(&said) == 0 || !memmem(buf_bytes(&said), buf_len(&said), secret.value, secret.len));
    free(copy);
    buf_done(&said);
    scrub_free(scrub);
}

/* A secret made of the input itself, with whatever escapes and schemes are in it, is found in what follows it. */
static void try_needles(const uint8_t *data, size_t len) {
    size_t n = len > 0 ? data[0] % 64 : 0;
    if (len < 2 * n + 1 || n < 4) return;
    char *value = strndup((const char *)data + 1, n);
    CHECK(value);
    struct secret secret = {"S", value, strlen(value)};
    struct injection injection = {(char *)"authorization", (char *)(data[0] & 64 ? "Basic " : ""), &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    uint8_t *copy = malloc(len);
    CHECK(copy);
    memcpy(copy, data, len);
    CHECK(scrub_text(scrub, copy, len) <= len);
    /* Asterisks may become one that has some. */
    CHECK(secret.len < 4 || strchr(value, '*') || !memmem(copy, len, value, secret.len));
    free(copy);
    free(value);
    scrub_free(scrub);
}

/* What goes on has no more than is promised, and no secret within a message. */
static void take_frames(struct frames *frames, const uint8_t *data, size_t len, struct buf *out, bool *is_wrong) {
    size_t most = buf_len(out) + 2 * len + frames_waiting(frames);
    if (!*is_wrong) *is_wrong = frames_take(frames, data, len, out) < 0;
    CHECK(buf_len(out) <= most);
}

/* The payload of the messages and control frames, each ended by a newline; all frames are whole but the last message. */
static void join_frames(struct buf *in, struct buf *out) {
    struct buf message = {0};
    for (size_t head_len, len; buf_len(in) > 0; buf_consume(in, head_len + len)) {
        const uint8_t *head = buf_bytes(in);
        head_len = head[1] < 126 ? 2 : head[1] == 126 ? 4 : 10;
        len = head_len == 2 ? head[1] : 0;
        for (size_t i = 2; i < head_len; i++) len = len << 8 | head[i];
        CHECK(head_len + len <= buf_len(in));
        struct buf *to = head[0] & 8 ? out : &message;
        CHECK(buf_append(to, head + head_len, len) == 0);
        if (head[0] & 8) CHECK(buf_append_text(out, "\n") == 0);
        if (!(head[0] & 0x80) || head[0] & 8) continue;
        CHECK(buf_append(out, buf_bytes(&message), buf_len(&message)) == 0 && buf_append_text(out, "\n") == 0);
        buf_consume(&message, buf_len(&message));
    }
    buf_done(&message);
}

/* In pieces or whole, the messages are the same. */
static void try_frames(const uint8_t *data, size_t len) {
    static const struct secret secret = {"S", "aabaab\x01", 7};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    struct frames *whole = frames_new(scrub), *pieces = frames_new(scrub);
    struct buf a = {0}, b = {0}, told_a = {0}, told_b = {0};
    bool is_wrong = false, is_wrong_too = false;
    take_frames(whole, data, len, &a, &is_wrong);
    for (size_t at = 0; at < len; at += 3) take_frames(pieces, data + at, len - at < 3 ? len - at : 3, &b, &is_wrong_too);
    CHECK(is_wrong == is_wrong_too);
    join_frames(&a, &told_a);
    join_frames(&b, &told_b);
    CHECK(buf_len(&told_a) == buf_len(&told_b));
    CHECK(buf_len(&told_a) == 0 || memcmp(buf_bytes(&told_a), buf_bytes(&told_b), buf_len(&told_a)) == 0);
    CHECK(buf_len(&told_a) == 0 || !memmem(buf_bytes(&told_a), buf_len(&told_a), secret.value, secret.len));
    buf_done(&a), buf_done(&b), buf_done(&told_a), buf_done(&told_b);
    frames_free(whole);
    frames_free(pieces);
    scrub_free(scrub);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
    if (len == 0) return 0;
    char *text = strndup((const char *)data + 1, len - 1);
    CHECK(text);
    if (data[0] % 8 < 4)
        try_coding(codings[data[0] % 8], data + 1, len - 1);
    else if (data[0] % 8 == 4)
        try_scrub(data + 1, len - 1);
    else if (data[0] % 8 == 5)
        try_frames(data + 1, len - 1);
    else if (data[0] % 8 == 6)
        try_needles(data + 1, len - 1);
    else
        try_url(text);
    free(text);
    return 0;
}
