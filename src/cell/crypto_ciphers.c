/* Ciphers that run piece by piece, for node:crypto; WebCrypto's, which take all at once, are in crypto.c. Runs in
 * cells. */
#include "cell/crypto.h"
#include <errno.h>
#include <limits.h>

#define TAG_BYTES 16
/* That run at the same time; the runtime frees those that were forgotten. */
#define CIPHERS_MAX 4096

static EVP_CIPHER_CTX *ciphers[CIPHERS_MAX];

static EVP_CIPHER_CTX **cipher_of(const struct engine_value *number) {
    double n = number->number;
    return n >= 0 && n < CIPHERS_MAX && ciphers[(size_t)n] ? &ciphers[(size_t)n] : NULL;
}

static bool is_aead(const EVP_CIPHER *cipher) {
    return EVP_CIPHER_get_flags(cipher) & EVP_CIPH_FLAG_AEAD_CIPHER;
}

static bool start(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, const struct engine_value *key,
                  const struct engine_value *iv, bool encrypts) {
    if (key->len != (size_t)EVP_CIPHER_get_key_length(cipher) || iv->len > INT_MAX) return false;
    if (!EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, encrypts)) return false;
    if (is_aead(cipher)) {
        if (iv->len == 0 || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)iv->len, NULL) <= 0)
            return false;
    } else if (iv->len != (size_t)EVP_CIPHER_get_iv_length(cipher)) {
        return false;
    }
    return EVP_CipherInit_ex(context, NULL, NULL, key->data, iv->len ? iv->data : NULL, encrypts);
}

/* cipher begin(name, key, iv, encrypts): its number, or undefined if the lengths are wrong or there are too many. */
static int begin(const struct engine_value *args, struct engine_value *ret) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, args[0].data, NULL);
    size_t i = 0;
    while (i < CIPHERS_MAX && ciphers[i]) i++;
    if (cipher && i < CIPHERS_MAX) {
        EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
        CHECK(context);
        if (start(context, cipher, &args[1], &args[2], args[3].number != 0)) {
            ciphers[i] = context;
            *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = (double)i};
        } else {
            EVP_CIPHER_CTX_free(context);
        }
    }
    EVP_CIPHER_free(cipher);
    return 0;
}

/* cipher pad(number, pads): whether the last block is filled up. */
static int pad(const struct engine_value *args, struct engine_value *ret) {
    EVP_CIPHER_CTX **context = cipher_of(&args[0]);
    (void)ret;
    if (!context) return -EINVAL;
    EVP_CIPHER_CTX_set_padding(*context, args[1].number != 0);
    return 0;
}

/* cipher know(number, data): data that is not encrypted, but vouched for. */
static int know(const struct engine_value *args, struct engine_value *ret) {
    EVP_CIPHER_CTX **context = cipher_of(&args[0]);
    int n;
    if (!context) return -EINVAL;
    if (args[1].len > INT_MAX || EVP_CipherUpdate(*context, NULL, &n, crypto_bytes(&args[1]), (int)args[1].len) <= 0)
        return 0;
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = true};
    return 0;
}

/* cipher expect(number, tag): what decryption must come to. */
static int expect(const struct engine_value *args, struct engine_value *ret) {
    EVP_CIPHER_CTX **context = cipher_of(&args[0]);
    if (!context) return -EINVAL;
    if (args[1].len == 0 || args[1].len > TAG_BYTES ||
        EVP_CIPHER_CTX_ctrl(*context, EVP_CTRL_AEAD_SET_TAG, (int)args[1].len, (void *)args[1].data) <= 0)
        return 0;
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = true};
    return 0;
}

/* cipher add(number, data): what comes out by now. */
static int add(const struct engine_value *args, struct engine_value *ret) {
    EVP_CIPHER_CTX **context = cipher_of(&args[0]);
    int n = 0;
    if (!context) return -EINVAL;
    if (args[1].len > INT_MAX - EVP_MAX_BLOCK_LENGTH) return 0;
    uint8_t *out = crypto_room(args[1].len + EVP_MAX_BLOCK_LENGTH);
    if (args[1].len && EVP_CipherUpdate(*context, out, &n, args[1].data, (int)args[1].len) <= 0) return 0;
    *ret = crypto_answer((size_t)n);
    return 0;
}

/* cipher end(number): the rest, and behind it the tag of what was encrypted; undefined if padding or tag are wrong.
   Frees the number. */
static int end(const struct engine_value *args, struct engine_value *ret) {
    EVP_CIPHER_CTX **context = cipher_of(&args[0]);
    int n = 0;
    if (!context) return -EINVAL;
    uint8_t *out = crypto_room(EVP_MAX_BLOCK_LENGTH + TAG_BYTES);
    bool tags = is_aead(EVP_CIPHER_CTX_get0_cipher(*context)) && EVP_CIPHER_CTX_is_encrypting(*context);
    if (EVP_CipherFinal_ex(*context, out, &n) > 0 &&
        (!tags || EVP_CIPHER_CTX_ctrl(*context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + n) > 0))
        *ret = crypto_answer((size_t)n + (tags ? TAG_BYTES : 0));
    EVP_CIPHER_CTX_free(*context);
    *context = NULL;
    return 0;
}

const struct crypto_row crypto_cipher_rows[] = {
    {"cipher begin", begin, "tbbn"},
    {"cipher pad", pad, "nn"},
    {"cipher know", know, "nb"},
    {"cipher expect", expect, "nb"},
    {"cipher add", add, "nb"},
    {"cipher end", end, "n"},
    {NULL, NULL, NULL},
};
