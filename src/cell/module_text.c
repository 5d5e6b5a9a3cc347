/* Characters, escapes, places and memory for the module scanner. Runs in a cell, on hostile source. */
#include "cell/module_text.h"
#include "base/macros.h"
#include <errno.h>
#include <string.h>

#define NAME (CHAR_NAME_START | CHAR_NAME_PART)

const uint8_t module_char[256] = {
    ['\t'] = CHAR_SPACE,    ['\v'] = CHAR_SPACE,    ['\f'] = CHAR_SPACE,
    [' '] = CHAR_SPACE,     ['\n'] = CHAR_BREAK,    ['\r'] = CHAR_BREAK,
    ['$'] = NAME,           ['_'] = NAME,           ['0' ... '9'] = CHAR_NAME_PART,
    ['A' ... 'Z'] = NAME,   ['a' ... 'z'] = NAME,   [0x80 ... 0xc1] = NAME,
    [0xc2] = CHAR_WIDE,     [0xc3 ... 0xe0] = NAME, [0xe1 ... 0xe3] = CHAR_WIDE,
    [0xe4 ... 0xee] = NAME, [0xef] = CHAR_WIDE,     [0xf0 ... 0xff] = NAME,
};

/* --- Characters ------------------------------------------------------------------------------------------------- */

static bool is_wide_space(uint32_t code) {
    return code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f ||
           code == 0x3000 || code == 0xfeff;
}

static bool is_wide_break(uint32_t code) {
    return code == 0x2028 || code == 0x2029;
}

uint32_t module_wide_space(const char *at, uint32_t left, bool *ret_break) {
    const uint8_t *byte = (const uint8_t *)at;
    uint32_t len = byte[0] == 0xc2 ? 2 : 3;
    if (left < len) return 0;
    uint32_t code = len == 2 ? byte[1] : (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
    *ret_break = is_wide_break(code);
    return *ret_break || is_wide_space(code) ? len : 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

uint32_t module_unicode_escape(const char *at, uint32_t left, uint32_t *ret_code) {
    if (left < 2 || at[0] != '\\' || at[1] != 'u') return 0;
    uint32_t code = 0, i = 2;
    bool braced = left > 2 && at[2] == '{';
    if (braced) i++;
    uint32_t first = i;
    for (; i < left && hex_digit(at[i]) >= 0 && (braced || i < 6); i++) {
        code = code << 4 | (uint32_t)hex_digit(at[i]);
        if (code > 0x10ffff) return 0;
    }
    if (braced ? i == first || i == left || at[i] != '}' : i != 6) return 0;
    *ret_code = code;
    return braced ? i + 1 : i;
}

bool module_code_in_name(uint32_t code, bool at_start) {
    if (code < 0x80) return module_char[code] & (at_start ? CHAR_NAME_START : CHAR_NAME_PART);
    return !is_wide_space(code) && !is_wide_break(code) && (code < 0xd800 || code > 0xdfff);
}

/* --- Memory ----------------------------------------------------------------------------------------------------- */

#define ARENA_CHUNK_BYTES 4096

struct module_arena {
    struct module_arena *older;
    size_t len, capacity;
    char data[];
};

char *module_arena_take(struct module_arena **arena, size_t len) {
    struct module_arena *chunk = *arena;
    if (!chunk || chunk->capacity - chunk->len < len) {
        size_t capacity = len > ARENA_CHUNK_BYTES ? len : ARENA_CHUNK_BYTES;
        chunk = malloc(sizeof *chunk + capacity);
        if (!chunk) return NULL;
        *chunk = (struct module_arena){.older = *arena, .capacity = capacity};
        *arena = chunk;
    }
    chunk->len += len;
    return chunk->data + chunk->len - len;
}

void module_arena_free(struct module_arena *arena) {
    while (arena) {
        struct module_arena *older = arena->older;
        free(arena);
        arena = older;
    }
}

/* --- Escapes ---------------------------------------------------------------------------------------------------- */

/* Writes a code point as UTF-8, a surrogate as U+FFFD. An escape is never shorter than what it stands for. */
static char *put_code(char *out, uint32_t code) {
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code >= 0x10000) {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    } else if (code >= 0x800) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        *out++ = (char)(0xc0 | code >> 6);
    }
    *out++ = (char)(0x80 | (code & 0x3f));
    return out;
}

/* The code point of \u at `at`; a pair of surrogate escapes makes one. Returns the length read, 0 for none. */
static uint32_t unicode_escape_pair(const char *at, uint32_t left, uint32_t *ret_code) {
    uint32_t low, len = module_unicode_escape(at, left, ret_code);
    if (len == 0 || *ret_code < 0xd800 || *ret_code > 0xdbff) return len;
    uint32_t more = module_unicode_escape(at + len, left - len, &low);
    if (!more || low < 0xdc00 || low > 0xdfff) return len;
    *ret_code = 0x10000 + ((*ret_code - 0xd800) << 10) + (low - 0xdc00);
    return len + more;
}

