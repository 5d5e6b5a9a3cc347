/* Asymmetric keys for native.crypto: RSA, elliptic curves, Ed25519 and X25519. Runs in cells, on hostile keys. A key
   crosses as DER (PKCS #8 when private, SubjectPublicKeyInfo when public), and in parts as packed fields: a 32-bit
   length in host order and the bytes, field after field. Nothing is kept between calls. */
#include "cell/crypto.h"
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define RSA_BITS_MAX    16384
#define FIELD_BYTES_MAX 4096
#define FIELDS_MAX      8

/* --- DER -------------------------------------------------------------------------------------------------------- */

/* A private key from PKCS #8, nothing behind it; NULL if it is none. */
static EVP_PKEY *private_from_der(const struct engine_value *der) {
    const uint8_t *p = crypto_bytes(der), *end = p + der->len;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der->len);
    EVP_PKEY *key = info && p == end ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

static EVP_PKEY *public_from_der(const struct engine_value *der) {
    const uint8_t *p = crypto_bytes(der), *end = p + der->len;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der->len);
    if (key && p == end) return key;
    EVP_PKEY_free(key);
    return NULL;
}

static void answer_private(EVP_PKEY *key, struct engine_value *ret) {
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    if (n > 0) {
        uint8_t *p = crypto_room((size_t)n);
        i2d_PKCS8_PRIV_KEY_INFO(info, &p);
        *ret = crypto_answer((size_t)n);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
}

static void answer_public(EVP_PKEY *key, struct engine_value *ret) {
    int n = i2d_PUBKEY(key, NULL);
    if (n <= 0) return;
    uint8_t *p = crypto_room((size_t)n);
    i2d_PUBKEY(key, &p);
    *ret = crypto_answer((size_t)n);
}

/* public(private key): its public half. */
static int public_of(const struct engine_value *args, struct engine_value *ret) {
    EVP_PKEY *key = private_from_der(&args[0]);
    if (key) answer_public(key, ret);
    EVP_PKEY_free(key);
    return 0;
}

/* --- Making ----------------------------------------------------------------------------------------------------- */

/* generate rsa(bits, exponent) */
static int generate_rsa(const struct engine_value *args, struct engine_value *ret) {
    double bits = args[0].number, exponent = args[1].number;
    if (!(bits >= 512 && bits <= RSA_BITS_MAX) || (exponent != 3 && exponent != 65537)) return 0;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *key = NULL;
    CHECK(context && e && BN_set_word(e, (unsigned long)exponent));
    if (EVP_PKEY_keygen_init(context) > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) > 0 &&
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e) > 0 && EVP_PKEY_generate(context, &key) > 0) {
        answer_private(key, ret);
    }
    EVP_PKEY_free(key);
    BN_free(e);
    EVP_PKEY_CTX_free(context);
    return 0;
}

/* generate(type): "P-256", "P-384", "P-521", "ED25519" or "X25519". */
static int generate(const struct engine_value *args, struct engine_value *ret) {
    const char *type = args[0].data;
    EVP_PKEY *key = type[0] == 'P' ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", type) : EVP_PKEY_Q_keygen(NULL, NULL, type);
    if (key) answer_private(key, ret);
    EVP_PKEY_free(key);
    return 0;
}

/* Points fields[] into packed bytes; an absent field is empty. False if they are not well packed. */
static bool unpack(const struct engine_value *packed, struct engine_value *fields) {
    const uint8_t *p = crypto_bytes(packed);
    size_t left = packed->len;
    for (int i = 0; i < FIELDS_MAX; i++) {
        uint32_t n = 0;
        fields[i] = (struct engine_value){.kind = ENGINE_BYTES, .data = ""};
        if (left == 0) continue;
        if (left < sizeof n) return false;
        memcpy(&n, p, sizeof n);
        p += sizeof n, left -= sizeof n;
        if (n > left || n > FIELD_BYTES_MAX) return false;
        fields[i].data = p, fields[i].len = n;
        p += n, left -= n;
    }
    return left == 0;
}

