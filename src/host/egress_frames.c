#include "host/egress_frames.h"
#include "base/macros.h"
#include <errno.h>
#include <string.h>
#include <wslay/wslay.h>

/* Heads that are longer than those that came, in one call: see frames_take(). Every frame that goes on has bytes of one
   that came. Its head is 2 bytes longer at most (4 instead of 2 when bytes had waited), which its own 2 bytes in `n`
   pay for, but for the frame whose head came earlier, and one of 64 KiB or more. */
#define LONGER_HEADS 32

struct frames {
    const struct scrub *scrub;
    wslay_frame_context_ptr protocol;
    const uint8_t *in; /* what the call under way was given */
    size_t in_len;
    struct buf *out; /* ... and where it writes */

    uint64_t came;            /* of the payload of the frame that comes */
    bool has_message;         /* one has begun and not ended */
    uint8_t opcode;           /* for its next frame: its own, then WSLAY_CONTINUATION_FRAME */
    struct buf data, control; /* of it, what has not gone on; of a control frame, what came */
};

static ssize_t on_receive(uint8_t *out, size_t len, int flags, void *context) {
    struct frames *f = context;
    (void)flags;
    size_t n = f->in_len < len ? f->in_len : len;
    if (n == 0) return -1; /* no more for now */
    memcpy(out, f->in, n);
    f->in += n, f->in_len -= n;
    return (ssize_t)n;
}

static ssize_t on_send(const uint8_t *bytes, size_t len, int flags, void *context) {
    struct frames *f = context;
    (void)flags;
    CHECK(buf_append(f->out, bytes, len) == 0);
    return (ssize_t)len;
}

struct frames *frames_new(const struct scrub *scrub) {
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_receive, .send_callback = on_send};
    struct frames *f = calloc(1, sizeof *f);
    CHECK(f);
    f->scrub = scrub;
    CHECK(wslay_frame_context_init(&f->protocol, &callbacks, f) == 0);
    return f;
}

static void wipe(struct buf *b) {
    if (buf_len(b) > 0) explicit_bzero(buf_bytes(b), buf_len(b));
    buf_done(b);
}

void frames_free(struct frames *f) {
    if (!f) return;
    wslay_frame_context_free(f->protocol);
    wipe(&f->data);
    wipe(&f->control);
    free(f);
}

static void put(struct frames *f, uint8_t opcode, bool is_last, struct buf *payload, size_t len) {
    struct wslay_frame_iocb frame = {
        .fin = is_last, .opcode = opcode, .payload_length = len, .data = buf_bytes(payload), .data_length = len};
    CHECK(wslay_frame_send(f->protocol, &frame) == (ssize_t)len);
    buf_consume(payload, len);
}

/* Lets go what of the message is no beginning of a secret, at its end all. */
static void put_data(struct frames *f, bool is_last) {
    size_t wait = scrub_text(f->scrub, buf_bytes(&f->data), buf_len(&f->data));
    size_t len = buf_len(&f->data) - (is_last ? 0 : wait);
    if (len == 0 && !is_last) return;
    put(f, f->opcode, is_last, &f->data, len);
    f->opcode = WSLAY_CONTINUATION_FRAME;
}

static void put_control(struct frames *f, uint8_t opcode) {
    scrub_text(f->scrub, buf_bytes(&f->control), buf_len(&f->control));
    put_data(f, false); /* what came before it goes before it */
    put(f, opcode, true, &f->control, buf_len(&f->control));
}

/* Takes the first bytes of a frame of data. */
static int begin(struct frames *f, uint8_t opcode) {
    bool continues = opcode == WSLAY_CONTINUATION_FRAME;
    if (opcode > WSLAY_BINARY_FRAME || continues != f->has_message) return -EBADMSG;
    if (!continues) f->opcode = opcode;
    f->has_message = true;
    return 0;
}

static int take(struct frames *f, const struct wslay_frame_iocb *frame) {
    bool is_control = wslay_is_ctrl_frame(frame->opcode);
    if (frame->rsv || frame->mask) return -EBADMSG;
    if (!is_control && f->came == 0 && begin(f, frame->opcode) < 0) return -EBADMSG;
    CHECK(buf_append(is_control ? &f->control : &f->data, frame->data, frame->data_length) == 0);
    f->came += frame->data_length;
    if (f->came < frame->payload_length) return 0;
    f->came = 0;
    if (is_control) {
        put_control(f, frame->opcode);
    } else if (frame->fin) {
        put_data(f, true);
        f->has_message = false;
    }
    return 0;
}

int frames_take(struct frames *f, const uint8_t *bytes, size_t len, struct buf *out) {
    struct wslay_frame_iocb frame;
    ssize_t r;
    f->in = bytes, f->in_len = len, f->out = out;
    while ((r = wslay_frame_recv(f->protocol, &frame)) >= 0) {
        if (take(f, &frame) < 0) return -EBADMSG;
    }
    if (r != WSLAY_ERR_WANT_READ) return -EBADMSG;
    if (f->has_message) put_data(f, false);
    return 0;
}

size_t frames_waiting(const struct frames *f) {
    return buf_len(&f->data) + buf_len(&f->control) + LONGER_HEADS;
}
