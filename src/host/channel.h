/* One end of a framed Unix socket on a libuv loop: how the supervisor and libmayfly talk to a cell. Bounded, never
   blocks, never trusts what comes. Used on the loop's thread only. */
#pragma once
#include "base/frame.h"
#include <uv.h>

/* What may wait unsent; a cell that does not read loses its channel beyond that. */
#define HOST_CHANNEL_OUT_BYTES_MAX (192u << 20)

struct host_channel;

struct host_channel_handler {
    /* A frame of an accepted type; it is borrowed until the return. A negative errno ends the channel. */
    int (*on_frame)(void *context, const struct frame *frame);
    /* The cell closed its end, broke the protocol, or did not read. The channel is to be freed by its owner, also from
       within this call. Called at most once. */
    void (*on_closed)(void *context, int error);
    /* Optional: what waited unsent has gone out. */
    void (*on_drained)(void *context);
};

/* Frame types that a cell may send: when idle in a pool, when it holds a worker, and when it is a host worker's. */
extern const uint32_t host_channel_from_idle, host_channel_from_worker, host_channel_from_host;

/* Takes over `fd` (which has the other end in a cell). NULL without memory. */
struct host_channel *host_channel_new(uv_loop_t *loop, int fd, uint32_t accepted,
                                      const struct host_channel_handler *handler, void *context);
void host_channel_free(struct host_channel *channel);

void host_channel_accept(struct host_channel *channel, uint32_t accepted);
void host_channel_set_context(struct host_channel *channel, const struct host_channel_handler *handler, void *context);

/* Queues a frame; it goes out at the loop's next turn or when the socket takes it. Returns 0 or a negative errno. */
int host_channel_send(struct host_channel *channel, uint8_t type, uint8_t flags, uint32_t id, const char *head,
                      size_t head_len, const void *tail, size_t tail_len);

/* Sends a GRANT with a descriptor, which is closed here once sent. Returns 0 or a negative errno (then it is closed). */
int host_channel_grant(struct host_channel *channel, uint8_t flags, uint32_t cell, int fd);

/* The process that sent the first frame, by the kernel's word; 0 before that. */
int host_channel_peer(const struct host_channel *channel);

/* Bytes that wait unsent. */
size_t host_channel_waiting(const struct host_channel *channel);

/* Gives the descriptor away and frees the channel. Only when nothing waits; else -EBUSY. */
int host_channel_release(struct host_channel *channel);
