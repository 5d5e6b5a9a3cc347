/* The parts of the egress process that judge and rewrite: addresses, URLs, policies, codings, secrets in bodies. */
#include "host/egress_address.h"
#include "host/egress_decode.h"
#include "host/egress_frames.h"
#include "host/egress_policy.h"
#include "host/egress_scrub.h"
#include "host/egress_url.h"
#include "tests/check.h"
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

/* --- Addresses -------------------------------------------------------------------------------------------------- */

static const char *kind_of(const char *text) {
    struct address address;
    if (!address_parse(text, &address)) return "no address";
    const char *kind = address_special(&address);
    return kind ? kind : "public";
}

TEST(addresses_of_the_internet_are_public) {
    static const char *const texts[] = {"1.1.1.1",         "8.8.8.8",         "126.255.255.255", "128.0.0.1",
                                        "172.15.255.255",  "172.32.0.1",      "100.63.255.255",  "100.128.0.1",
                                        "169.253.255.255", "192.167.255.255", "223.255.255.255", "2606:4700::1111",
                                        "2a00:1450::1",    "::ffff:1.1.1.1",  "2001:4860::8888"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) EXPECT_STR(kind_of(texts[i]), "public");
}

TEST(addresses_of_other_places_are_not) {
    static const char *const pairs[][2] = {
        {"127.0.0.1", "loopback"},
        {"127.255.255.255", "loopback"},
        {"0.0.0.0", "unspecified"},
        {"10.255.255.255", "private"},
        {"172.16.0.0", "private"},
        {"172.31.255.255", "private"},
        {"192.168.0.0", "private"},
        {"169.254.169.254", "metadata"},
        {"169.254.0.1", "link-local"},
        {"100.64.0.0", "shared"},
        {"100.127.255.255", "shared"},
        {"224.0.0.1", "multicast"},
        {"239.255.255.255", "multicast"},
        {"255.255.255.255", "broadcast"},
        {"240.0.0.0", "reserved"},
        {"::1", "loopback"},
        {"::", "unspecified"},
        {"::ffff:127.0.0.1", "loopback"},
        {"::ffff:10.0.0.1", "private"},
        {"::127.0.0.1", "IPv4-compatible"},
        {"64:ff9b::1.1.1.1", "NAT64"},
        {"2002:7f00:1::", "6to4"},
        {"2001::1", "Teredo"},
        {"fc00::1", "unique-local"},
        {"fdff::1", "unique-local"},
        {"fe80::1", "link-local"},
        {"febf::1", "link-local"},
        {"fec0::1", "site-local"},
        {"ff02::1", "multicast"},
        {"4000::1", "reserved"},
        {"1::1", "reserved"},
        {"fd00:ec2::254", "metadata"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) EXPECT_STR(kind_of(pairs[i][0]), pairs[i][1]);
}

TEST(only_strict_spellings_are_addresses) {
    static const char *const texts[] = {"127.1",      "0177.0.0.1",        "0x7f.0.0.1", "2130706433",
                                        "127.0.0.1.", " 127.0.0.1",        "::1%lo",     "[::1]",
                                        "1.2.3.256",  "::ffff:0x7f000001", "",           "1.2.3.4/8"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) EXPECT_STR(kind_of(texts[i]), "no address");
}

TEST(ranges_have_borders) {
    struct address_range range;
    struct address address;
    EXPECT(address_range_parse("10.8.0.0/13", &range));
    EXPECT(address_parse("10.15.255.255", &address) && address_in(&address, &range));
    EXPECT(address_parse("10.16.0.0", &address) && !address_in(&address, &range));
    EXPECT(address_parse("::ffff:10.9.0.1", &address) && address_in(&address, &range));
    EXPECT(address_range_parse("0.0.0.0/0", &range) && address_in(&address, &range));
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "10.0.0.0/8x", "host/8"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) EXPECT(!address_range_parse(wrong[i], &range));
}

/* --- URLs, as a cell may send them that has no parser of its own any more
 * --------------------------------------------- */

static const char *host_of(const char *text) {
    static char host[URL_HOST_MAX];
    struct url url;
    const char *why;
    if (url_parse(NULL, text, &url, &why) < 0) return "refused";
    memcpy(host, url.host, sizeof host);
    url_done(&url);
    return host;
}

