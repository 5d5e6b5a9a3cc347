/* What a supervisor (or libmayfly) and its egress process say to each other: messages over a SOCK_SEQPACKET pair, each
   {u32 op} and a JSON text. Neither end is hostile: what cells say comes over channels of their own, which ATTACH
   brings.

   The process at the other end is a keeper, which holds the secrets and forks the one that has the network; both hold
   this socket, so a message sent while the latter is being restarted waits for it. */
#pragma once
#include <stdint.h>

enum egress_op {
    EGRESS_HELLO = 1, /* egress -> supervisor, at each start: "" or why it cannot start */
    EGRESS_ATTACH,    /* supervisor -> egress, with a descriptor: {worker, policies}: a cell's way out; where the start fixed them, its
                         policies */
    EGRESS_STAY,      /* supervisor -> egress: the processor to stay on, or -1 for any: host/gather.h */
    EGRESS_PORT,      /* supervisor -> egress: a port that the supervisor listens on; no rule opens it */
};

#define EGRESS_MESSAGE_BYTES_MAX (128u * 1024u)

/* Where the egress binary finds its descriptors. */
#define EGRESS_CONTROL_FD 3
#define EGRESS_LOG_FD     4
#define EGRESS_START_FD   5 /* a file: {secrets, policies to check, fixed: no others, dns?, caFile?, proxy?} */
