/* Where the frames of a WebSocket end (RFC 6455, 5.2), for whoever may hold bytes back within one, but not beyond its
   end: a message whose last bytes are missing is none. Nothing else of a frame is looked at; what it means is the
   cell's to find out. Pure; runs in the egress process on what servers send. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FRAMES_HEAD_BYTES_MAX 14

/* All zero at first. */
struct frames {
    uint8_t head[FRAMES_HEAD_BYTES_MAX];
    unsigned head_len; /* of the frame's head, so far */
    uint64_t left;     /* of its payload, once the head is whole */
    uint64_t came;     /* of its payload */
};

/* Follows bytes that came. Returns how many of the last bytes of all that came belong to the payload of a frame of
   which more is to come. */
uint64_t frames_follow(struct frames *frames, const uint8_t *bytes, size_t len);
