/* native.crypto: the primitives of WebCrypto on OpenSSL's libcrypto. Runs in cells, on what workers hand over; nothing
   of the library is used before a cell first asks, so that the others, and the zygote, keep its pages clean and each
   cell has a random generator of its own. Asymmetric keys are in crypto_keys.c; rules and errors in runtime/subtle. */
#define OPENSSL_SUPPRESS_DEPRECATED /* of RAND_METHOD; what follows it would take a provider of our own */
#include "cell/crypto.h"
#include "cell/parts.h"
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/random.h>

#define GCM_TAG_BYTES_MAX 16
#define BLOCK_BYTES       16
/* Digests that run piece by piece at the same time; the runtime frees those that were forgotten. */
#define DIGESTS_MAX 4096

static struct buf the_answer;
static EVP_MD_CTX *digests[DIGESTS_MAX];

uint8_t *crypto_room(size_t n) {
    buf_consume(&the_answer, buf_len(&the_answer));
    uint8_t *room = buf_room(&the_answer, n + 1);
    CHECK(room);
    return room;
}

struct engine_value crypto_answer(size_t n) {
    buf_add(&the_answer, n);
    return (struct engine_value){.kind = ENGINE_BYTES, .data = buf_bytes(&the_answer), .len = n};
}

const uint8_t *crypto_bytes(const struct engine_value *value) {
    return value->data ? value->data : (const uint8_t *)"";
}

const EVP_MD *crypto_hash(const struct engine_value *name) {
    static const struct {
        const char *name;
        const EVP_MD *(*get)(void);
    } hashes[] = {{"SHA-1", EVP_sha1},
                  {"SHA-256", EVP_sha256},
                  {"SHA-384", EVP_sha384},
                  {"SHA-512", EVP_sha512},
                  {"MD5", EVP_md5}};
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        if (strcmp(name->data, hashes[i].name) == 0) return hashes[i].get();
    }
    return NULL;
}

/* --- Digests ---------------------------------------------------------------------------------------------------- */

/* digest(hash, data) */
static int digest(const struct engine_value *args, struct engine_value *ret) {
    const EVP_MD *hash = crypto_hash(&args[0]);
    unsigned n = 0;
    if (hash && EVP_Digest(args[1].data, args[1].len, crypto_room(EVP_MAX_MD_SIZE), &n, hash, NULL)) {
        *ret = crypto_answer(n);
    }
    return 0;
}

static EVP_MD_CTX **digest_of(const struct engine_value *number) {
    double n = number->number;
    return n >= 0 && n < DIGESTS_MAX ? &digests[(size_t)n] : NULL;
}

/* digest begin(hash): its number, or undefined if there are too many. */
static int digest_begin(const struct engine_value *args, struct engine_value *ret) {
    const EVP_MD *hash = crypto_hash(&args[0]);
    size_t i = 0;
    while (i < DIGESTS_MAX && digests[i]) i++;
    if (i == DIGESTS_MAX || !hash) return 0;
    digests[i] = EVP_MD_CTX_new();
    CHECK(digests[i] && EVP_DigestInit_ex(digests[i], hash, NULL));
    *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = (double)i};
    return 0;
}

/* digest add(number, data) */
static int digest_add(const struct engine_value *args, struct engine_value *ret) {
    EVP_MD_CTX **context = digest_of(&args[0]);
    (void)ret;
    if (!context || !*context) return -EINVAL;
    EVP_DigestUpdate(*context, args[1].data, args[1].len);
    return 0;
}

/* digest end(number): the digest; frees the number. */
static int digest_end(const struct engine_value *args, struct engine_value *ret) {
    EVP_MD_CTX **context = digest_of(&args[0]);
    unsigned n = 0;
    if (!context || !*context) return -EINVAL;
    if (EVP_DigestFinal_ex(*context, crypto_room(EVP_MAX_MD_SIZE), &n)) *ret = crypto_answer(n);
    EVP_MD_CTX_free(*context);
    *context = NULL;
    return 0;
}

/* hmac(hash, key, data) */
static int hmac(const struct engine_value *args, struct engine_value *ret) {
    const EVP_MD *hash = crypto_hash(&args[0]);
    unsigned n = 0;
    if (!hash || args[1].len > INT_MAX) return 0;
    if (HMAC(hash, crypto_bytes(&args[1]), (int)args[1].len, crypto_bytes(&args[2]), args[2].len,
             crypto_room(EVP_MAX_MD_SIZE), &n)) {
        *ret = crypto_answer(n);
    }
    return 0;
}

