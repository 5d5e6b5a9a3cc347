/* One end of a framed Unix socket as a cell uses it: bounded on both sides. Used by cells only. */
#pragma once
#include "base/frame.h"

/* What may wait unsent on one channel; a peer that does not read loses its channel beyond that. */
#define CHANNEL_OUT_BYTES_MAX (192u << 20)

/* Descriptors that may wait for their GRANT frame. */
#define CHANNEL_GRANTS_MAX 64

struct channel {
    int fd; /* -1 when free */
    uint32_t accepted;
    struct buf in, out;
    bool takes_descriptors; /* host cells on the supervisor's channel only */
    bool closing;           /* close once `out` is empty */
    bool polls_out;
    bool dirty; /* `out` grew since the last flush */
    bool is_amid_frame; /* what went out so far may end within a frame */
    int grants[CHANNEL_GRANTS_MAX];
    int grants_len;
};

/* Frame types that a cell takes from its owner, a host cell takes besides, from a cell it owns,
   from another host worker's cell, and from the egress process. */
extern const uint32_t channel_from_owner, channel_from_supervisor, channel_from_owned, channel_from_peer,
    channel_from_egress;

void channel_init(struct channel *channel, int fd, uint32_t accepted);
void channel_done(struct channel *channel);

/* Reads what is there; with `waits` waits for it, where the socket itself may block. Returns the bytes read, 0 when nothing
   is there now, -EPIPE at the end, or a negative errno. */
int channel_read(struct channel *channel, bool waits);

/* Whether the peer still holds its end, as far as the kernel knows. */
bool channel_is_alive(const struct channel *channel);

/* Writes what can be written now. Returns 0, or a negative errno when the peer is gone. */
int channel_flush(struct channel *channel);

/* Writes the tail of a frame that frame_begin has put into `out`: past that buffer as long as the peer reads, the rest by
   way of it. */
void channel_put_tail(struct channel *channel, const uint8_t *tail, size_t len);
