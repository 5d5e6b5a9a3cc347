/* JSON from cells, read in place: checked whole, then picked from as slices. Used by libmayfly.

   jansson is not used on what a cell says: it builds a tree some fifty times as large as a hostile text of
   "[[],[],...", and refuses what JSON.stringify may rightly give (lone surrogates, integers beyond 2^63). Nothing here
   allocates but json_text_copy, and nothing recurses. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Arrays and objects inside one another; jansson's own limit is 2048. */
#define JSON_DEPTH_MAX 1024

/* A piece of a text, borrowed. Invariant: it is one whole JSON value, without space around it. */
struct json_slice {
    const char *data;
    size_t len;
};

/* Checks that `text` is one JSON value (RFC 8259) in UTF-8. Returns 0 and the value, or -EBADMSG. */
int json_text_check(const char *text, size_t len, struct json_slice *ret);

/* Finds a member of a checked object; the last of its name counts. False if there is none, or `object` is none. */
bool json_text_member(struct json_slice object, const char *name, struct json_slice *ret);

static inline bool json_text_is_string(struct json_slice value) {
    return value.len > 0 && value.data[0] == '"';
}
static inline bool json_text_is_array(struct json_slice value) {
    return value.len > 0 && value.data[0] == '[';
}
static inline bool json_text_is_object(struct json_slice value) {
    return value.len > 0 && value.data[0] == '{';
}

/* Decodes a checked string into `out`, cut at a character's border to out_len - 1 bytes. What C text cannot hold (NUL,
   lone surrogates) becomes U+FFFD. Anything but a string gives "". Returns the length that the whole text has. */
size_t json_text_decode(struct json_slice value, char *out, size_t out_len);

/* Likewise as a new string, which the caller frees; NULL without memory. */
char *json_text_copy(struct json_slice value);
