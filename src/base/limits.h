/* The limits whose breach ends a cell, and how it tells: in an EXCEEDED frame if its channel can take one, and by its
   exit status in any case. Both sides know these numbers. */
#pragma once

enum limit {
    LIMIT_NONE = 0,
    LIMIT_CPU = 1,    /* milliseconds of CPU time since the last call began */
    LIMIT_MEMORY = 2, /* MiB that the cell holds beyond what it was forked with */
    LIMITS
};

#define LIMIT_EXIT_STATUS_FIRST  112
#define LIMIT_EXIT_STATUS(limit) (LIMIT_EXIT_STATUS_FIRST + (limit))

/* How a cell under a name ends in order that has folded its memory (cell/fold.h) since it last told its owner how long that took: the
   status counts what is left to tell, which its owner can hear no more. */
#define REST_EXIT_STATUS_FIRST 128
#define REST_EXIT_STATUSES     120
#define REST_EXIT_STATUS_US    128 /* of CPU time each */

/* What a worker may use if nobody says anything: Cloudflare's numbers (dynamic-workers.md 1.11). */
#define LIMIT_CPU_MS_DEFAULT    30000u
#define LIMIT_MEMORY_MB_DEFAULT 128u

/* Memory that is not charged for each byte of code: its frame, the engine's copy, its text, what is made of that. */
#define LIMIT_EXEMPT_PER_CODE_BYTE 4u

/* The payload of an EXCEEDED frame, in little-endian: {u32 limit, u32 zero, u64 value, u64 used}. */
#define LIMIT_EXCEEDED_BYTES 24
