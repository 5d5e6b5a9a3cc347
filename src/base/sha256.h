/* SHA-256 (FIPS 180-4), for the processes that link no libcrypto: a secret that is only compared is passed on as its hash. */
#pragma once
#include <stddef.h>

#define SHA256_HEX_BYTES 65

/* Writes the hash of `len` bytes as lower case hexadecimal digits. */
void sha256_hex(const void *data, size_t len, char ret_hex[static SHA256_HEX_BYTES]);
