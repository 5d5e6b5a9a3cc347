#include "host/json_text.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where the reader stands. */
struct cursor {
    const char *at, *end;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char peek(const struct cursor *c) {
    return c->at < c->end ? *c->at : 0;
}

static bool skip(struct cursor *c, char expected) {
    if (c->at >= c->end || *c->at != expected) return false;
    c->at++;
    return true;
}

static void skip_space(struct cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) c->at++;
}

static bool skip_word(struct cursor *c, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0) return false;
    c->at += len;
    return true;
}

static bool skip_digits(struct cursor *c) {
    if (!is_digit(peek(c))) return false;
    while (is_digit(peek(c))) c->at++;
    return true;
}

static bool skip_number(struct cursor *c) {
    skip(c, '-');
    if (!skip(c, '0') && !skip_digits(c)) return false;
    if (skip(c, '.') && !skip_digits(c)) return false;
    if (skip(c, 'e') || skip(c, 'E')) {
        if (!skip(c, '+')) skip(c, '-');
        return skip_digits(c);
    }
    return true;
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits, or -1. */
static int skip_hex4(struct cursor *c) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(peek(c));
        if (digit < 0) return -1;
        value = value * 16 + digit;
        c->at++;
    }
    return value;
}

/* One UTF-8 sequence of more than one byte (RFC 3629). */
static bool skip_utf8(struct cursor *c) {
    uint8_t first = (uint8_t)*c->at;
    int len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || c->end - c->at < len) return false;
    uint8_t second = (uint8_t)c->at[1];
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return false;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return false;
    for (int i = 1; i < len; i++) {
        if (((uint8_t)c->at[i] & 0xc0) != 0x80) return false;
    }
    c->at += len;
    return true;
}

static bool skip_escape(struct cursor *c) {
    char kind = peek(c);
    if (kind == 0 || !strchr("\"\\/bfnrtu", kind)) return false;
    c->at++;
    return kind != 'u' || skip_hex4(c) >= 0;
}

static bool skip_string(struct cursor *c) {
    if (!skip(c, '"')) return false;
    while (c->at < c->end) {
        uint8_t byte = (uint8_t)*c->at;
        if (byte < 0x20) return false;
        if (byte >= 0x80) {
            if (!skip_utf8(c)) return false;
            continue;
        }
        c->at++;
        if (byte == '"') return true;
        if (byte == '\\' && !skip_escape(c)) return false;
    }
    return false;
}

static bool skip_scalar(struct cursor *c) {
    switch (peek(c)) {
    case '"': return skip_string(c);
    case 't': return skip_word(c, "true");
    case 'f': return skip_word(c, "false");
    case 'n': return skip_word(c, "null");
    default: return skip_number(c);
    }
}

static bool skip_key(struct cursor *c) {
    skip_space(c);
    if (!skip_string(c)) return false;
    skip_space(c);
    return skip(c, ':');
}

/* Skips a value of any depth. `kinds` remembers one bit for each open level: whether it is an object. */
static bool skip_value(struct cursor *c) {
    uint8_t kinds[JSON_DEPTH_MAX / 8] = {0};
    int depth = 0;
    for (;;) {
        /* Here a value begins. */
        skip_space(c);
        char opening = peek(c);
        if (opening == '[' || opening == '{') {
            if (depth == JSON_DEPTH_MAX) return false;
            c->at++;
            skip_space(c);
            bool is_object = opening == '{';
            if (!skip(c, is_object ? '}' : ']')) {
                uint8_t bit = (uint8_t)(1u << (depth & 7));
                kinds[depth >> 3] = (uint8_t)(is_object ? kinds[depth >> 3] | bit : kinds[depth >> 3] & ~bit);
                depth++;
                if (is_object && !skip_key(c)) return false;
                continue;
            }
        } else if (!skip_scalar(c)) {
            return false;
        }
        /* Here one has ended, and perhaps the levels around it. */
        for (;;) {
            if (depth == 0) return true;
            bool is_object = kinds[(depth - 1) >> 3] >> ((depth - 1) & 7) & 1;
            skip_space(c);
            if (skip(c, ',')) {
                if (is_object && !skip_key(c)) return false;
                break;
            }
            if (!skip(c, is_object ? '}' : ']')) return false;
            depth--;
        }
    }
}

