#include "host/egress_decode.h"
#include "base/macros.h"
#include <brotli/decode.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <zlib.h>
#include <zstd.h>

/* A zstd body may ask for a window of 8 MiB and no more: RFC 8878 recommends that limit. */
#define ZSTD_WINDOW_LOG_MAX 23

enum coding { GZIP, DEFLATE, BROTLI, ZSTD };

struct decoder {
    enum coding coding;
    bool has_begun, is_complete;
    z_stream zlib;
    BrotliDecoderState *brotli;
    ZSTD_DStream *zstd;
};

int decoder_new(const char *coding, struct decoder **ret) {
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {{"gzip", GZIP}, {"x-gzip", GZIP}, {"deflate", DEFLATE}, {"br", BROTLI}, {"zstd", ZSTD}};
    *ret = NULL;
    if (coding[0] == 0 || strcasecmp(coding, "identity") == 0) return 0;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcasecmp(coding, known[i].name) != 0) continue;
        struct decoder *d = calloc(1, sizeof *d);
        if (!d) return -ENOMEM;
        d->coding = known[i].coding;
        bool ok = true;
        if (d->coding == GZIP) ok = inflateInit2(&d->zlib, 15 + 16) == Z_OK;
        if (d->coding == DEFLATE) ok = inflateInit2(&d->zlib, 15) == Z_OK;
        if (d->coding == BROTLI) ok = (d->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL)) != NULL;
        if (d->coding == ZSTD) {
            ok = (d->zstd = ZSTD_createDStream()) != NULL &&
                 !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
        }
        if (ok) {
            *ret = d;
            return 0;
        }
        decoder_free(d);
        return -ENOMEM;
    }
    return -ENOTSUP;
}

void decoder_free(struct decoder *d) {
    if (!d) return;
    if (d->coding == GZIP || d->coding == DEFLATE) inflateEnd(&d->zlib);
    BrotliDecoderDestroyInstance(d->brotli);
    ZSTD_freeDStream(d->zstd);
    free(d);
}

bool decoder_is_complete(const struct decoder *d) {
    return !d || d->is_complete || !d->has_begun;
}

/* The three below decode once. They set what they used and made, and return 0 or -EBADMSG. */

static int take_zlib(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                     size_t *ret_used, size_t *ret_made) {
    /* "deflate" without zlib's header is wrong and common. */
    if (d->coding == DEFLATE && !d->has_begun && in_len >= 1 && (in[0] & 0x0f) != 8) {
        inflateEnd(&d->zlib);
        d->zlib = (z_stream){0};
        if (inflateInit2(&d->zlib, -15) != Z_OK) return -EBADMSG;
    }
    if (d->is_complete && d->coding == GZIP) { /* another member may follow */
        if (in[0] != 0x1f) {
            *ret_used = in_len; /* padding */
            return 0;
        }
        inflateReset(&d->zlib);
        d->is_complete = false;
    }
    d->zlib.next_in = (uint8_t *)in;
    d->zlib.avail_in = (uInt)in_len;
    d->zlib.next_out = out;
    d->zlib.avail_out = (uInt)out_len;
    int r = d->is_complete ? Z_STREAM_END : inflate(&d->zlib, Z_NO_FLUSH);
    d->is_complete = r == Z_STREAM_END;
    *ret_used = d->is_complete && d->coding == DEFLATE ? in_len : in_len - d->zlib.avail_in;
    *ret_made = out_len - d->zlib.avail_out;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static int take_brotli(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                       size_t *ret_used, size_t *ret_made) {
    size_t in_left = in_len, out_left = out_len;
    BrotliDecoderResult r = d->is_complete
                                ? BROTLI_DECODER_RESULT_SUCCESS
                                : BrotliDecoderDecompressStream(d->brotli, &in_left, &in, &out_left, &out, NULL);
    d->is_complete = r == BROTLI_DECODER_RESULT_SUCCESS;
    *ret_used = d->is_complete ? in_len : in_len - in_left;
    *ret_made = out_len - out_left;
    return r == BROTLI_DECODER_RESULT_ERROR ? -EBADMSG : 0;
}

static int take_zstd(struct decoder *d, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                     size_t *ret_used, size_t *ret_made) {
    ZSTD_inBuffer from = {in, in_len, 0};
    ZSTD_outBuffer to = {out, out_len, 0};
    size_t r = ZSTD_decompressStream(d->zstd, &to, &from);
    *ret_used = from.pos;
    *ret_made = to.pos;
    if (ZSTD_isError(r)) return -EBADMSG;
    if (from.pos || to.pos) d->is_complete = r == 0;
    return 0;
}

ssize_t decoder_take(struct decoder *d, struct buf *in, struct buf *out, size_t out_max) {
    if (!d) {
        size_t n = buf_len(in) < out_max ? buf_len(in) : out_max;
        if (n && buf_append(out, buf_bytes(in), n) < 0) return -ENOMEM;
        buf_consume(in, n);
        return (ssize_t)n;
    }
    size_t made_all = 0;
    while (made_all < out_max) {
        size_t room = out_max - made_all, used = 0, made = 0, in_len = buf_len(in);
        if (room > 16 * 1024) room = 16 * 1024;
        if (in_len == 0 && (!d->has_begun || d->is_complete)) break;
        uint8_t *to = buf_room(out, room);
        if (!to) return -ENOMEM;
        static const uint8_t nothing;
        const uint8_t *from = in_len ? buf_bytes(in) : &nothing;
        int r = d->coding == BROTLI ? take_brotli(d, from, in_len, to, room, &used, &made)
                : d->coding == ZSTD ? take_zstd(d, from, in_len, to, room, &used, &made)
                                    : take_zlib(d, from, in_len, to, room, &used, &made);
        if (r < 0) return r;
        d->has_begun = true;
        buf_add(out, made);
        buf_consume(in, used);
        made_all += made;
        if (made == 0 && used == 0) break;
    }
    return (ssize_t)made_all;
}
