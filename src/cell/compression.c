/* native.codec: gzip, deflate and brotli, piece by piece, on zlib and libbrotli. Runs in cells, on hostile input: the
   answer to a call is bounded, so that a small input that grows without end costs its cell no more than one piece at a
   time. The rules of CompressionStream are in runtime/compression. */
#include "base/buf.h"
#include "base/macros.h"
#include "cell/parts.h"
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

/* Streams open at the same time; the runtime frees those that were forgotten. */
#define CODECS_MAX 4096
/* The most that one call answers. */
#define PIECE_BYTES (64u * 1024)

struct codec {
    bool decodes, is_brotli, has_ended;
    z_stream zlib;
    BrotliEncoderState *encoder;
    BrotliDecoderState *decoder;
    struct buf input; /* what was given and not yet taken */
    bool is_last;     /* no more input will come */
};

static struct codec *codecs[CODECS_MAX];
static uint8_t piece[PIECE_BYTES];

static struct codec *codec_of(const struct engine_value *number) {
    bool fits = number->kind == ENGINE_NUMBER && number->number >= 0 && number->number < CODECS_MAX;
    return fits ? codecs[(size_t)number->number] : NULL;
}

static void codec_free(struct codec *c) {
    if (c->encoder) BrotliEncoderDestroyInstance(c->encoder);
    if (c->decoder) BrotliDecoderDestroyInstance(c->decoder);
    if (!c->is_brotli) c->decodes ? inflateEnd(&c->zlib) : deflateEnd(&c->zlib);
    buf_done(&c->input);
    free(c);
}