/* Length of a backslash and the line break behind it, or 0. */
static uint32_t line_continuation(const char *at, uint32_t left) {
    bool is_break = false;
    uint8_t class = module_char[(uint8_t)at[1]];
    if (at[1] == '\r' && left > 2 && at[2] == '\n') return 3;
    if (class & CHAR_BREAK) return 2;
    if (!(class & CHAR_WIDE)) return 0;
    uint32_t len = module_wide_space(at + 1, left - 1, &is_break);
    return is_break ? 1 + len : 0;
}

/* Decodes the escape at `at` into *out. Returns the length read, or 0 for an escape that is unsound. */
static uint32_t decode_escape(const char *at, uint32_t left, char **out, bool *is_whole) {
    static const char from[] = "ntbvfr0", to[] = "\n\t\b\v\f\r";
    if (left < 2) return 0;
    uint32_t code, len = line_continuation(at, left);
    if (len) return len;
    if (at[1] == 'u') {
        len = unicode_escape_pair(at, left, &code);
        if (len == 0) return 0;
        if (code >= 0xd800 && code <= 0xdfff) *is_whole = false;
        *out = put_code(*out, code);
        return len;
    }
    if (at[1] == 'x') {
        if (left < 4 || hex_digit(at[2]) < 0 || hex_digit(at[3]) < 0) return 0;
        *out = put_code(*out, (uint32_t)(hex_digit(at[2]) << 4 | hex_digit(at[3])));
        return 4;
    }
    bool is_octal = (at[1] >= '1' && at[1] <= '9') || (at[1] == '0' && left > 2 && at[2] >= '0' && at[2] <= '9');
    if (is_octal) return 0;
    const char *simple = at[1] ? strchr(from, at[1]) : NULL;
    *(*out)++ = simple ? to[simple - from] : at[1];
    return 2;
}

int module_decode(struct module_arena **arena, const char *raw, uint32_t len, struct module_text *ret_text,
                  bool *ret_is_whole) {
    char *text = module_arena_take(arena, len);
    if (!text) return -ENOMEM;
    char *out = text;
    bool is_whole = true;
    for (uint32_t i = 0; i < len;) {
        if (raw[i] != '\\') {
            *out++ = raw[i++];
            continue;
        }
        uint32_t read = decode_escape(raw + i, len - i, &out, &is_whole);
        if (read == 0) return -EINVAL;
        i += read;
    }
    *ret_text = (struct module_text){.data = text, .len = (uint32_t)(out - text)};
    *ret_is_whole = is_whole;
    return 0;
}

/* --- Places and blanks ------------------------------------------------------------------------------------------ */

static bool is_wide_break_at(const char *at) {
    return at[0] == '\xe2' && at[1] == '\x80' && (at[2] == '\xa8' || at[2] == '\xa9');
}

struct module_place module_place_at(const char *source, uint32_t offset, struct module_cursor *from) {
    if (offset < from->offset || from->place.line == 0) *from = (struct module_cursor){.place = {1, 1}};
    struct module_place place = from->place;
    for (uint32_t i = from->offset; i < offset; i++) {
        uint8_t byte = (uint8_t)source[i];
        if (byte > '\r' && byte < 0x80) { /* nearly all of them */
            place.column++;
            continue;
        }
        bool is_wide = is_wide_break_at(source + i);
        if (byte == '\n' || (byte == '\r' && source[i + 1] != '\n') || is_wide) {
            place.line++;
            place.column = 1;
            if (is_wide) i += 2;
        } else if (byte < 0x80 || byte >= 0xc0) {
            place.column += byte >= 0xf0 ? 2 : 1;
        }
    }
    *from = (struct module_cursor){.offset = offset, .place = place};
    return place;
}

/* Bytes of the UTF-8 sequence at `text`; 1 for a byte that begins none. */
static uint32_t sequence_len(const char *text, uint32_t left) {
    uint8_t byte = (uint8_t)text[0];
    uint32_t len = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    if (len > left) return 1;
    for (uint32_t i = 1; i < len; i++)
        if (((uint8_t)text[i] & 0xc0) != 0x80) return 1;
    return len;
}

void module_blank(char *text, uint32_t len) {
    for (uint32_t i = 0, size; i < len; i += size) {
        size = sequence_len(text + i, len - i);
        if (size == 1 && !(module_char[(uint8_t)text[i]] & CHAR_BREAK)) text[i] = ' ';
        if (size == 3 && !is_wide_break_at(text + i)) memcpy(text + i, "\xe3\x80\x80", 3);
        for (uint32_t k = 0; size % 2 == 0 && k < size; k += 2) memcpy(text + i + k, "\xc2\xa0", 2);
    }
}
