/* Text under the scanner's hands: characters, escapes, places, and memory for the names it reports. Runs in a cell. */
#pragma once
#include "cell/module_scan.h"

/* What a byte can be in a source. Lead bytes of sequences among which there are spaces or line breaks are CHAR_WIDE;
   every other byte above 0x7f counts as part of a name. */
enum {
    CHAR_SPACE = 1,
    CHAR_BREAK = 2,
    CHAR_NAME_START = 4,
    CHAR_NAME_PART = 8,
    CHAR_WIDE = 16,
};
extern const uint8_t module_char[256];

/* Length of the space or line break that begins with a CHAR_WIDE byte at `at`, or 0; at most `left` bytes are read. */
uint32_t module_wide_space(const char *at, uint32_t left, bool *ret_break);

/* Reads the \u escape whose backslash is at `at`. Returns its length and the code point, or 0 if it is none. */
uint32_t module_unicode_escape(const char *at, uint32_t left, uint32_t *ret_code);

/* True if the code point may stand in a name, at its start or further on. Letters beyond ASCII are the engine's
   matter: here only what would end a name is refused. */
bool module_code_in_name(uint32_t code, bool at_start);

/* Memory that is freed as a whole. Returns NULL when there is none. */
char *module_arena_take(struct module_arena **arena, size_t len);
void module_arena_free(struct module_arena *arena);

/* Decodes a name, or the inside of a string literal, into the arena; *ret_is_whole is false if a surrogate stood
   alone. Returns 0, -EINVAL for an escape that strict code does not have, or -ENOMEM. */
int module_decode(struct module_arena **arena, const char *raw, uint32_t len, struct module_text *ret_text,
                  bool *ret_is_whole);

/* Counts lines and columns up to an offset; `from` is a place already counted, which makes a rising series linear. */
struct module_cursor {
    uint32_t offset;
    struct module_place place;
};
struct module_place module_place_at(const char *source, uint32_t offset, struct module_cursor *from);

/* Overwrites text by spaces of the same bytes and the same UTF-16 length; line breaks stay. */
void module_blank(char *text, uint32_t len);

static inline bool module_text_is(struct module_text text, const char *word, uint32_t len) {
    return text.len == len && __builtin_memcmp(text.data, word, len) == 0;
}