/* True if the format is known and there is memory. A strength below 0 is the default one. */
static bool codec_start(struct codec *c, const char *format, int strength) {
    int window = strcmp(format, "gzip") == 0          ? MAX_WBITS + 16
                 : strcmp(format, "deflate") == 0     ? MAX_WBITS
                 : strcmp(format, "deflate-raw") == 0 ? -MAX_WBITS
                                                      : 0;
    c->is_brotli = strcmp(format, "brotli") == 0;
    if (c->is_brotli) {
        if (c->decodes) c->decoder = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        if (!c->decodes) c->encoder = BrotliEncoderCreateInstance(NULL, NULL, NULL);
        if (c->encoder) BrotliEncoderSetParameter(c->encoder, BROTLI_PARAM_QUALITY, strength < 0 ? 5 : (uint32_t)strength);
        return c->decoder || c->encoder;
    }
    if (window == 0) return false;
    if (c->decodes) return inflateInit2(&c->zlib, window) == Z_OK;
    return deflateInit2(&c->zlib, strength < 0 ? Z_DEFAULT_COMPRESSION : strength, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

/* open(format, decodes, strength or undefined): its number; undefined if the format is unknown or too many are open. */
static int codec_open(const struct engine_value *args, struct engine_value *ret) {
    size_t i = 0;
    while (i < CODECS_MAX && codecs[i]) i++;
    if (args[0].kind != ENGINE_TEXT || i == CODECS_MAX) return 0;
    struct codec *c = calloc(1, sizeof *c);
    CHECK(c);
    c->decodes = args[1].number != 0;
    bool has_strength = args[2].kind == ENGINE_NUMBER && args[2].number >= 0 && args[2].number <= BROTLI_MAX_QUALITY;
    if (!codec_start(c, args[0].data, has_strength ? (int)args[2].number : -1)) {
        free(c);
        return 0;
    }
    codecs[i] = c;
    *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = (double)i};
    return 0;
}

/* Each of the four turns takes input and fills the piece; it gives the bytes written, or -1 for wrong input. */

static int turn_inflate(struct codec *c) {
    int r = inflate(&c->zlib, Z_NO_FLUSH);
    if (r == Z_STREAM_END) c->has_ended = true;
    return r == Z_OK || r == Z_BUF_ERROR || r == Z_STREAM_END ? 0 : -1;
}

static int turn_zlib(struct codec *c) {
    size_t len = buf_len(&c->input), given = len < (1u << 30) ? len : 1u << 30;
    c->zlib.next_in = given ? buf_bytes(&c->input) : NULL;
    c->zlib.avail_in = (uInt)given;
    c->zlib.next_out = piece;
    c->zlib.avail_out = PIECE_BYTES;
    int r = 0;
    if (c->decodes) {
        r = turn_inflate(c);
    } else if (deflate(&c->zlib, c->is_last && given == len ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END) {
        c->has_ended = true;
    }
    buf_consume(&c->input, given - c->zlib.avail_in);
    return r < 0 ? -1 : (int)(PIECE_BYTES - c->zlib.avail_out);
}

static int turn_brotli(struct codec *c) {
    size_t left = buf_len(&c->input), room = PIECE_BYTES;
    size_t given = left;
    const uint8_t *next = buf_bytes(&c->input);
    uint8_t *out = piece;
    bool good = true;
    if (c->decodes) {
        BrotliDecoderResult r = BrotliDecoderDecompressStream(c->decoder, &left, &next, &room, &out, NULL);
        good = r != BROTLI_DECODER_RESULT_ERROR;
        c->has_ended = r == BROTLI_DECODER_RESULT_SUCCESS;
    } else {
        BrotliEncoderOperation operation = c->is_last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;
        good = BrotliEncoderCompressStream(c->encoder, operation, &left, &next, &room, &out, NULL);
        c->has_ended = BrotliEncoderIsFinished(c->encoder);
    }
    buf_consume(&c->input, given - left);
    return good ? (int)(PIECE_BYTES - room) : -1;
}

/* give(number, data or undefined for the end) */
static int codec_give(const struct engine_value *args, struct engine_value *ret) {
    struct codec *c = codec_of(&args[0]);
    (void)ret;
    if (!c) return -EINVAL;
    if (args[1].kind != ENGINE_BYTES) c->is_last = true;
    if (args[1].kind == ENGINE_BYTES && args[1].len) CHECK(buf_append(&c->input, args[1].data, args[1].len) == 0);
    return 0;
}

/* take(number): the next piece; empty when more input is needed, or all has been given; undefined when the input is
   wrong: corrupt, cut short, or with something behind its end. */
static int codec_take(const struct engine_value *args, struct engine_value *ret) {
    struct codec *c = codec_of(&args[0]);
    if (!c) return -EINVAL;
    int n = 0;
    if (!c->has_ended) n = c->is_brotli ? turn_brotli(c) : turn_zlib(c);
    if (n < 0) return 0;
    /* What was written is handed out first; what is wrong behind it shows at the next call. */
    if (n == 0 && c->decodes && c->has_ended && buf_len(&c->input)) return 0;
    if (n == 0 && c->is_last && !c->has_ended) return 0;
    *ret = (struct engine_value){.kind = ENGINE_BYTES, .data = piece, .len = (size_t)n};
    return 0;
}

/* left(number): how many bytes stand behind the end of what was decoded; undefined if it has not ended. */
static int codec_left(const struct engine_value *args, struct engine_value *ret) {
    struct codec *c = codec_of(&args[0]);
    if (!c) return -EINVAL;
    if (c->has_ended) *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = (double)buf_len(&c->input)};
    return 0;
}

/* crc32(bytes, the sum before) */
static int codec_crc32(const struct engine_value *args, struct engine_value *ret) {
    if (args[0].kind != ENGINE_BYTES || args[1].kind != ENGINE_NUMBER) return -EINVAL;
    uLong before = args[1].number >= 0 && args[1].number <= UINT32_MAX ? (uLong)args[1].number : 0;
    *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = (double)crc32_z(before, args[0].data, args[0].len)};
    return 0;
}

static int codec_close(const struct engine_value *args, struct engine_value *ret) {
    struct codec *c = codec_of(&args[0]);
    (void)ret;
    if (!c) return 0;
    codecs[(size_t)args[0].number] = NULL;
    codec_free(c);
    return 0;
}

static int codec(void *context, const struct engine_value *args, struct engine_value *ret, struct engine_error *error) {
    static const struct {
        const char *name;
        int (*run)(const struct engine_value *args, struct engine_value *ret);
    } rows[] = {{"open", codec_open}, {"give", codec_give}, {"take", codec_take},
                {"left", codec_left}, {"crc32", codec_crc32}, {"close", codec_close}};
    (void)context;
    for (size_t i = 0; args[0].kind == ENGINE_TEXT && i < COUNT_OF(rows); i++) {
        if (strcmp(args[0].data, rows[i].name) != 0) continue;
        if (rows[i].run(args + 1, ret) == 0) return 0;
    }
    error->type = "TypeError";
    snprintf(error->message, sizeof error->message, "codec: no such operation, or not on these arguments");
    return -EINVAL;
}

void cell_compression_add(struct cell *cell) {
    CHECK(engine_native_add(cell->engine, "codec", codec, NULL) == 0);
}