TEST(urls_name_the_host_that_is_judged) {
    static const char *const pairs[][2] = {
        {"http://example.com/", "example.com"},
        {"https://EXAMPLE.com.:8443/a?b#c", "example.com"},
        {"http://[::1]/", "::1"},
        {"http://[::ffff:127.0.0.1]:80/", "127.0.0.1"},
        {"http://127.0.0.1/", "127.0.0.1"},
        {"http://0x7f.1/", "127.0.0.1"},
        {"http://2130706433/", "127.0.0.1"},
        {"http://0177.0.0.1/", "127.0.0.1"},
        {"http://xn--bcher-kva.example/", "xn--bcher-kva.example"},
        {"http://a_b.example/", "a_b.example"},
        {"http://%31%32%37.0.0.1/", "127.0.0.1"},
        {"http:///example.com/", "example.com"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) EXPECT_STR(host_of(pairs[i][0]), pairs[i][1]);
}

TEST(urls_that_two_parsers_might_read_differently_are_refused) {
    static const char *const texts[] = {
        "http://user@example.com/",
        "http://a@b@example.com/",
        "http://u:p@example.com/",
        "http://example.com\\@evil/",
        "http://127.0.0.1\t/",
        "http://exa mple.com/",
        "http://example.com\r\nx: y/",

        "http://",
        "//x/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://x/",
        "javascript:1",
        "http://[::1%25lo]/",
        "http://[::1/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://a..b/",
        "http://-/\x01",
        "http://.example.com/",
        "http://b\xc3\xbc"
        "cher/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:x/",
        "http://a%00b/",
        "http://a%2fb/",
        "",
        "http://0x/",
        "http://1.2.3.08/",
        "http://example.com/\xff",
        "unix:/run/x",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *host = host_of(texts[i]);
        CHECK_OR_RETURN(strcmp(host, "refused") == 0, "\"%s\" has the host \"%s\"", texts[i], host);
    }
}

TEST(relative_urls_are_resolved) {
    static const char *const rows[][2] = {
        {"/x", "http://a.example/x"},      {"x", "http://a.example/d/x"},
        {"../x", "http://a.example/x"},    {"//b.example/y", "http://b.example/y"},
        {"?q", "http://a.example/d/f?q"},  {"https://c.example", "https://c.example/"},
        {"/a b", "http://a.example/a%20b"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url url;
        const char *why;
        EXPECT_INT(url_parse("http://a.example/d/f", rows[i][0], &url, &why), 0);
        EXPECT_STR(url.text, rows[i][1]);
        url_done(&url);
    }
}

/* --- Policies --------------------------------------------------------------------------------------------------- */

static int parse(const char *json, struct policy *ret, char *why, size_t why_len) {
    json_t *from = json_loads(json, JSON_DECODE_ANY, NULL);
    if (!from) return -ENOENT;
    int r = policy_parse(from, "p", NULL, ret, why, why_len);
    json_decref(from);
    return r;
}

TEST(policies_tell_what_is_wrong) {
    static const char *const rows[][2] = {
        {"1", "p: expected \"public\", null or {\"allow\": [...]}"},
        {"\"open\"", "p: expected \"public\", null or {\"allow\": [...]}"},
        {"{}", "p: expected {\"allow\": [...]}"},
        {"{\"allow\":{}}", "p.allow: expected a list of rules"},
        {"{\"allow\":[1]}", "p.allow[0]: expected an object"},
        {"{\"allow\":[{}]}", "p.allow[0].hosts: a rule needs hosts"},
        {"{\"allow\":[{\"hosts\":[]}]}", "p.allow[0].hosts: an empty list allows nothing: leave the rule out"},
        {"{\"allow\":[{\"hosts\":[\"*x\"]}]}", "p.allow[0].hosts: \"*x\" is neither a name, *.name, an address nor *"},
        {"{\"allow\":[{\"hosts\":\"a\"},{\"hosts\":\"a\",\"port\":1}]}", "p.allow[1]: a rule has no \"port\""},
        {"{\"allow\":[{\"hosts\":\"a\",\"ports\":[0]}]}", "p.allow[0].ports: expected numbers from 1 to 65535"},
        {"{\"allow\":[{\"hosts\":\"a\",\"schemes\":\"ftp\"}]}",
         "p.allow[0].schemes: \"ftp\" is none of https, http and tcp"},
        {"{\"allow\":[{\"hosts\":\"a\",\"paths\":[\"x\"]}]}", "p.allow[0].paths: \"x\" does not begin with /"},
        {"{\"allow\":[{\"hosts\":\"a\",\"addresses\":[\"10/8\"]}]}",
         "p.allow[0].addresses: \"10/8\" is no address and no range such as 10.0.0.0/8"},
        {"{\"allow\":[{\"hosts\":\"a\",\"inject\":[{\"header\":\"X\",\"secret\":\"S\"}]}]}",
         "p.allow[0].inject: there is no secret named \"S\""},
        {"{\"allow\":[{\"hosts\":\"a\",\"headers\":{\"a b\":\"c\"}}]}",
         "p.allow[0].headers: expected names with a string, or null to remove one"},
        {"{\"allow\":[{\"hosts\":\"a\",\"bytes\":-1}]}",
         "p.allow[0].bytes: expected a whole number from 1 to 1125899906842624"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy policy;
        char why[300];
        EXPECT_INT(parse(rows[i][0], &policy, why, sizeof why), -EINVAL);
        EXPECT_STR(why, rows[i][1]);
    }
}

TEST(paths_are_matched_without_getting_lost) {
    struct policy policy;
    char why[300];
    EXPECT_INT(parse("{\"allow\":[{\"hosts\":\"a\",\"paths\":[\"/**a**b**c**d**/x\",\"/v*/y\",\"/**/z\"]}]}", &policy,
                     why, sizeof why),
               0);
    static const struct {
        const char *path;
        bool fits;
    } rows[] = {{"/abcd/x", true}, {"/1a/2b3c4d5/x", true}, {"/abc/x", false}, {"/v1/y", true},
                {"/v/y", true},    {"/v1/2/y", false},      {"/1/2/z", true},  {"//z", true},
                {"/z", false},     {"/v1/%2e%2e/z", false}, {"/", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy_request request = {POLICY_HTTPS, "a", false, 443, "GET", rows[i].path};
        const char *reason;
        CHECK_OR_RETURN((policy_match(&policy, &request, &reason) != NULL) == rows[i].fits, "%s", rows[i].path);
    }
    char *deep = calloc(1, 60001); /* what would take a backtracking matcher years */
    memset(deep, 'a', 60000);
    deep[0] = '/';
    const char *reason;
    EXPECT(!policy_match(&policy, &(struct policy_request){POLICY_HTTPS, "a", false, 443, "GET", deep}, &reason));
    free(deep);
    policy_done(&policy);
}

/* --- Codings ---------------------------------------------------------------------------------------------------- */

/* Decodes in pieces of `step` bytes in, `most` bytes out. Returns the length, or -1. */
static long decode(const char *coding, const uint8_t *data, size_t len, size_t step, size_t most, bool *ret_complete) {
    struct decoder *decoder;
    struct buf in = {0}, out = {0};
    long total = 0;
    if (decoder_new(coding, &decoder) < 0) return -1;
    for (size_t at = 0; at < len && total >= 0; at += step) {
        buf_append(&in, data + at, len - at < step ? len - at : step);
        ssize_t n;
        while ((n = decoder_take(decoder, &in, &out, most)) > 0) {
            total += n;
            buf_consume(&out, (size_t)n);
        }
        if (n < 0) total = -1;
    }
    *ret_complete = decoder_is_complete(decoder);
    decoder_free(decoder);
    buf_done(&in);
    buf_done(&out);
    return total;
}

TEST(codings_are_decoded_in_any_pieces) {
    enum { LEN = 200000 };
    uint8_t *text = malloc(LEN), *coded = malloc(2 * LEN);
    for (int i = 0; i < LEN; i++) text[i] = (uint8_t)("abc"[i % 3] + i / 1000 % 7);
    z_stream z = {.next_in = text, .avail_in = LEN, .next_out = coded, .avail_out = 2 * LEN};
    EXPECT_INT(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    EXPECT_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t gzip_len = z.total_out;
    deflateEnd(&z);
    static const size_t steps[] = {1, 7, 1000, 1u << 20}, mosts[] = {1, 100, 65536};
    bool complete;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = i == 0 ? 1 : 0; j < 3; j++) {
            EXPECT_INT(decode("gzip", coded, gzip_len, steps[i], mosts[j], &complete), LEN);
            EXPECT(complete);
        }
    }
    EXPECT_INT(decode("gzip", coded, gzip_len - 9, 1000, 65536, &complete), LEN);
    EXPECT(!complete);
    coded[20] ^= 0xff;
    EXPECT(decode("gzip", coded, gzip_len, 1000, 65536, &complete) != LEN || !complete);
    size_t zstd_len = ZSTD_compress(coded, 2 * LEN, text, LEN, 3);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_INT(decode("zstd", coded, zstd_len, steps[i], 100, &complete), LEN);
        EXPECT(complete);
    }
    EXPECT_INT(decode("compress", coded, 10, 1, 1, &complete), -1);
    EXPECT_INT(decode("identity", text, LEN, 1000, 100, &complete), LEN);
    free(text);
    free(coded);
}

/* --- Secrets ---------------------------------------------------------------------------------------------------- */

TEST(secrets_are_found_across_borders) {
    static const struct secret secret = {"S", "abcabcabd", 9};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    static const char *const rows[][2] = {
        {"abcabcabd", "*********"}, {"abcabcabcabd", "abc*********"}, {"xabcabcabdabcabcabdx", "x******************x"},
        {"abcabcab", "abcabcab"},   {"abcabcabc", "abcabcabc"},       {"", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i][0]);
        for (size_t step = 1; step <= 12; step++) {
            char text[64] = "";
            size_t have = 0, sent = 0;
            for (size_t at = 0; at < len; at += step) {
                size_t n = len - at < step ? len - at : step;
                memcpy(text + have, rows[i][0] + at, n);
                have += n;
                size_t held = scrub_text(scrub, (uint8_t *)text + sent, have - sent);
                sent = have - held;
            }
            EXPECT_STR(text, rows[i][1]);
        }
    }
    scrub_free(scrub);
}

/* What comes of a text when the secret was sent in this header. */
static void expect_scrubbed(const char *header, const char *prefix, const char *value, const char *from, const char *to) {
    struct secret secret = {"S", value, strlen(value)};
    struct injection injection = {(char *)header, (char *)prefix, &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    char *text = strdup(from);
    EXPECT(text);
    scrub_text(scrub, (uint8_t *)text, strlen(text));
    EXPECT_STR(text, to);
    free(text);
    scrub_free(scrub);
}

TEST(secrets_are_found_without_their_scheme) {
    static const struct {
        const char *header, *prefix, *value, *from, *to;
    } rows[] = {
        {"Authorization", "", "Bearer sk-live-1", "key sk-live-1, Bearer sk-live-1", "key *********, ****************"},
        {"Authorization", "", "Bearer sk-live-1", "Bearer is a word", "Bearer is a word"},
        {"authorization", "", "SSWS  00abc", "00abc", "*****"},
        {"X-Key", "", "token 00abc", "00abc token", "***** token"},
        {"X-Key", "", "correct horse battery", "horse battery", "horse battery"},
        {"Authorization", "Bearer ", "sk-live-1", "sk-live-1", "*********"},
        {"Authorization", "", "Bearer abc", "abc Bearer abc", "abc **********"},
        /* "ab" "c" and the token: another offset in base64. */
        {"Authorization", "", "Bearer sk-live-0123", "YWJzay1saXZlLTAxMjM=", "YWJ***************M="},
        /* alice:hunter2 */
        {"Authorization", "", "Basic YWxpY2U6aHVudGVyMg==", "alice:hunter2 YWxpY2U6aHVudGVyMg==",
         "alice:******* ********************"},
        {"Authorization", "Basic ", "YWxpY2U6aHVudGVyMg", "hunter2 alice", "******* alice"},
        {"Authorization", "BASIC ", "YWxpY2U6aHVudGVyMg==", "YTpodW50ZXIy", "YTp*********"},
        /* A key in the place of the name: sk_live_4242: and sk_live_4242424242424242:x-oauth-basic */
        {"Authorization", "Basic ", "c2tfbGl2ZV80MjQyOg==", "sk_live_4242", "************"},
        {"Authorization", "Basic ", "c2tfbGl2ZV80MjQyNDI0MjQyNDI0MjQyOngtb2F1dGgtYmFzaWM=", "sk_live_4242424242424242",
         "************************"},
        {"Authorization", "Basic ", "not base64!", "not base64!", "***********"},
        {"Authorization", "Basic ", "====", "x", "x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_scrubbed(rows[i].header, rows[i].prefix, rows[i].value, rows[i].from, rows[i].to);
}

/* What goes on of a text that comes in pieces of `step` bytes. */
static void scrub_pieces(const struct scrub *scrub, const char *from, size_t step, char text[200]) {
    size_t len = strlen(from), have = 0, sent = 0;
    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        memcpy(text + have, from + at, n);
        have += n;
        sent = have - scrub_text(scrub, (uint8_t *)text + sent, have - sent);
        EXPECT(sent <= have);
    }
    text[len] = 0;
}

/* Takes the braces out of a text; `ret` gets asterisks for what stood in them. */
static void unmark(const char *marked, char text[200], char ret[200]) {
    bool is_secret = false;
    size_t n = 0;
    for (; *marked; marked++) {
        if (*marked == '{' || *marked == '}')
            is_secret = *marked == '{';
        else
            text[n] = *marked, ret[n++] = is_secret ? '*' : *marked;
    }
    text[n] = ret[n] = 0;
}

TEST(secrets_are_found_among_escapes) {
    static const char key[] = "/wJ+rX=Ut&K<7>MDé";
    static const struct {
        const char *value, *marked;
    } rows[] = {
        {key, "\"{\\/wJ+rX=Ut&K<7>MD\\u00e9}\""}, /* PHP */
        {key, "\"{/wJ\\u002BrX=Ut\\u0026K\\u003C7\\u003EMD\\u00E9}\""},
        {key, "\"{/wJ+rX\\u003dUt\\u0026K\\u003c7\\u003eMDé}\""},
        {key, "{%2FwJ%2BrX%3dUt%26K%3C7%3EMD%C3%a9}"},
        {key, "{/wJ+rX=Ut&amp;K&lt;7&gt;MD&#233;}"},
        {key, "{&#47;wJ&#x2B;rX&equals;Ut&amp;K&lt;7&gt;MDé}."},
        {key, "{/wJ+rX=Ut&K<7>MD\\u00c3\\u00a9}"}, /* of a server that takes headers for Latin-1 */
        {key, "{\\\\\\/wJ\\\\u002BrX=Ut\\\\u0026K<7>MDé}!"}, /* JSON in JSON */
        {key, "{%2FwJ%2BrX%3DUt&#37;26K%3C7%3EMD%C3%A9}"}, /* a URL in HTML */
        {key, "{/wJ+rX=Ut\\u0026amp;K\\u0026lt;7&gt;MDé}"}, /* HTML in JSON */
        {"abcd", "{\\u0061\\u0062\\u0063\\u0064} {%61%62%63%64} {&#97;bcd}"},
        {"a\"b\\c", "\"{a\\\"b\\\\c}\" {a\"b\\c}"},
        {"DOM\\nick", "{DOM\\nick} {DOM\\\\nick}"},
        {"a%2Bb%3D", "{a%2Bb%3D} {a+b=} {a\\u002bb=} {a%252Bb%253D}"},
        {"a b cd", "{a+b+cd} {a%20b%20cd} {a\\u0020b cd}"},
        {"a\xf0\x9f\x98\x80z", "{a\\ud83d\\uDE00z} {a\\\\ud83d\\\\ude00z}"},
        {"/secret", "\"{\\/secret}\""},
        {"secret", "\"\\n{secret}\""}, /* and the newline is not cut in two */
        {"abcd", "\\u0061bc\\u0065 ab\\ncd a%62c&d &#97;bc \\u006 %6"}, /* none */
        {"abcd", "\\u00zz &# &#; &#x; &#99999999999; % %zz &am &&&& \\\\\\\\ \\ud83d \\ud83d\\u0061"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct secret secret = {"S", rows[i].value, strlen(rows[i].value)};
        struct injection injection = {(char *)"x", (char *)"", &secret};
        struct scrub *scrub = scrub_new(&injection, 1);
        char from[200], to[200], text[200];
        unmark(rows[i].marked, from, to);
        for (size_t step = 1; step <= 100; step++) {
            scrub_pieces(scrub, from, step, text);
            if (strcmp(text, to) != 0) check_fail(__FILE__, __LINE__, "row %zu, step %zu: %s", i, step, text);
        }
        scrub_free(scrub);
    }
}

TEST(what_may_be_an_escape_waits_no_longer_than_it_must) {
    static const struct secret secret = {"S", "abcdefgh", 8};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    static const struct {
        const char *text;
        size_t held;
    } rows[] = {{"xyz", 0},      {"xyabc", 3},     {"xy\\", 1},     {"xy\\n", 0},      {"ab\\u006", 7}, {"ab\\u0063", 8},
                {"ab\\u0064", 0}, {"ab%63d%", 7}, {"ab&#99;d&", 9}, {"ab&#99;d&x", 0}, {"x&am", 3},     {"x&amp;", 5}, {"x&amp;y", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[20];
        snprintf(text, sizeof text, "%s", rows[i].text);
        EXPECT_INT(scrub_text(scrub, (uint8_t *)text, strlen(text)), rows[i].held);
    }
    char many[1000];
    memset(many, '\\', sizeof many);
    EXPECT(scrub_text(scrub, (uint8_t *)many, sizeof many) < 200);
    scrub_free(scrub);
}

/* A server's frame: `fill` times x, then the text. */
struct sent {
    uint8_t first; /* FIN, reserved bits, opcode */
    size_t fill;
    const char *text;
};

static void put_frame(struct buf *out, const struct sent *frame) {
    size_t len = frame->fill + strlen(frame->text);
    uint8_t head[10] = {frame->first, (uint8_t)(len < 126 ? len : len < 65536 ? 126 : 127)};
    size_t head_len = len < 126 ? 2 : len < 65536 ? 4 : 10;
    for (size_t i = 2; i < head_len; i++) head[i] = (uint8_t)(len >> 8 * (head_len - 1 - i));
    buf_append(out, head, head_len);
    memset(buf_room(out, len), 'x', frame->fill);
    memcpy(buf_room(out, len) + frame->fill, frame->text, strlen(frame->text));
    buf_add(out, len);
}

/* "OPCODE TEXT;", where at least ten x are one X. */
static void tell(struct buf *out, int opcode, const uint8_t *text, size_t len) {
    buf_printf(out, "%d ", opcode);
    for (size_t i = 0, n; i < len; i += n) {
        for (n = 1; text[i] == 'x' && i + n < len && text[i + n] == 'x'; n++) {}
        buf_append(out, n >= 10 ? (const uint8_t *)"X" : text + i, n >= 10 ? 1 : n);
    }
    buf_append_text(out, ";");
}

/* Each message and control frame, in the order of their ends. */
static void tell_frames(struct buf *in, struct buf *out) {
    struct buf message = {0};
    int opcode = -1;
    while (buf_len(in) > 0) {
        uint8_t *head = buf_bytes(in);
        bool is_control = head[0] & 8, is_last = head[0] & 0x80;
        size_t len = head[1], head_len = len < 126 ? 2 : len == 126 ? 4 : 10;
        if (head_len > 2) len = 0;
        for (size_t i = 2; i < head_len; i++) len = len << 8 | head[i];
        if (is_control) {
            tell(out, head[0] & 15, head + head_len, len);
        } else {
            if (opcode < 0) opcode = head[0] & 15;
            buf_append(&message, head + head_len, len);
        }
        if (!is_control && is_last) {
            tell(out, opcode, buf_bytes(&message), buf_len(&message));
            buf_consume(&message, buf_len(&message));
            opcode = -1;
        }
        buf_consume(in, head_len + len);
    }
    buf_append(out, "", 1);
    buf_done(&message);
}

/* What comes of these frames when they come in pieces of `step` bytes. */
static int frames_give(const struct sent *frames, size_t n, size_t step, struct buf *told) {
    static const struct secret secret = {"S", "abcabcabd", 9};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    struct frames *f = frames_new(scrub);
    struct buf in = {0}, out = {0};
    int r = 0;
    for (size_t i = 0; i < n; i++) put_frame(&in, &frames[i]);
    while (buf_len(&in) > 0 && r == 0) {
        size_t len = buf_len(&in) < step ? buf_len(&in) : step;
        size_t most = buf_len(&out) + 2 * len + frames_waiting(f);
        r = frames_take(f, buf_bytes(&in), len, &out);
        if (buf_len(&out) > most) r = -E2BIG;
        buf_consume(&in, len);
    }
    tell_frames(&out, told);
    buf_done(&in);
    buf_done(&out);
    frames_free(f);
    scrub_free(scrub);
    return r;
}

TEST(secrets_are_found_across_frames) {
    static const struct {
        struct sent frames[6];
        size_t n;
        const char *expected;
    } rows[] = {
        {{{0x81, 0, "my abcabcabd."}, {0x82, 0, ""}}, 2, "1 my *********.;2 ;"},
        {{{0x01, 0, "my abca"}, {0x80, 0, "bcabd."}}, 2, "1 my *********.;"},
        {{{0x02, 0, "a"}, {0x00, 0, "bcabc"}, {0x00, 0, ""}, {0x80, 0, "abdabcabcabd"}}, 4, "2 ******************;"},
        {{{0x01, 300, "abcabc"}, {0x89, 0, "ping"}, {0x00, 0, "ab"}, {0x8a, 0, "abcabcabd"}, {0x80, 70000, "abc"}, {0x88, 0, ""}},
         6,
         "9 ping;10 *********;1 XabcabcabXabc;8 ;"},
        {{{0x01, 70000, "abcabcab"}, {0x89, 0, "d"}, {0x80, 0, "d"}}, 3, "9 d;1 X*********;"},
        /* Messages are apart, and one that has ended waits for nothing. */
        {{{0x81, 0, "abcabcab"}, {0x81, 0, "d"}}, 2, "1 abcabcab;1 d;"},
        {{{0x01, 0, "abc"}, {0x80, 0, "abcab"}}, 2, "1 abcabcab;"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step < 80000; step += step < 20 ? 1 : step) {
            struct buf told = {0};
            EXPECT_INT(frames_give(rows[i].frames, rows[i].n, step, &told), 0);
            CHECK_OR_RETURN(strcmp((char *)buf_bytes(&told), rows[i].expected) == 0, "row %zu, step %zu: %s", i, step,
                            (char *)buf_bytes(&told));
            buf_done(&told);
        }
    }
}

TEST(what_need_not_wait_goes_on_at_once) {
    static const struct secret secret = {"S", "abcabcabd", 9};
    struct injection injection = {(char *)"x", (char *)"", &secret};
    struct scrub *scrub = scrub_new(&injection, 1);
    struct frames *f = frames_new(scrub);
    struct buf out = {0};
    const struct {
        const char *bytes;
        size_t len;
        const char *out;
        size_t out_len;
    } rows[] = {{"\x01\x20one", 5, "\x01\x03one", 5}, /* of 32 bytes */
                {" abcab", 6, "\x00\x01 ", 3},
                {"x", 1, "\x00\x06" "abcabx", 8}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        EXPECT_INT(frames_take(f, (const uint8_t *)rows[i].bytes, rows[i].len, &out), 0);
        EXPECT_INT(buf_len(&out), rows[i].out_len);
        EXPECT_INT(memcmp(buf_bytes(&out), rows[i].out, rows[i].out_len), 0);
        buf_consume(&out, buf_len(&out));
    }
    buf_done(&out);
    frames_free(f);
    scrub_free(scrub);
}

TEST(frames_that_no_server_may_send) {
    static const char long_text[] = "126 bytes ....................................................................................................................";
    static const struct sent rows[][2] = {
        {{0xc1, 0, "compressed"}, {0x81, 0, ""}}, {{0x81, 0, "fine"}, {0xa1, 0, ""}},  {{0x83, 0, "reserved"}, {0x81, 0, ""}},
        {{0x80, 0, "continues"}, {0x81, 0, ""}},  {{0x01, 0, "one"}, {0x81, 0, "two"}}, {{0x81, 0, "one"}, {0x80, 0, "more"}},
        {{0x09, 0, "ping"}, {0x81, 0, ""}},       {{0x89, 0, long_text}, {0x81, 0, ""}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step < 300; step += 7) {
            struct buf told = {0};
            EXPECT_INT(frames_give(rows[i], 2, step, &told), -EBADMSG);
            buf_done(&told);
        }
    }
    struct frames *masked = frames_new(NULL);
    struct buf out = {0};
    EXPECT_INT(frames_take(masked, (const uint8_t *)"\x81\x81\1\2\3\4x", 7, &out), -EBADMSG);
    buf_done(&out);
    frames_free(masked);
}

TEST_MAIN()
