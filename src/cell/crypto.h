/* What the files of native.crypto share: an operation and its arguments, and the answer's memory. */
#pragma once
#include "base/buf.h"
#include "base/macros.h"
#include "cell/engine.h"
#include <openssl/evp.h>
#include <stdbool.h>

/* An operation of the table: it sets *ret, or leaves it undefined where the operation fails (a wrong key, a wrong tag, a
   limit); the runtime knows which DOMException that is. Returns 0, or -EINVAL if an argument has the wrong kind. */
typedef int crypto_operation(const struct engine_value *args, struct engine_value *ret);

struct crypto_row {
    const char *name;
    crypto_operation *run;
    const char *kinds; /* of the arguments: b bytes, t text, n number */
};

extern const struct crypto_row crypto_key_rows[], crypto_cipher_rows[]; /* end with a NULL name */

/* Room for n bytes of answer, and the answer of the n bytes written there. The memory lives until the next answer. */
uint8_t *crypto_room(size_t n);
struct engine_value crypto_answer(size_t n);

/* Bytes that may be empty: never a null pointer. */
const uint8_t *crypto_bytes(const struct engine_value *value);

/* SHA-1 to SHA-512 and MD5, by their names in the WebCrypto standard; NULL for any other. */
const EVP_MD *crypto_hash(const struct engine_value *name);