/* equal(a, b): compares in a time that does not tell where they differ. */
static int equal(const struct engine_value *args, struct engine_value *ret) {
    bool same =
        args[0].len == args[1].len && CRYPTO_memcmp(crypto_bytes(&args[0]), crypto_bytes(&args[1]), args[0].len) == 0;
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = same};
    return 0;
}

/* --- Key derivation --------------------------------------------------------------------------------------------- */

/* hkdf(hash, key, salt, info, bytes) */
static int hkdf(const struct engine_value *args, struct engine_value *ret) {
    const EVP_MD *hash = crypto_hash(&args[0]);
    size_t n = (size_t)args[4].number;
    if (!hash || args[4].number < 0 || n > 255 * (size_t)EVP_MD_get_size(hash)) return 0;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    CHECK(context);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(hash), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)crypto_bytes(&args[1]), args[1].len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)crypto_bytes(&args[2]), args[2].len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)crypto_bytes(&args[3]), args[3].len),
        OSSL_PARAM_construct_end(),
    };
    if (n == 0 || EVP_KDF_derive(context, crypto_room(n), n, params) > 0) {
        if (n == 0) crypto_room(0);
        *ret = crypto_answer(n);
    }
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return 0;
}

/* pbkdf2(hash, password, salt, iterations, bytes) */
static int pbkdf2(const struct engine_value *args, struct engine_value *ret) {
    const EVP_MD *hash = crypto_hash(&args[0]);
    double iterations = args[3].number, n = args[4].number;
    if (!hash || !(iterations >= 1 && iterations <= INT_MAX) || !(n >= 0 && n <= INT_MAX)) return 0;
    if (args[1].len > INT_MAX || args[2].len > INT_MAX) return 0;
    uint8_t *room = crypto_room((size_t)n);
    if (n == 0 || PKCS5_PBKDF2_HMAC((const char *)crypto_bytes(&args[1]), (int)args[1].len, crypto_bytes(&args[2]),
                                    (int)args[2].len, (int)iterations, hash, (int)n, room)) {
        *ret = crypto_answer((size_t)n);
    }
    return 0;
}

/* scrypt(password, salt, N, r, p, bytes) */
static int scrypt(const struct engine_value *args, struct engine_value *ret) {
    for (int i = 2; i < 6; i++) {
        if (!(args[i].number >= 0 && args[i].number <= INT_MAX)) return 0;
    }
    size_t n = (size_t)args[5].number;
    if (EVP_PBE_scrypt((const char *)crypto_bytes(&args[0]), args[0].len, crypto_bytes(&args[1]), args[1].len,
                       (uint64_t)args[2].number, (uint64_t)args[3].number, (uint64_t)args[4].number, INT_MAX,
                       crypto_room(n), n)) {
        *ret = crypto_answer(n);
    }
    return 0;
}

/* --- AES -------------------------------------------------------------------------------------------------------- */

enum aes_mode { AES_MODE_CBC, AES_MODE_CTR, AES_MODE_GCM, AES_MODE_KW };

static const EVP_CIPHER *aes(enum aes_mode mode, size_t key_bytes) {
    static const EVP_CIPHER *(*const ciphers[][3])(void) = {
        [AES_MODE_CBC] = {EVP_aes_128_cbc, EVP_aes_192_cbc, EVP_aes_256_cbc},
        [AES_MODE_CTR] = {EVP_aes_128_ctr, EVP_aes_192_ctr, EVP_aes_256_ctr},
        [AES_MODE_GCM] = {EVP_aes_128_gcm, EVP_aes_192_gcm, EVP_aes_256_gcm},
        [AES_MODE_KW] = {EVP_aes_128_wrap, EVP_aes_192_wrap, EVP_aes_256_wrap},
    };
    if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32) return NULL;
    return ciphers[mode][key_bytes / 8 - 2]();
}

/* Runs a whole cipher into `out`; returns the bytes written, or -1. */
static int cipher_run(enum aes_mode mode, bool encrypts, const struct engine_value *key, const uint8_t *iv,
                      const uint8_t *data, size_t len, uint8_t *out) {
    const EVP_CIPHER *cipher = aes(mode, key->len);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n = 0, more = 0;
    CHECK(context);
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool good = cipher && len <= INT_MAX - 64 && EVP_CipherInit_ex(context, cipher, NULL, key->data, iv, encrypts) &&
                EVP_CipherUpdate(context, out, &n, data, (int)len) && EVP_CipherFinal_ex(context, out + n, &more);
    EVP_CIPHER_CTX_free(context);
    return good ? n + more : -1;
}