static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM_BLD *builder, bool is_private) {
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    CHECK(params && context);
    if (EVP_PKEY_fromdata_init(context) <= 0 ||
        EVP_PKEY_fromdata(context, &key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) <= 0) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *build_rsa(const struct engine_value *fields) {
    static const char *const names[FIELDS_MAX] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                                  OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                                  OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                                  OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    BIGNUM *numbers[FIELDS_MAX] = {0};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CHECK(builder);
    for (int i = 0; i < FIELDS_MAX; i++) {
        if (fields[i].len == 0) continue;
        numbers[i] = BN_bin2bn(fields[i].data, (int)fields[i].len, NULL);
        CHECK(numbers[i] && OSSL_PARAM_BLD_push_BN(builder, names[i], numbers[i]));
    }
    bool fits = numbers[0] && numbers[1] && BN_num_bits(numbers[0]) <= RSA_BITS_MAX;
    EVP_PKEY *key = fits ? key_from_params("RSA", builder, fields[2].len > 0) : NULL;
    OSSL_PARAM_BLD_free(builder);
    for (int i = 0; i < FIELDS_MAX; i++) BN_clear_free(numbers[i]);
    return key;
}

/* The point of a private key, uncompressed, where it was not given. */
static size_t point_of_private(const EC_GROUP *group, const BIGNUM *private, uint8_t *out, size_t room) {
    EC_POINT *point = EC_POINT_new(group);
    size_t n = 0;
    if (point && EC_POINT_mul(group, point, private, NULL, NULL, NULL)) {
        n = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, room, NULL);
    }
    EC_POINT_free(point);
    return n;
}

/* Reads a point in any form and writes it uncompressed; 0 if it is not on the curve. */
static size_t point_normal(const EC_GROUP *group, const struct engine_value *given, uint8_t *out, size_t room) {
    EC_POINT *point = EC_POINT_new(group);
    size_t n = 0;
    if (point && EC_POINT_oct2point(group, point, given->data, given->len, NULL) &&
        !EC_POINT_is_at_infinity(group, point)) {
        n = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, room, NULL);
    }
    EC_POINT_free(point);
    return n;
}

/* Fields: point, private number. Either may be empty; both must belong together. */
static EVP_PKEY *build_ec(const char *curve, const struct engine_value *fields) {
    EC_GROUP *group = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(curve));
    if (!group) return NULL;
    uint8_t given[256], computed[256];
    size_t given_len = 0, computed_len = 0;
    BIGNUM *private = fields[1].len ? BN_bin2bn(fields[1].data, (int)fields[1].len, NULL) : NULL;
    if (fields[0].len) given_len = point_normal(group, &fields[0], given, sizeof given);
    if (private && !BN_is_zero(private) && BN_cmp(private, EC_GROUP_get0_order(group)) < 0) {
        computed_len = point_of_private(group, private, computed, sizeof computed);
    }
    bool fits = private ? computed_len > 0 : given_len > 0;
    if (private && fields[0].len) fits = fits && given_len == computed_len && !memcmp(given, computed, given_len);
    EVP_PKEY *key = NULL;
    if (fits) {
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        CHECK(builder);
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, private ? computed : given,
                                         private ? computed_len : given_len);
        if (private)
            OSSL_PARAM_BLD_push_BN_pad(builder, OSSL_PKEY_PARAM_PRIV_KEY, private,
                                       (EC_GROUP_get_degree(group) + 7) / 8);
        key = key_from_params("EC", builder, private != NULL);
        OSSL_PARAM_BLD_free(builder);
    }
    BN_clear_free(private);
    EC_GROUP_free(group);
    return key;
}

