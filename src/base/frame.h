/* Frames: what two processes say to each other over a Unix stream socket. This file is the protocol; ARCHITECTURE.md
   draws it. Both sides of every channel use this codec, and neither trusts the other: each side has a table of the
   types it accepts in its phase, and anything else ends the channel.

   A frame is a 12-byte header, little-endian {u32 payload length, u8 type, u8 flags, u16 zero, u32 id}, then the
   payload. In every type but DATA, WINDOW and EXCEEDED the payload is {u32 head length, head: JSON in UTF-8, tail: raw
   bytes}; the head may be empty. An id names an exchange (FETCH) or a call (CALL); whoever begins it chooses the id:
   the owner of a cell takes even ones, the cell odd ones. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>

#define FRAME_HEADER_BYTES 12

/* Limits of one frame. Code may be 64 MiB and env 1 MiB (dynamic-workers.md 1.4); the rest is names and JSON. */
#define FRAME_LOAD_BYTES_MAX  ((64u + 4u) << 20)
#define FRAME_VALUE_BYTES_MAX ((32u + 1u) << 20)
#define FRAME_DATA_BYTES_MAX  (1u << 20)
#define FRAME_HEAD_BYTES_MAX  (1u << 20)
#define FRAME_SMALL_BYTES_MAX 4096u

/* Bytes of one body that may be under way before the receiver says WINDOW. */
#define FRAME_WINDOW_BYTES (256u * 1024u)

/* "owner" is who loaded the cell: supervisor, C host, or a host worker's cell. */
enum frame_type {
    FRAME_READY = 1, /* cell -> owner: forked, jailed, warm; nothing loaded; tail: u32, the layers around it */
    FRAME_LOAD = 2, /* owner -> cell: head {mainModule, modules: [{name, kind, size}], ...}, tail: the modules' bytes */
    FRAME_STARTED = 3,  /* cell -> owner: head {} or {error: {name, message}} */
    FRAME_CALL = 4,     /* both: head {entrypoint|binding, method, props?, args} with plain JSON; for hosts in C */
    FRAME_RETURN = 5,   /* both: head is the JSON value */
    FRAME_THROW = 6,    /* both: head {name, message} */
    FRAME_RPC = 7,      /* both: head is one Cap'n Web message, tail the bytes that it refers to */
    FRAME_FETCH = 8,    /* both: head {target, method, url, headers}, tail: first bytes of the body */
    FRAME_RESPONSE = 9, /* both: head {status, statusText, headers}, tail: first bytes of the body */
    FRAME_DATA = 10,    /* both: raw bytes of a body */
    FRAME_RESET = 11, /* both: head {name, message}; my side of the exchange failed or was given up; or, cell -> C host, of
                         my CALL, which then still counts until it is answered */
    FRAME_STOP = 12,    /* both: I want no more of your body */
    FRAME_WINDOW = 13,  /* both: payload u32, so many more bytes of your body are welcome */
    FRAME_LOG = 14,     /* cell -> owner: head {level, message}; egress -> host cell: what its log says of an exchange */
    FRAME_GRANT = 15,   /* supervisor -> host cell: an idle cell's channel comes along as descriptor; id names the cell.
                           Flags: what comes along instead, with SERVICE_END the id of the SERVICE that asked for it */
    FRAME_CLAIM = 16,   /* host cell -> supervisor: the granted cell `id` now holds head {namespace, name} */
    FRAME_TOUCH = 17,   /* host cell -> supervisor: the cell `id` is used; head {calls, restedUs}: how often up to now, and what RESTED said */
    FRAME_EVICT = 18,   /* supervisor -> host cell: give up the named cell `id` once its calls have ended */
    FRAME_DIED = 19,    /* supervisor -> host cell: the cell `id` ended; head {reason} or {limit, value, used}. Id 0: no cell
                           can be forked; head {reason} */
    FRAME_SOURCE = 20,  /* host cell -> supervisor: head {name}: a module that LOAD did not bring; answer likewise, head
                           {name, kind} and its bytes as tail, or head {error} */
    FRAME_RELEASE = 21, /* host cell -> supervisor: the cell `id` was given up, head as of TOUCH; one that does not go by
                           itself is killed */
    FRAME_BUSY = 22,    /* cell -> owner: flags 1: work that outlives its calls has begun (waitUntil); flags 0: it has ended */
    FRAME_EXCEEDED = 23, /* cell -> owner: raw, see base/limits.h: the cell is over a limit and ends now */
    FRAME_ABORTED = 24,  /* cell -> owner: head {reason}: its worker called abortIsolate(), {thrown}: ctx.abort(), or {failure}: it
                            broke the runtime, and the cell ends now */
    FRAME_OUTBOUND = 25, /* host cell -> supervisor: I need my way out; answered by a GRANT with flags WAY_OUT, or OUTBOUND with
                            head {error} */
    FRAME_SERVICE = 26,  /* host cell -> supervisor: I want to call the host worker `id`; answered by a GRANT with flags
                            SERVICE_END, or SERVICE with head {error} */
    FRAME_WANT = 27, /* host cell -> supervisor: I wait for a cell of these flags, as in the GRANT that brings it; or DIED comes
                        with id 0 */
    FRAME_RESTED = 28, /* cell -> owner: head is a number: microseconds of CPU that it has folded its memory for (cell/fold.h), in all;
                          comes before the next frame that there is anyhow */
    FRAME_TYPES
};

