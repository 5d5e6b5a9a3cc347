/* What egress reads of cells and servers without libcurl: the first byte chooses among URLs, coded bodies, scrubbed
   ones and frames of WebSockets. A URL that is taken must be taken again from its own text, with the same host. */
#include "base/macros.h"
#include "host/egress_decode.h"
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

static void try_scrub(const uint8_t *data, size_t len) {
    static const struct secret secret = {"S", "aabaab\x01", 7};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    uint8_t *copy = malloc(len + 1);
    CHECK(copy);
    memcpy(copy, data, len);
    CHECK(scrub_text(scrub, copy, len) <= len);
    CHECK(!memmem(copy, len, secret.value, secret.len));
    free(copy);
    scrub_free(scrub);
}

/* In pieces or whole, the end is the same. */
static void try_frames(const uint8_t *data, size_t len) {
    struct frames whole = {0}, pieces = {0};
    uint64_t expected = frames_follow(&whole, data, len), got = 0;
    for (size_t at = 0; at < len; at += 3) got = frames_follow(&pieces, data + at, len - at < 3 ? len - at : 3);
    CHECK(got == expected && got <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
    if (len == 0) return 0;
    char *text = strndup((const char *)data + 1, len - 1);
    CHECK(text);
    if (data[0] % 7 < 4)
        try_coding(codings[data[0] % 7], data + 1, len - 1);
    else if (data[0] % 7 == 4)
        try_scrub(data + 1, len - 1);
    else if (data[0] % 7 == 5)
        try_frames(data + 1, len - 1);
    else
        try_url(text);
    free(text);
    return 0;
}
