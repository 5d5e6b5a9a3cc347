/* One character of a text as servers write it: itself, or what JSON (\/, \u002B), a URL (%2B) or HTML (&amp;, &#43;)
   has in its place, one in another too, and JSON in JSON. Runs in the egress process; what it reads comes from servers.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an escape may begin with. */
static inline bool escape_begins(uint8_t c) {
    return c == '\\' || c == '%' || c == '&';
}

/* What one escape stands for: the bytes of a character in UTF-8, or none for backslashes that nothing needs. */
struct escaped {
    uint8_t bytes[4];
    size_t len;
};

/* Reads what begins with such a byte. Returns how many bytes that takes, at most ESCAPE_BYTES_MAX, or 0 if it takes
   more of the text to tell. A % or & that begins no escape is itself, and a backslash before what needs none is left
   out. */
#define ESCAPE_BYTES_MAX 160
size_t escape_read(const uint8_t *text, size_t len, struct escaped *ret);
