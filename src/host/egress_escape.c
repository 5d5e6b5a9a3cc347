#include "host/egress_escape.h"
#include "base/macros.h"
#include <string.h>

/* JSON in JSON in JSON in JSON. */
#define BACKSLASHES_MAX 15

/* Escapes of what begins an escape: &amp;amp;, %2525, and them in each other. */
#define LEVELS_MAX 4

/* What a number in &#...; may have of digits, zeros before it among them. */
#define DIGITS_MAX 8

/* Where the reader is. wants_more: the text ended in the middle of what may be an escape. is_code: what was read last
   is a code point, and no byte of the text's own encoding. */
struct reader {
    const uint8_t *text;
    size_t len, at;
    bool wants_more, is_code;
};

static int digit_of(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly n hexadecimal digits at this place. Returns their number, or -1. */
static int32_t read_hex(struct reader *in, size_t at, size_t n) {
    int32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (at + i == in->len) in->wants_more = true;
        int digit = at + i < in->len ? digit_of(in->text[at + i]) : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* --- The three kinds ------------------------------------------------------------------------------------------------
   Each is behind the byte that begins it, moves on if the escape is whole, and returns what it stands for or -1. */

static int32_t read_percent(struct reader *in) {
    int32_t byte = read_hex(in, in->at, 2);
    if (byte < 0) return -1;
    in->at += 2;
    in->is_code = false;
    return byte;
}

/* Behind "&#". */
static int32_t read_number(struct reader *in) {
    size_t at = in->at + 1, first;
    bool is_hex = at < in->len && (in->text[at] | 0x20) == 'x';
    int32_t value = 0;
    for (first = at += is_hex; at < in->len && at - first < DIGITS_MAX; at++) {
        int digit = digit_of(in->text[at]);
        if (digit < 0 || digit >= (is_hex ? 16 : 10)) break;
        value = value > 0x10ffff ? value : value * (is_hex ? 16 : 10) + digit;
    }
    if (at == in->len) in->wants_more = true;
    if (at == in->len || at == first || in->text[at] != ';') return -1;
    in->at = at + 1;
    in->is_code = true;
    return value;
}

static int32_t read_entity(struct reader *in) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"amp;", '&'},    {"apos;", '\''}, {"colon;", ':'}, {"commat;", '@'}, {"equals;", '='}, {"gt;", '>'},
                 {"lowbar;", '_'}, {"lt;", '<'},    {"plus;", '+'},  {"quot;", '"'},   {"sol;", '/'}};
    size_t left = in->len - in->at;
    if (left > 0 && in->text[in->at] == '#') return read_number(in);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (left > 0 && in->text[in->at] != known[i].name[0]) continue; /* most & begin nothing */
        size_t n = strlen(known[i].name);
        if (memcmp(in->text + in->at, known[i].name, left < n ? left : n) != 0) continue;
        if (left < n) {
            in->wants_more = true;
            return -1;
        }
        in->at += n;
        return known[i].c;
    }
    return -1;
}

/* Behind "\u": the second half of a pair comes as an escape of its own, behind as many backslashes. */
static int32_t read_unicode(struct reader *in, size_t backslashes) {
    int32_t code = read_hex(in, in->at, 4);
    if (code < 0) return -1;
    size_t at = in->at += 4;
    in->is_code = true;
    if ((code & 0xfc00) != 0xd800) return code;
    for (size_t i = 0; i <= backslashes; i++, at++) {
        if (at == in->len) in->wants_more = true;
        if (at == in->len || in->text[at] != (i < backslashes ? '\\' : 'u')) return code;
    }
    int32_t low = read_hex(in, at, 4);
    if (low < 0 || (low & 0xfc00) != 0xdc00) return code;
    in->at = at + 4;
    return 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
}

/* Behind one backslash. However many there are, they are one: each JSON in which another is doubles them. */
static int32_t read_backslashes(struct reader *in) {
    static const char controls[][2] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'b', '\b'}, {'f', '\f'}};
    size_t n = 1;
    while (in->at < in->len && in->text[in->at] == '\\' && n < BACKSLASHES_MAX) n++, in->at++;
    if (in->at == in->len) {
        in->wants_more = true;
        return -1;
    }
    uint8_t c = in->text[in->at];
    if (c == '\\') return -1; /* more of them than anybody writes */
    in->at++;
    in->is_code = false;
    if (c == 'u') {
        int32_t code = read_unicode(in, n);
        return code < 0 ? 'u' : code;
    }
    for (size_t i = 0; i < COUNT_OF(controls); i++) {
        if (c == controls[i][0]) return controls[i][1];
    }
    return c;
}

/* --- One character --------------------------------------------------------------------------------------------------
 */

static void put(int32_t code, struct escaped *ret) {
    uint8_t *b = ret->bytes;
    if (code < 0x80) {
        b[0] = (uint8_t)code, ret->len = 1;
    } else if (code < 0x800) {
        b[0] = (uint8_t)(0xc0 | code >> 6), b[1] = (uint8_t)(0x80 | (code & 0x3f)), ret->len = 2;
    } else if (code < 0x10000) {
        b[0] = (uint8_t)(0xe0 | code >> 12), b[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        b[2] = (uint8_t)(0x80 | (code & 0x3f)), ret->len = 3;
    } else {
        b[0] = (uint8_t)(0xf0 | (code >> 18 & 7)), b[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        b[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f)), b[3] = (uint8_t)(0x80 | (code & 0x3f)), ret->len = 4;
    }
}

size_t escape_read(const uint8_t *text, size_t len, struct escaped *ret) {
    struct reader in = {.text = text, .len = len, .at = 1};
    int32_t code = text[0];
    ret->len = 0;
    for (int level = 0; level < LEVELS_MAX && code < 0x80 && escape_begins((uint8_t)code); level++) {
        int32_t next = code == '%' ? read_percent(&in) : code == '&' ? read_entity(&in) : read_backslashes(&in);
        if (next < 0) break;
        code = next;
    }
    if (in.wants_more) return 0;
    if (code == '\\') return in.at;
    if (in.is_code)
        put(code, ret);
    else
        ret->bytes[0] = (uint8_t)code, ret->len = 1;
    return in.at;
}
