/* Texts in UTF-8 and UTF-16: what the engine's C API has not, or does otherwise than the web. Runs in the zygote and in cells, on
   hostile bytes; allocates nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool unicode_is_ascii(const uint8_t *p, size_t n);

/* Whether every byte belongs to a well-formed sequence (RFC 3629). */
bool unicode_is_utf8(const uint8_t *p, size_t n);

/* How many units of UTF-16 well-formed UTF-8 stands for. */
size_t unicode_utf16_len(const uint8_t *p, size_t n);

/* Decodes by the WHATWG rules: every maximal wrong subsequence becomes one U+FFFD. `out` has room for a unit a byte. Returns
   the units written. */
size_t unicode_to_utf16(const uint8_t *p, size_t n, uint16_t *out);

/* Encodes UTF-16; lone surrogates become U+FFFD. `out` has room for 3 bytes a unit. Returns the bytes written. */
size_t unicode_to_utf8(const uint16_t *p, size_t n, uint8_t *out);
