/* Buffers and frames: what every process is built on. Frames are read whole, byte by byte, and damaged. */
#include "base/buf.h"
#include "base/frame.h"
#include "base/line_log.h"
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

TEST(buf_grows_and_shrinks) {
    struct buf b = {0};
    for (int i = 0; i < 10000; i++) EXPECT_INT(buf_append(&b, "0123456789", 10), 0);
    EXPECT_INT(buf_len(&b), 100000);
    buf_consume(&b, 99995);
    EXPECT(memcmp(buf_bytes(&b), "56789", 5) == 0);
    EXPECT_INT(buf_append(&b, "ab", 2), 0);
    EXPECT(memcmp(buf_bytes(&b), "56789ab", 7) == 0);
    buf_consume(&b, 7);
    EXPECT_INT(b.capacity, 0); /* a large buffer that is empty gives its memory back */
    buf_done(&b);
}

TEST(buf_room_refuses_what_cannot_be) {
    struct buf b = {0};
    EXPECT_INT(buf_append(&b, "x", 1), 0);
    EXPECT(buf_room(&b, SIZE_MAX) == NULL);
    EXPECT_INT(buf_len(&b), 1);
    buf_done(&b);
}

static const char *json_of(struct buf *b, const char *text, size_t n) {
    buf_consume(b, buf_len(b));
    if (buf_append_json(b, text, n) < 0 || buf_append(b, "", 1) < 0) return NULL;
    return (const char *)buf_bytes(b);
}