/* Fields: public bytes, private bytes. Either may be empty; both must belong together. */
static EVP_PKEY *build_edwards(const char *type, const struct engine_value *fields) {
    if (!fields[1].len) return EVP_PKEY_new_raw_public_key_ex(NULL, type, NULL, fields[0].data, fields[0].len);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, type, NULL, fields[1].data, fields[1].len);
    uint8_t public[64];
    size_t n = sizeof public;
    if (!key || !fields[0].len) return key;
    if (EVP_PKEY_get_raw_public_key(key, public, &n) && n == fields[0].len && !memcmp(public, fields[0].data, n))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* build(type, packed fields): DER of the key, private if a private field is there; undefined if the fields do not fit.
 */
static int build(const struct engine_value *args, struct engine_value *ret) {
    struct engine_value fields[FIELDS_MAX];
    const char *type = args[0].data;
    if (!unpack(&args[1], fields)) return 0;
    bool is_rsa = strcmp(type, "RSA") == 0;
    EVP_PKEY *key = is_rsa ? build_rsa(fields) : type[0] == 'P' ? build_ec(type, fields) : build_edwards(type, fields);
    if (!key) return 0;
    if (fields[is_rsa ? 2 : 1].len) {
        answer_private(key, ret);
    } else {
        answer_public(key, ret);
    }
    EVP_PKEY_free(key);
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------------------------- */

static void put_field(struct buf *out, const void *data, size_t len) {
    uint32_t n = (uint32_t)len;
    CHECK(buf_append(out, &n, sizeof n) == 0 && buf_append(out, data, len) == 0);
}

/* A number of the key in big-endian bytes, at least `width` of them; an empty field if the key has none. */
static void put_number(struct buf *out, EVP_PKEY *key, const char *name, int width) {
    BIGNUM *number = NULL;
    uint8_t bytes[FIELD_BYTES_MAX];
    int n = 0;
    if (EVP_PKEY_get_bn_param(key, name, &number)) {
        int len = BN_num_bytes(number) > width ? BN_num_bytes(number) : width;
        if (len <= FIELD_BYTES_MAX) n = BN_bn2binpad(number, bytes, len);
    }
    put_field(out, bytes, n > 0 ? (size_t)n : 0);
    BN_clear_free(number);
}

static void put_rsa(struct buf *out, EVP_PKEY *key, bool is_private) {
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
    put_field(out, "RSA", 3);
    for (size_t i = 0; i < (is_private ? COUNT_OF(names) : 2); i++) put_number(out, key, names[i], 0);
}

static bool put_ec(struct buf *out, EVP_PKEY *key, bool is_private) {
    static const char *const curves[][2] = {{"prime256v1", "P-256"}, {"secp384r1", "P-384"}, {"secp521r1", "P-521"}};
    char group[64];
    const char *curve = NULL;
    size_t n;
    if (!EVP_PKEY_get_group_name(key, group, sizeof group, &n)) return false;
    for (size_t i = 0; i < COUNT_OF(curves); i++) {
        if (strcmp(group, curves[i][0]) == 0) curve = curves[i][1];
    }
    if (!curve) return false;
    int width = (EVP_PKEY_get_bits(key) + 7) / 8;
    put_field(out, curve, strlen(curve));
    put_number(out, key, OSSL_PKEY_PARAM_EC_PUB_X, width);
    put_number(out, key, OSSL_PKEY_PARAM_EC_PUB_Y, width);
    if (is_private) put_number(out, key, OSSL_PKEY_PARAM_PRIV_KEY, width);
    return true;
}

static bool put_edwards(struct buf *out, EVP_PKEY *key, const char *type, bool is_private) {
    uint8_t bytes[64];
    size_t n = sizeof bytes;
    put_field(out, type, strlen(type));
    if (!EVP_PKEY_get_raw_public_key(key, bytes, &n)) return false;
    put_field(out, bytes, n);
    n = sizeof bytes;
    if (is_private && !EVP_PKEY_get_raw_private_key(key, bytes, &n)) return false;
    if (is_private) put_field(out, bytes, n);
    return true;
}

/* Fields: type (RSA, a curve, ED25519 or X25519), then the numbers; undefined if it is no key of these. */
static void answer_fields(EVP_PKEY *key, bool is_private, struct engine_value *ret) {
    struct buf out = {0};
    bool good = true;
    if (EVP_PKEY_is_a(key, "RSA")) {
        put_rsa(&out, key, is_private);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        good = put_ec(&out, key, is_private);
    } else if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "X25519")) {
        good = put_edwards(&out, key, EVP_PKEY_is_a(key, "X25519") ? "X25519" : "ED25519", is_private);
    } else {
        good = false;
    }
    size_t n = buf_len(&out);
    if (good) {
        memcpy(crypto_room(n), buf_bytes(&out), n);
        *ret = crypto_answer(n);
    }
    buf_done(&out);
}

