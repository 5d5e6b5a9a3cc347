/* A cell: one engine, one worker, and the sockets it may use. This is the forked process's event loop. */
#pragma once
#include "base/patience.h"
#include "base/zygote_wire.h"
#include "cell/budget.h"
#include "cell/channel.h"
#include "cell/engine.h"
#include "cell/pkey.h"

/* Has pages of its own, for the sake of their key. */
struct cell {
    struct engine *engine;
    bool is_host;
    struct channel *channels; /* [0] is the owner's; a dynamic worker's cell has no other */
    struct channel first;     /* where they stand as long as there is one */
    struct budget budget;
    int channels_len;
    int *dirty; /* numbers of the channels to flush before waiting */
    int dirty_len, dirty_capacity;
    int epoll_fd;     /* -1 until a second channel comes, which happens in host cells only */
    struct patience patience;
    int last_spoken, spoken_in_row; /* the channel that the last bytes came from, and how often from none else */
    double wake_ms;   /* on the monotonic clock; negative for none */
    bool may_be_stuck; /* it may owe its owner answers that nothing can bring about any more */
    double pumped_ms; /* when the engine last did its deferred work */
    unsigned turns; /* until it is busy */
    uint64_t bulk_bytes; /* that came and went in large pieces */
    uint64_t bulk_bytes_young, bulk_bytes_collected; /* of these, before the last collection, and the last full one */
    bool is_busy, is_bulky;
    unsigned memory_mb; /* its worker's limit; 0 for none */
    enum { COLLECT_NOTHING, COLLECT_YOUNG, COLLECT_ALL } wants_collection;
    bool is_held;     /* a holder made it (rewind.h) */
    int rest_ms;      /* how long it waits before it rests; 0: it never does */
    uint64_t rested_us_told; /* of the CPU time that its rests took */
    bool may_thread;  /* the seal allows it */
    bool is_threaded; /* the engine has made a thread (WebAssembly) */
} __attribute__((aligned(PKEY_PAGE_BYTES)));

/* The process's cell; its natives are registered before the engine boots, its channel comes after the fork. */
extern struct cell the_cell;

void cell_natives_add(struct cell *cell);
void cell_modules_add(struct cell *cell);

/* In the forked process: takes over the owner's socket. */
int cell_open(struct cell *cell, int owner_fd, enum cell_role role);

/* One turn of the event loop: writes what is queued, waits, handles what came. */
void cell_turn(struct cell *cell);

/* Serves until the owner closes its end; then the process ends. */
_Noreturn void cell_run(struct cell *cell);

/* Queues a frame; see Native.send in runtime/native.d.ts. Returns the bytes that wait, or a negative errno. */
long cell_send(struct cell *cell, int channel, const struct frame *frame, const char *head, size_t head_len);
void cell_close(struct cell *cell, int channel);
bool cell_is_alive(struct cell *cell, int channel);

/* Ends the process with a last frame to the owner, whose head this is. */
_Noreturn void cell_abort(struct cell *cell, const char *head, size_t head_len);

/* Adopts a granted descriptor as a channel of its own and returns its number or a negative errno. */
int cell_adopt(struct cell *cell, int fd, uint32_t accepted);