/* aes-cbc(key, iv, data, encrypts) */
static int aes_cbc(const struct engine_value *args, struct engine_value *ret) {
    if (args[1].len != BLOCK_BYTES) return 0;
    int n = cipher_run(AES_MODE_CBC, args[3].number != 0, &args[0], args[1].data, crypto_bytes(&args[2]), args[2].len,
                       crypto_room(args[2].len + BLOCK_BYTES));
    if (n >= 0) *ret = crypto_answer((size_t)n);
    return 0;
}

/* aes-kw(key, data, encrypts) */
static int aes_kw(const struct engine_value *args, struct engine_value *ret) {
    int n = cipher_run(AES_MODE_KW, args[2].number != 0, &args[0], NULL, crypto_bytes(&args[1]), args[1].len,
                       crypto_room(args[1].len + BLOCK_BYTES));
    if (n > 0) *ret = crypto_answer((size_t)n);
    return 0;
}

/* How many blocks the counter's low `bits` bits allow before they begin again at zero, at most SIZE_MAX. */
static size_t blocks_to_wrap(const uint8_t *counter, unsigned bits) {
    uint64_t low = 0;
    bool is_small = true; /* everything of the counter above 64 bits is ones */
    for (int i = 0; i < BLOCK_BYTES; i++) {
        unsigned at = (unsigned)(BLOCK_BYTES - 1 - i) * 8; /* of this byte's lowest bit */
        if (at >= bits) continue;
        uint8_t mask = bits - at >= 8 ? 0xff : (uint8_t)((1u << (bits - at)) - 1);
        if (at >= 64 && (counter[i] & mask) != mask) is_small = false;
        if (at < 64) low |= (uint64_t)(counter[i] & mask) << at;
    }
    if (!is_small) return SIZE_MAX;
    if (bits >= 64) return low == 0 ? SIZE_MAX : (size_t)(0 - low);
    return (size_t)((1ull << bits) - low);
}

/* The counter with its low bits at zero. */
static void counter_wrap(uint8_t *counter, unsigned bits) {
    for (unsigned i = 0; i < bits; i++) counter[BLOCK_BYTES - 1 - i / 8] &= (uint8_t) ~(1u << (i % 8));
}

/* aes-ctr(key, counter, data, bits): OpenSSL counts in all 128 bits, so a counter that begins again is a second run. */
static int aes_ctr(const struct engine_value *args, struct engine_value *ret) {
    double bits = args[3].number;
    size_t len = args[2].len, blocks = (len + BLOCK_BYTES - 1) / BLOCK_BYTES;
    uint8_t counter[BLOCK_BYTES];
    if (args[1].len != BLOCK_BYTES || !(bits >= 1 && bits <= 128)) return 0;
    if (bits < 64 && blocks > 1ull << (unsigned)bits) return 0;
    memcpy(counter, args[1].data, sizeof counter);
    size_t before = blocks_to_wrap(counter, (unsigned)bits);
    size_t first = before < blocks ? before * BLOCK_BYTES : len;
    uint8_t *out = crypto_room(len);
    const uint8_t *data = crypto_bytes(&args[2]);
    if (cipher_run(AES_MODE_CTR, true, &args[0], counter, data, first, out) < 0) return 0;
    counter_wrap(counter, (unsigned)bits);
    if (first < len && cipher_run(AES_MODE_CTR, true, &args[0], counter, data + first, len - first, out + first) < 0) {
        return 0;
    }
    *ret = crypto_answer(len);
    return 0;
}

static bool gcm_init(EVP_CIPHER_CTX *context, const struct engine_value *args, bool encrypts) {
    const EVP_CIPHER *cipher = aes(AES_MODE_GCM, args[0].len);
    int n;
    return cipher && args[1].len > 0 && args[1].len <= INT_MAX && args[3].len <= INT_MAX &&
           EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, encrypts) &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)args[1].len, NULL) &&
           EVP_CipherInit_ex(context, NULL, NULL, args[0].data, args[1].data, encrypts) &&
           (args[3].len == 0 || EVP_CipherUpdate(context, NULL, &n, args[3].data, (int)args[3].len));
}

/* aes-gcm encrypt(key, iv, data, additional data, tag bytes): the tag stands behind the text. */
static int gcm_encrypt(const struct engine_value *args, struct engine_value *ret) {
    size_t tag_bytes = (size_t)args[4].number, len = args[2].len;
    if (tag_bytes > GCM_TAG_BYTES_MAX || len > INT_MAX - 64) return 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    CHECK(context);
    uint8_t *out = crypto_room(len + GCM_TAG_BYTES_MAX);
    int n = 0, more = 0;
    bool good = gcm_init(context, args, true) &&
                (len == 0 || EVP_CipherUpdate(context, out, &n, args[2].data, (int)len)) &&
                EVP_CipherFinal_ex(context, out + n, &more) &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, (int)tag_bytes, out + n + more);
    EVP_CIPHER_CTX_free(context);
    if (good) *ret = crypto_answer((size_t)(n + more) + tag_bytes);
    return 0;
}