/* read private(der), read public(der) */
static int read_private(const struct engine_value *args, struct engine_value *ret) {
    EVP_PKEY *key = private_from_der(&args[0]);
    if (key) answer_fields(key, true, ret);
    EVP_PKEY_free(key);
    return 0;
}

static int read_public(const struct engine_value *args, struct engine_value *ret) {
    EVP_PKEY *key = public_from_der(&args[0]);
    if (key) answer_fields(key, false, ret);
    EVP_PKEY_free(key);
    return 0;
}

/* --- Signatures ------------------------------------------------------------------------------------------------- */

static bool is_pss(const struct engine_value *scheme) {
    return strcmp(scheme->data, "RSA-PSS") == 0;
}

/* Sets the scheme's padding. hash "" is for schemes that have none. */
static bool set_padding(EVP_PKEY_CTX *context, const struct engine_value *scheme, int salt_bytes) {
    return !is_pss(scheme) || (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
                               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_bytes) > 0);
}

/* ECDSA in WebCrypto is r and s side by side, in OpenSSL a DER sequence of them. */
static size_t ecdsa_flat(const uint8_t *der, size_t len, int width, uint8_t *out) {
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    CHECK(signature);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, width) == width);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + width, width) == width);
    ECDSA_SIG_free(signature);
    return (size_t)width * 2;
}

static int ecdsa_der(const struct engine_value *flat, uint8_t **ret_der) {
    int half = (int)flat->len / 2;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    CHECK(signature);
    CHECK(ECDSA_SIG_set0(signature, BN_bin2bn(flat->data, half, NULL),
                         BN_bin2bn((const uint8_t *)flat->data + half, half, NULL)));
    int n = i2d_ECDSA_SIG(signature, ret_der);
    ECDSA_SIG_free(signature);
    return n;
}

/* sign(private key, scheme, hash, data, salt bytes) */
static int sign(const struct engine_value *args, struct engine_value *ret) {
    EVP_PKEY *key = private_from_der(&args[0]);
    if (!key) return 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding;
    size_t n = 0;
    uint8_t *der = NULL;
    CHECK(context);
    if (EVP_DigestSignInit(context, &padding, crypto_hash(&args[2]), NULL, key) > 0 &&
        set_padding(padding, &args[1], (int)args[4].number) &&
        EVP_DigestSign(context, NULL, &n, crypto_bytes(&args[3]), args[3].len) > 0) {
        der = OPENSSL_malloc(n + 1);
        CHECK(der);
        if (EVP_DigestSign(context, der, &n, crypto_bytes(&args[3]), args[3].len) > 0) {
            uint8_t *out = crypto_room(n + 512);
            if (EVP_PKEY_is_a(key, "EC")) {
                n = ecdsa_flat(der, n, (EVP_PKEY_get_bits(key) + 7) / 8, out);
            } else {
                memcpy(out, der, n);
            }
            *ret = crypto_answer(n);
        }
    }
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return 0;
}