TEST(json_strings_are_escaped) {
    struct buf b = {0};
    EXPECT_STR(json_of(&b, "a\"b\\c\n\x01", 7), "\"a\\\"b\\\\c\\u000a\\u0001\"");
    EXPECT_STR(json_of(&b, "\0", 1), "\"\\u0000\"");
    EXPECT_STR(json_of(&b, "h\xc3\xa9\xf0\x9f\x98\x80", 7), "\"h\xc3\xa9\xf0\x9f\x98\x80\"");
    EXPECT_STR(json_of(&b, "\xff\xc0\x80", 3), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_STR(json_of(&b, "\xed\xa0\x80", 3), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
    EXPECT_STR(json_of(&b, "\xe2\x82", 2), "\"\xef\xbf\xbd\xef\xbf\xbd\"");                 /* cut short */
    buf_done(&b);
}

#define ALL_TYPES (~0u)

TEST(frame_round_trip) {
    struct buf b = {0};
    EXPECT_INT(frame_put(&b, FRAME_FETCH, FRAME_FIN, 42, "{\"a\":1}", 7, "tail", 4), 0);
    EXPECT_INT(frame_put(&b, FRAME_DATA, 0, 7, NULL, 0, "raw", 3), 0);
    struct frame frame;
    long size = frame_peek(&b, ALL_TYPES, &frame);
    EXPECT_INT(size, FRAME_HEADER_BYTES + 4 + 7 + 4);
    EXPECT(frame.type == FRAME_FETCH && frame.flags == FRAME_FIN && frame.id == 42);
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    EXPECT_INT(frame_split(&frame, &head, &head_len, &tail, &tail_len), 0);
    EXPECT(head_len == 7 && memcmp(head, "{\"a\":1}", 7) == 0 && tail_len == 4 && memcmp(tail, "tail", 4) == 0);
    buf_consume(&b, (size_t)size);
    EXPECT_INT(frame_peek(&b, ALL_TYPES, &frame), FRAME_HEADER_BYTES + 3);
    EXPECT_INT(frame_split(&frame, &head, &head_len, &tail, &tail_len), 0);
    EXPECT(head_len == 0 && tail_len == 3 && memcmp(tail, "raw", 3) == 0);
    buf_done(&b);
}

TEST(frame_arrives_byte_by_byte) {
    struct buf whole = {0}, part = {0};
    EXPECT_INT(frame_put(&whole, FRAME_RPC, 0, 0, "[]", 2, "xyz", 3), 0);
    struct frame frame;
    size_t len = buf_len(&whole);
    for (size_t i = 0; i < len; i++) {
        EXPECT_INT(frame_peek(&part, ALL_TYPES, &frame), 0);
        EXPECT_INT(buf_append(&part, buf_bytes(&whole) + i, 1), 0);
    }
    EXPECT_INT(frame_peek(&part, ALL_TYPES, &frame), len);
    buf_done(&whole);
    buf_done(&part);
}

TEST(frame_says_what_it_lacks) {
    struct buf whole = {0}, part = {0};
    EXPECT_INT(frame_put(&whole, FRAME_RPC, 0, 0, "[]", 2, "xyz", 3), 0);
    size_t len = buf_len(&whole), tail_at = 0;
    for (size_t i = 0; i < len; i++) {
        EXPECT_INT(frame_lacks(&part, &tail_at), i < FRAME_HEADER_BYTES + 4 ? 0 : len - i);
        EXPECT_INT(buf_append(&part, buf_bytes(&whole) + i, 1), 0);
    }
    EXPECT_INT(frame_lacks(&part, &tail_at), 0);
    EXPECT_INT(tail_at, FRAME_HEADER_BYTES + 4 + 2);
    buf_done(&whole);
    buf_done(&part);
}

TEST(buf_fits_what_is_to_come) {
    for (size_t at = 0; at < 40; at++) {
        struct buf b = {0};
        EXPECT_INT(buf_append(&b, "0123456789", 10), 0);
        buf_consume(&b, 3);
        EXPECT_INT(buf_fit(&b, 100, at), 0);
        EXPECT(buf_len(&b) == 7 && memcmp(buf_bytes(&b), "3456789", 7) == 0);
        EXPECT_INT((uintptr_t)(buf_bytes(&b) + at) % BUF_ALIGNMENT, 0);
        EXPECT(b.capacity - b.end == 100 && b.start < BUF_ALIGNMENT);
        memset(buf_room(&b, 100), 'x', 100);
        buf_add(&b, 100);
        buf_done(&b);
    }
    struct buf b = {0};
    EXPECT_INT(buf_fit(&b, SIZE_MAX, 0), -ENOMEM);
}

TEST(frame_of_unknown_type_ends_the_channel) {
    struct frame frame;
    for (int type = 0; type < 256; type++) {
        uint8_t bytes[FRAME_HEADER_BYTES] = {0, 0, 0, 0, (uint8_t)type};
        struct buf b = {.data = bytes, .end = sizeof bytes, .capacity = sizeof bytes};
        bool is_known = type > 0 && type < FRAME_TYPES;
        EXPECT_INT(frame_peek(&b, ALL_TYPES, &frame), is_known ? FRAME_HEADER_BYTES : -EPROTO);
        EXPECT_INT(frame_peek(&b, 0, &frame), -EPROTO);
    }
}

TEST(frame_over_its_limit_is_refused_before_it_comes) {
    uint8_t bytes[FRAME_HEADER_BYTES] = {0xff, 0xff, 0xff, 0xff, FRAME_LOAD};
    struct buf b = {.data = bytes, .end = sizeof bytes, .capacity = sizeof bytes};
    struct frame frame;
    EXPECT_INT(frame_peek(&b, ALL_TYPES, &frame), -EPROTO);
    uint8_t data[FRAME_HEADER_BYTES] = {1, 0, 0x10, 0, FRAME_DATA}; /* 1 MiB + 1 */
    b.data = data;
    EXPECT_INT(frame_peek(&b, ALL_TYPES, &frame), -EPROTO);
    data[0] = 0;
    EXPECT_INT(frame_peek(&b, ALL_TYPES, &frame), 0);
    data[6] = 1; /* reserved bytes are zero */
    EXPECT_INT(frame_peek(&b, ALL_TYPES, &frame), -EPROTO);
}

TEST(frame_put_refuses_what_the_other_side_would) {
    struct buf b = {0};
    size_t len = FRAME_DATA_BYTES_MAX + 1;
    char *bytes = calloc(1, len);
    EXPECT(bytes);
    EXPECT_INT(frame_put(&b, FRAME_DATA, 0, 1, NULL, 0, bytes, len), -EMSGSIZE);
    EXPECT_INT(frame_put(&b, FRAME_DATA, 0, 1, NULL, 0, bytes, len - 1), 0);
    EXPECT_INT(frame_put(&b, FRAME_LOG, 0, 1, bytes, len, NULL, 0), -EMSGSIZE);
    free(bytes);
    buf_done(&b);
}

TEST(frame_with_a_lying_head_is_refused) {
    uint8_t payload[8] = {5, 0, 0, 0, 'a', 'b', 'c', 'd'};
    struct frame frame = {.type = FRAME_RPC, .payload = payload, .payload_len = sizeof payload};
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    EXPECT_INT(frame_split(&frame, &head, &head_len, &tail, &tail_len), -EPROTO);
    payload[0] = 4;
    EXPECT_INT(frame_split(&frame, &head, &head_len, &tail, &tail_len), 0);
    EXPECT_INT(tail_len, 0);
    frame.payload_len = 3;
    EXPECT_INT(frame_split(&frame, &head, &head_len, &tail, &tail_len), -EPROTO);
}

/* The runtime names the same frames. */
TEST(frames_ts_agrees_with_frame_h) {
    FILE *file = fopen("runtime/frames.ts", "re");
    EXPECT(file);
    char line[200], name[32];
    int number, found = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "export const %31[A-Z] = %d;", name, &number) != 2) continue;
        if (strcmp(name, "FIN") == 0) {
            EXPECT_INT(number, FRAME_FIN);
        } else if (strcmp(name, "NOBODY") == 0) {
            EXPECT_INT(number, FRAME_NOBODY);
        } else if (strcmp(name, "TLS") == 0) {
            EXPECT_INT(number, FRAME_TLS);
        } else if (strcmp(name, "NAMED") == 0) {
            EXPECT_INT(number, FRAME_NAMED);
        } else if (strcmp(name, "BUFFER") == 0) {
            EXPECT_INT(number, FRAME_BUFFER);
        } else if (strcmp(name, "THREADS") == 0) {
            EXPECT_INT(number, FRAME_THREADS);
        } else {
            EXPECT(number > 0 && number < FRAME_TYPES);
            EXPECT_STR(frame_name((uint8_t)number), name);
            found++;
        }
    }
    fclose(file);
    int named = 0;
    for (uint8_t type = 1; type < FRAME_TYPES; type++) named += strcmp(frame_name(type), "?") != 0;
    EXPECT_INT(found, named);
}