/* aes-gcm decrypt(key, iv, data and tag, additional data, tag bytes) */
static int gcm_decrypt(const struct engine_value *args, struct engine_value *ret) {
    size_t tag_bytes = (size_t)args[4].number;
    if (tag_bytes > GCM_TAG_BYTES_MAX || args[2].len < tag_bytes || args[2].len > INT_MAX - 64) return 0;
    size_t len = args[2].len - tag_bytes;
    const uint8_t *data = args[2].data;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    CHECK(context);
    uint8_t *out = crypto_room(len + BLOCK_BYTES);
    int n = 0, more = 0;
    bool good = gcm_init(context, args, false) && (len == 0 || EVP_CipherUpdate(context, out, &n, data, (int)len)) &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, (int)tag_bytes, (void *)(data + len)) &&
                EVP_CipherFinal_ex(context, out + n, &more) > 0;
    EVP_CIPHER_CTX_free(context);
    if (good) *ret = crypto_answer((size_t)(n + more));
    return 0;
}

/* --- The table -------------------------------------------------------------------------------------------------- */

static const struct crypto_row rows[] = {
    {"digest", digest, "tb"},
    {"digest begin", digest_begin, "t"},
    {"digest add", digest_add, "nb"},
    {"digest end", digest_end, "n"},
    {"hmac", hmac, "tbb"},
    {"equal", equal, "bb"},
    {"hkdf", hkdf, "tbbbn"},
    {"pbkdf2", pbkdf2, "tbbnn"},
    {"scrypt", scrypt, "bbnnnn"},
    {"aes-cbc", aes_cbc, "bbbn"},
    {"aes-ctr", aes_ctr, "bbbn"},
    {"aes-kw", aes_kw, "bbn"},
    {"aes-gcm encrypt", gcm_encrypt, "bbbbn"},
    {"aes-gcm decrypt", gcm_decrypt, "bbbbn"},
    {NULL, NULL, NULL},
};

static int random_bytes(unsigned char *out, int len) {
    for (int done = 0; done < len;) {
        ssize_t n = getrandom(out + done, (size_t)(len - done), 0);
        CHECK(n > 0 || errno == EINTR);
        if (n > 0) done += (int)n;
    }
    return 1;
}

static int random_is_ready(void) {
    return 1;
}

/* Before the first operation: no configuration file, which a cell has none of, and the kernel's generator in place of
   the library's, which asks for process ids and the cycle counter; cells have neither. */
static void start_library(void) {
    static const RAND_METHOD kernel = {.bytes = random_bytes, .pseudorand = random_bytes, .status = random_is_ready};
    static bool has_started;
    if (has_started) return;
    has_started = true;
    CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL));
    CHECK(RAND_set_rand_method(&kernel));
}

static bool kinds_fit(const char *kinds, const struct engine_value *args) {
    for (; *kinds; kinds++, args++) {
        enum engine_kind wanted = *kinds == 'b' ? ENGINE_BYTES : *kinds == 't' ? ENGINE_TEXT : ENGINE_NUMBER;
        if (args->kind != wanted) return false;
    }
    return true;
}

static const struct crypto_row *find(const char *name) {
    const struct crypto_row *const tables[] = {rows, crypto_key_rows, crypto_cipher_rows};
    for (size_t t = 0; t < COUNT_OF(tables); t++) {
        for (const struct crypto_row *row = tables[t]; row->name; row++) {
            if (strcmp(row->name, name) == 0) return row;
        }
    }
    return NULL;
}

static int crypto(void *context, const struct engine_value *args, struct engine_value *ret,
                  struct engine_error *error) {
    (void)context;
    const struct crypto_row *row = args[0].kind == ENGINE_TEXT ? find(args[0].data) : NULL;
    start_library();
    int r = row && kinds_fit(row->kinds, args + 1) ? row->run(args + 1, ret) : -EINVAL;
    if (r < 0) {
        error->type = "TypeError";
        snprintf(error->message, sizeof error->message, "crypto: no such operation, or not on these arguments");
        return r;
    }
    ERR_clear_error();
    return 0;
}

void cell_crypto_add(struct cell *cell) {
    CHECK(engine_native_add(cell->engine, "crypto", crypto, NULL) == 0);
}