/* verify(public key, scheme, hash, signature, data, salt bytes): true or false. */
static int verify(const struct engine_value *args, struct engine_value *ret) {
    EVP_PKEY *key = public_from_der(&args[0]);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding;
    uint8_t *der = NULL;
    const uint8_t *signature = crypto_bytes(&args[3]);
    size_t n = args[3].len;
    CHECK(context);
    bool fits = key != NULL;
    if (key && EVP_PKEY_is_a(key, "EC")) {
        fits = n == (size_t)((EVP_PKEY_get_bits(key) + 7) / 8) * 2;
        int len = fits ? ecdsa_der(&args[3], &der) : 0;
        signature = der, n = (size_t)len;
    }
    bool good = fits && EVP_DigestVerifyInit(context, &padding, crypto_hash(&args[2]), NULL, key) > 0 &&
                set_padding(padding, &args[1], (int)args[5].number) &&
                EVP_DigestVerify(context, signature, n, crypto_bytes(&args[4]), args[4].len) > 0;
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = good};
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return 0;
}

/* --- Encryption and agreement ----------------------------------------------------------------------------------- */

static bool oaep_init(EVP_PKEY_CTX *context, const struct engine_value *args, bool encrypts) {
    const EVP_MD *hash = crypto_hash(&args[1]);
    if (!context || !hash) return false;
    if ((encrypts ? EVP_PKEY_encrypt_init(context) : EVP_PKEY_decrypt_init(context)) <= 0) return false;
    if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) <= 0) return false;
    if (EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) <= 0 || EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) <= 0)
        return false;
    if (args[3].len == 0) return true;
    void *label = OPENSSL_memdup(args[3].data, args[3].len); /* the context's own from here on */
    return label && EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, (int)args[3].len) > 0;
}

/* oaep(key, hash, data, label, encrypts): the key is public to encrypt, private to decrypt. */
static int oaep(const struct engine_value *args, struct engine_value *ret) {
    bool encrypts = args[4].number != 0;
    EVP_PKEY *key = encrypts ? public_from_der(&args[0]) : private_from_der(&args[0]);
    EVP_PKEY_CTX *context = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    if (oaep_init(context, args, encrypts)) {
        size_t n = (size_t)EVP_PKEY_get_size(key);
        uint8_t *out = crypto_room(n);
        int r = encrypts ? EVP_PKEY_encrypt(context, out, &n, crypto_bytes(&args[2]), args[2].len)
                         : EVP_PKEY_decrypt(context, out, &n, crypto_bytes(&args[2]), args[2].len);
        if (r > 0) *ret = crypto_answer(n);
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return 0;
}

/* agree(private key, public key): the shared secret of ECDH or X25519. */
static int agree(const struct engine_value *args, struct engine_value *ret) {
    EVP_PKEY *own = private_from_der(&args[0]), *peer = public_from_der(&args[1]);
    EVP_PKEY_CTX *context = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    uint8_t secret[256];
    size_t n = sizeof secret;
    if (context && peer && EVP_PKEY_derive_init(context) > 0 && EVP_PKEY_derive_set_peer(context, peer) > 0 &&
        EVP_PKEY_derive(context, secret, &n) > 0) {
        memcpy(crypto_room(n), secret, n);
        *ret = crypto_answer(n);
    }
    OPENSSL_cleanse(secret, sizeof secret);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    return 0;
}

const struct crypto_row crypto_key_rows[] = {
    {"generate rsa", generate_rsa, "nn"},
    {"generate", generate, "t"},
    {"public", public_of, "b"},
    {"build", build, "tb"},
    {"read private", read_private, "b"},
    {"read public", read_public, "b"},
    {"sign", sign, "bttbn"},
    {"verify", verify, "bttbbn"},
    {"oaep", oaep, "btbbn"},
    {"agree", agree, "bb"},
    {NULL, NULL, NULL},
};