enum {
    FRAME_FIN = 1,    /* FETCH, RESPONSE, DATA: the body ends with this frame */
    FRAME_NOBODY = 2, /* FETCH, RESPONSE: there is no body at all (null), which differs from an empty one */
    FRAME_NAMED = 4,  /* LOAD: the worker is kept under a name, so the cell will rest between calls */
    FRAME_BUFFER = 8, /* FETCH: the body is a buffer of the worker's, which a redirect may have sent again */
    FRAME_TLS = 16,   /* DATA of a connection: from here on its bytes are TLS's; back: the handshake is done */
};

/* GRANT: what its descriptor is. */
enum {
    FRAME_WAY_OUT = 1,     /* a channel to the egress process */
    FRAME_SERVICE_END = 2, /* a channel on which the cell calls another host worker */
    FRAME_CALLER_END = 4,  /* a channel on which another host worker calls the cell */
    FRAME_NO_JIT = 8,      /* an idle cell, as without flags, of the profile without JIT; DIED with id 0: no such can be forked */
    FRAME_THREADS = 16,    /* an idle cell whose engine may make threads: for WebAssembly (HTMLRewriter, too). Beside NO_JIT */
};

struct frame {
    uint8_t type, flags;
    uint32_t id;
    const uint8_t *payload;
    uint32_t payload_len;
};

/* Reads the frame at the front of `in` without consuming it. Returns its whole size in bytes, 0 when more is needed,
   -EPROTO for an unknown type, a type that `accepted` (bit n = type n) lacks, or a payload over its type's limit.
   ret->payload points into `in` and lives until `in` changes. */
long frame_peek(const struct buf *in, uint32_t accepted, struct frame *ret);

/* How many bytes the frame at the front of `in` still lacks, as its header says, and where from there its tail will begin; 0
   while that does not stand there, and for what frame_peek refuses by its size. */
size_t frame_lacks(const struct buf *in, size_t *ret_tail_at);

/* Splits a payload into head and tail. Returns 0 or -EPROTO. */
int frame_split(const struct frame *frame, const char **ret_head, uint32_t *ret_head_len, const uint8_t **ret_tail,
                uint32_t *ret_tail_len);

/* Appends one frame. Returns 0, -ENOMEM, or -EMSGSIZE when the payload is over the type's limit. */
int frame_put(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, const char *head, size_t head_len,
              const void *tail, size_t tail_len);

/* The same without the tail's bytes, for which there is room then: they follow by buf_append, or by another way. */
int frame_begin(struct buf *out, uint8_t type, uint8_t flags, uint32_t id, const char *head, size_t head_len,
                size_t tail_len);

/* The name of a type for logs, or "?". */
const char *frame_name(uint8_t type);