/* --- Lines for others ------------------------------------------------------------------------------------------- */

TEST(line_log_tells_of_the_first_loss_and_of_the_end) {
    struct buf line = {0};
    EXPECT_INT(buf_append_text(&line, "{\"a\":1}\n"), 0);
    struct line_log log = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    int pipes[2];
    char got[64] = {0};
    EXPECT(log.fd >= 0 && pipe(pipes) == 0);
    EXPECT_INT(line_log_write(&log, &line), -ENOSPC);
    EXPECT_INT(line_log_write(&log, &line), 0);
    EXPECT_INT(log.lost, 2);
    close(log.fd);
    log.fd = pipes[1];
    EXPECT_INT(line_log_write(&log, &line), 2);
    EXPECT_INT(line_log_write(&log, &line), 0);
    EXPECT_INT(read(pipes[0], got, sizeof got - 1), 2 * (int)buf_len(&line));
    EXPECT_STR(got, "{\"a\":1}\n{\"a\":1}\n");
    close(pipes[0]);
    close(pipes[1]);
    buf_done(&line);
}

TEST(line_log_waits_for_no_reader_and_ends_a_line_that_was_cut) {
    struct buf line = {0};
    int pipes[2];
    char got[8192];
    EXPECT(pipe2(pipes, O_NONBLOCK) == 0);
    EXPECT_INT(fcntl(pipes[1], F_SETPIPE_SZ, 4096), 4096);
    struct line_log log = {.fd = pipes[1]};
    for (int i = 0; i < 999; i++) EXPECT_INT(buf_append_text(&line, "12345678"), 0);
    EXPECT_INT(buf_append_text(&line, "\n"), 0);
    EXPECT_INT(line_log_write(&log, &line), -ENOSPC); /* half of it went */
    EXPECT_INT(line_log_write(&log, &line), 0);       /* none of it, likewise lost */
    EXPECT_INT(read(pipes[0], got, sizeof got), 4096);
    buf_consume(&line, buf_len(&line));
    EXPECT_INT(buf_append_text(&line, "whole\n"), 0);
    EXPECT_INT(line_log_write(&log, &line), 2);
    EXPECT_INT(read(pipes[0], got, sizeof got), 7);
    EXPECT(memcmp(got, "\nwhole\n", 7) == 0);
    close(pipes[0]);
    close(pipes[1]);
    buf_done(&line);
}

TEST_MAIN()
