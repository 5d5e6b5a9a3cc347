/* The reader of JSON that comes from cells: whole texts, every truncation, and the same verdict as jansson's. */
#include "host/json_text.h"
#include "tests/check.h"
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

static const char *const good[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1.5e+10",
    "1E5",
    "12345678901234567890",
    "\"\"",
    "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u00e4\\ud83d\\ude00\"",
    "[]",
    "{}",
    " [ ] ",
    "\t{ }\n",
    "[1,[2,[3]],{\"a\":{}}]",
    "{\"a\":1,\"a\":2}",
    "{\"\":[]}",
    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "[[],[],{},\"\"]",
};

static const char *const bad[] = {
    "",
    " ",
    "nul",
    "truefalse",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "0x1",
    "NaN",
    "\"",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"\x1f\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{",
    "}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{\"a\" 1}",
    "{1:1}",
    "[}",
    "{]",
    "[1]]",
    "1 2",
    "\"\x80\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xe2\x82\"",
    "'a'",
    "[1]/**/",
    "\xef\xbb\xbf"
    "1",
};

static bool accepts(const char *text, size_t len) {
    /* An exact copy, so that a sanitizer sees every byte that is read too much. */
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    struct json_slice value;
    bool is_accepted = json_text_check(copy, len, &value) == 0;
    free(copy);
    return is_accepted;
}

TEST(good_texts_are_accepted) {
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_OR_RETURN(accepts(good[i], strlen(good[i])), "refused: %s", good[i]);
    }
}

TEST(bad_texts_are_refused) {
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_OR_RETURN(!accepts(bad[i], strlen(bad[i])), "accepted: %s", bad[i]);
    }
}

TEST(truncated_texts_are_refused) {
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!strchr("[{\"tfn", good[i][0])) continue;
        for (size_t len = 0; len < strlen(good[i]); len++) {
            CHECK_OR_RETURN(!accepts(good[i], len), "accepted %zu bytes of %s", len, good[i]);
        }
    }
}

TEST(depth_is_limited) {
    char text[2 * JSON_DEPTH_MAX + 3];
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        EXPECT_INT(accepts(text, 2 * (size_t)depth), depth == JSON_DEPTH_MAX);
    }
}

/* A small generator of its own, so that the mutations are the same on each machine. */
static uint32_t next_random(void) {
    static uint64_t state = 20260101;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

TEST(mutated_texts_get_the_same_verdict_as_from_jansson) {
    static const char alphabet[] = "{}[]\",:\\u0123456789.eE+-truefalsn \t\x80\xc3";
    for (int i = 0; i < 200000; i++) {
        char text[64];
        const char *seed = good[next_random() % (sizeof good / sizeof good[0])];
        size_t len = strlen(seed);
        memcpy(text, seed, len + 1);
        for (uint32_t n = next_random() % 4; n > 0 && len > 0; n--) {
            text[next_random() % len] = alphabet[next_random() % (sizeof alphabet - 1)];
        }
        json_t *tree = json_loadb(text, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
        bool is_tree = tree != NULL;
        json_decref(tree);
        /* jansson refuses lone surrogates, numbers beyond double and NUL in names, which JSON itself allows. */
        bool is_special = strstr(text, "\\u") || strpbrk(text, "eE");
        if (is_special && !is_tree) continue;
        CHECK_OR_RETURN(accepts(text, len) == is_tree, "jansson says %d of: %s", is_tree, text);
    }
}

static struct json_slice whole(const char *text) {
    struct json_slice value = {0};
    if (json_text_check(text, strlen(text), &value) < 0) abort();
    return value;
}

TEST(members_are_found) {
    struct json_slice value, object = whole(" {\"a\" : [1, {\"b\":2}] , \"\\u0062\":\"x\",\"c\":{\"b\":3}, \"c\":4} ");
    EXPECT(json_text_member(object, "a", &value) && value.len == 12 && !memcmp(value.data, "[1, {\"b\":2}]", 12));
    EXPECT(json_text_member(object, "b", &value) && value.len == 3);
    EXPECT(json_text_member(object, "c", &value) && value.len == 1 && value.data[0] == '4');
    EXPECT(!json_text_member(object, "d", &value));
    EXPECT(!json_text_member(whole("[1]"), "a", &value));
    EXPECT(!json_text_member(whole("{}"), "a", &value));
}

TEST(strings_are_decoded) {
    char out[64];
    json_text_decode(whole("\"a\\n\\u00e4\\ud83d\\ude00\\/\""), out, sizeof out);
    EXPECT_STR(out, "a\n\xc3\xa4\xf0\x9f\x98\x80/");
    json_text_decode(whole("\"\\u0000\\ud800x\\udc00\""), out, sizeof out);
    EXPECT_STR(out, "\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbd");
    json_text_decode(whole("12"), out, sizeof out);
    EXPECT_STR(out, "");
}

TEST(strings_are_cut_between_characters) {
    char out[4];
    EXPECT_INT(json_text_decode(whole("\"ab\xc3\xa4\""), out, sizeof out), 4);
    EXPECT_STR(out, "ab");
    EXPECT_INT(json_text_decode(whole("\"abc\""), out, sizeof out), 3);
    EXPECT_STR(out, "abc");
}

TEST(strings_are_copied) {
    char *copy = json_text_copy(whole("\"\\t\\u20ac\""));
    EXPECT_STR(copy, "\t\xe2\x82\xac");
    free(copy);
}

TEST_MAIN()