int json_text_check(const char *text, size_t len, struct json_slice *ret) {
    struct cursor c = {text, text + len};
    skip_space(&c);
    const char *start = c.at;
    if (!skip_value(&c)) return -EBADMSG;
    const char *end = c.at;
    skip_space(&c);
    if (c.at != c.end) return -EBADMSG;
    *ret = (struct json_slice){start, (size_t)(end - start)};
    return 0;
}

static bool same_text(struct json_slice string, const char *text) {
    char decoded[64];
    return json_text_decode(string, decoded, sizeof decoded) < sizeof decoded && strcmp(decoded, text) == 0;
}

bool json_text_member(struct json_slice object, const char *name, struct json_slice *ret) {
    if (!json_text_is_object(object)) return false;
    struct cursor c = {object.data + 1, object.data + object.len};
    bool found = false;
    skip_space(&c);
    while (c.at < c.end && *c.at == '"') {
        struct json_slice key = {c.at, 0};
        skip_string(&c);
        key.len = (size_t)(c.at - key.data);
        skip_space(&c);
        skip(&c, ':');
        skip_space(&c);
        struct json_slice value = {c.at, 0};
        skip_value(&c);
        value.len = (size_t)(c.at - value.data);
        if (same_text(key, name)) {
            *ret = value;
            found = true;
        }
        skip_space(&c);
        skip(&c, ',');
        skip_space(&c);
    }
    return found;
}

/* --- Strings ---------------------------------------------------------------------------------------------------- */

#define REPLACEMENT 0xfffd

static int put_utf8(uint32_t code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    int len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (int i = len - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[len] | code);
    return len;
}

/* The code point of a \u escape, or of two that are a surrogate pair. */
static uint32_t take_unicode(struct cursor *c) {
    uint32_t unit = (uint32_t)skip_hex4(c);
    if (unit >= 0xd800 && unit < 0xdc00 && c->end - c->at >= 6 && c->at[0] == '\\' && c->at[1] == 'u') {
        struct cursor second = {c->at + 2, c->end};
        uint32_t low = (uint32_t)skip_hex4(&second);
        if (low >= 0xdc00 && low < 0xe000) {
            *c = second;
            return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return unit == 0 || (unit >= 0xd800 && unit < 0xe000) ? REPLACEMENT : unit;
}

/* Takes one character of a checked string as UTF-8. Returns its length. */
static int take_character(struct cursor *c, char out[4]) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    if (*c->at != '\\') {
        const char *start = c->at;
        if ((uint8_t)*c->at < 0x80)
            c->at++;
        else
            skip_utf8(c);
        memcpy(out, start, (size_t)(c->at - start));
        return (int)(c->at - start);
    }
    char kind = c->at[1];
    c->at += 2;
    if (kind == 'u') return put_utf8(take_unicode(c), out);
    const char *place = strchr(from, kind);
    out[0] = place ? to[place - from] : kind;
    return 1;
}

size_t json_text_decode(struct json_slice value, char *out, size_t out_len) {
    if (out_len) out[0] = 0;
    if (!json_text_is_string(value)) return 0;
    struct cursor c = {value.data + 1, value.data + value.len - 1};
    size_t total = 0, kept = 0;
    bool cut = false;
    while (c.at < c.end) {
        char character[4];
        size_t len = (size_t)take_character(&c, character);
        total += len;
        cut = cut || kept + len >= out_len;
        if (cut) continue;
        memcpy(out + kept, character, len);
        kept += len;
    }
    if (out_len) out[kept] = 0;
    return total;
}

char *json_text_copy(struct json_slice value) {
    /* No character takes more bytes decoded than encoded. */
    char *copy = malloc(value.len + 1);
    if (copy) json_text_decode(value, copy, value.len + 1);
    return copy;
}
