/* Feeds arbitrary bytes to the frame decoder (libFuzzer): whatever it accepts can be split, and written again. */
#include "base/frame.h"
#include "base/macros.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len < 4) return 0;
    uint32_t accepted;
    memcpy(&accepted, data, sizeof accepted);
    struct buf in = {0}, out = {0};
    if (buf_append(&in, data + 4, len - 4) < 0) return 0;
    struct frame frame;
    /* What has come of a frame says how much it lacks, or nothing. */
    struct buf part = in;
    if (buf_len(&in) > 0) part.end -= data[0] % buf_len(&in);
    size_t tail_at, lacks = frame_lacks(&part, &tail_at);
    long whole = frame_peek(&in, accepted, &frame);
    CHECK(whole <= 0 || lacks == 0 || lacks + buf_len(&part) == (size_t)whole);
    for (long size; (size = frame_peek(&in, accepted, &frame)) > 0; buf_consume(&in, (size_t)size)) {
        const char *head;
        const uint8_t *tail;
        uint32_t head_len, tail_len;
        if (frame_split(&frame, &head, &head_len, &tail, &tail_len) < 0) continue;
        CHECK(frame_put(&out, frame.type, frame.flags, frame.id, head, head_len, tail, tail_len) == 0);
        CHECK(memcmp(buf_bytes(&out), buf_bytes(&in), (size_t)size) == 0);
        buf_consume(&out, buf_len(&out));
        if (buf_append_json(&out, head, head_len) == 0) buf_consume(&out, buf_len(&out));
    }
    buf_done(&in);
    buf_done(&out);
    return 0;
}
