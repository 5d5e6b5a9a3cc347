/* The event loop of a forked cell. Runs in cells only; it reads frames from its owner (and, in a host cell, from the
   cells it was granted), hands them to the runtime, and writes what the runtime queued. It opens nothing. */
#include "cell/cell.h"
#include "base/limits.h"
#include "base/macros.h"
#include "cell/budget.h"
#include "cell/clock.h"
#include "cell/fold.h"
#include "cell/jail.h"
#include "cell/pages.h"
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Frames of one channel that are handled before the next channel has its turn. */
#define FRAMES_A_TURN 64

/* How long an owner that does not read is waited for with a cell's last words. */
#define ABORT_MS 100

/* A dynamic worker's cell that was woken so often will be again; a host worker's is, always. Its heap is collected a third
   as often, on which a stream of bytes spends most of its time. A dynamic worker's must not come near its memory limit by
   garbage alone, so it stays small, and in small pages. */
#define TURNS_OF_BUSY      256
#define SMALL_HEAP_MB      8
#define SMALL_HEAP_HOST_MB 32
#define GROWTH             4

/* A cell that was woken less often does not look for more before it sleeps: most load, answer once, and end. */
#define TURNS_OF_TALK 4

/* Through which so many bytes have passed in such pieces, a dynamic worker's is collected more seldom still: each piece is an
   array that is thrown away, and the engine counts it until it collects all. More small objects would only leave the
   processor's caches; and a host worker's heap, which is larger, would grow too far. */
#define BULK_PIECE_BYTES (16u << 10)
#define BULK_BYTES       (16u << 20)
#define GROWTH_OF_BULK   8

/* So many are sent at once, not copied to wait for the end of a turn. */
#define AT_ONCE_BYTES_MIN (128u << 10)

/* When so many have passed in a dynamic worker's, its young garbage is collected between two messages: memory that was used a
   moment ago costs nothing to touch, new memory 5 to 15 us a page (docs/performance.md). */
#define BULK_BYTES_YOUNG (4u << 20)

/* When so many have passed in a host worker's, not only the young is collected: arrays that were in use meanwhile are large. */
#define BULK_BYTES_COLLECTED (2u << 20)

/* So often one channel may be served without a look at the others, where there are any. */
#define IN_ROW_MAX 16

/* Work that the engine put off on this very thread (finalizers) makes nothing readable: it is looked for so often. */
#define PUMP_MS 50

/* A cell that is kept under a name is folded when it has waited so long, which costs some two milliseconds of CPU with the way back. So
   if it is woken again before REST_MS_PAYS, it waits four times as long the next time. */
#define REST_MS      20
#define REST_MS_MAX  5120
#define REST_MS_PAYS 10000

struct cell the_cell = {.epoll_fd = -1, .wake_ms = -1, .patience = PATIENCE_INIT};

static struct channel *channel_at(struct cell *c, int number) {
    return number >= 0 && number < c->channels_len && c->channels[number].fd >= 0 ? &c->channels[number] : NULL;
}

/* --- Channels --------------------------------------------------------------------------------------------------- */

static int add_channel(struct cell *c, int fd, uint32_t accepted) {
    int number = 0;
    while (number < c->channels_len && c->channels[number].fd >= 0) number++;
    if (number == c->channels_len) {
        int len = c->channels_len ? c->channels_len * 2 : 1;
        bool is_in_place = c->channels == &c->first;
        struct channel *channels = len == 1 ? &c->first : realloc(is_in_place ? NULL : c->channels, (size_t)len * sizeof *channels);
        if (!channels) return -ENOMEM;
        if (is_in_place) channels[0] = c->first;
        for (int i = c->channels_len; i < len; i++) channels[i] = (struct channel){.fd = -1};
        c->channels = channels;
        c->channels_len = len;
    }
    channel_init(&c->channels[number], fd, accepted);
    return number;
}

static void watch(struct cell *c, int operation, int number, bool out) {
    struct epoll_event event = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.u32 = (uint32_t)number};
    CHECK(epoll_ctl(c->epoll_fd, operation, c->channels[number].fd, &event) == 0);
}

/* The first granted channel makes the cell change from poll to epoll. */
static int start_epoll(struct cell *c) {
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll_fd < 0) return -errno;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    CHECK(epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, engine_pending_fd(c->engine), &event) == 0);
    watch(c, EPOLL_CTL_ADD, 0, c->channels[0].polls_out);
    return 0;
}

int cell_open(struct cell *c, int owner_fd, enum cell_role role) {
    bool is_host = c->is_host = role == CELL_HOST;
    c->may_thread = role != CELL_PLAIN;
    if (c->may_thread) engine_allow_threads(c->engine);
    int number = add_channel(c, owner_fd, channel_from_owner | (is_host ? channel_from_supervisor : 0));
    if (number < 0) return number;
    CHECK(number == 0);
    c->channels[0].takes_descriptors = is_host;
    return 0;
}

int cell_adopt(struct cell *c, int fd, uint32_t accepted) {
    if (c->epoll_fd < 0) {
        int r = start_epoll(c);
        if (r < 0) return r;
    }
    int number = add_channel(c, fd, accepted);
    if (number >= 0) watch(c, EPOLL_CTL_ADD, number, false);
    return number;
}

/* See REST_EXIT_STATUS_FIRST. */
static int status_of_end(const struct cell *c) {
    uint64_t untold = (budget_paused_us() - c->rested_us_told) / REST_EXIT_STATUS_US;
    if (untold == 0) return 0;
    return REST_EXIT_STATUS_FIRST + (int)(untold < REST_EXIT_STATUSES ? untold : REST_EXIT_STATUSES) - 1;
}

static void close_now(struct cell *c, int number) {
    if (number == 0) _exit(status_of_end(c)); /* nobody is left to work for */
    channel_done(&c->channels[number]);
}

/* The peer is gone or broke the protocol. */
static void lose(struct cell *c, int number) {
    close_now(c, number);
    engine_call(c->engine, ENGINE_ON_CLOSED, &(struct engine_value){.kind = ENGINE_NUMBER, .number = number}, 1);
}

/* What waits for the owner changes: the end of a budget, which may come at any time, sends it first. */
static void begin_change(int number) {
    if (number == 0) budget_set_silent(true);
}

/* What goes out in parts is followed by nothing else. */
static void end_change(const struct channel *channel, int number) {
    if (number != 0) return;
    budget_set_pending(buf_bytes(&channel->out), buf_len(&channel->out));
    budget_set_silent(channel->is_amid_frame);
}

_Noreturn void cell_abort(struct cell *c, const char *head, size_t head_len) {
    struct channel *owner = &c->channels[0];
    begin_change(0); /* for good */
    frame_put(&owner->out, FRAME_ABORTED, 0, 0, head, head_len, NULL, 0);
    struct pollfd fd = {.fd = owner->fd, .events = POLLOUT};
    while (channel_flush(owner) == 0 && buf_len(&owner->out) > 0 && poll(&fd, 1, ABORT_MS) > 0) {}
    _exit(0);
}

static void mark_dirty(struct cell *c, int number) {
    if (c->channels[number].dirty) return;
    if (c->dirty_len == c->dirty_capacity) {
        int capacity = c->dirty_capacity ? c->dirty_capacity * 2 : 8;
        c->dirty = realloc(c->dirty, (size_t)capacity * sizeof *c->dirty);
        CHECK(c->dirty);
        c->dirty_capacity = capacity;
    }
    c->channels[number].dirty = true;
    c->dirty[c->dirty_len++] = number;
}

static void carry(struct cell *c, size_t bytes) {
    if (bytes >= BULK_PIECE_BYTES) c->bulk_bytes += bytes;
}

/* Nobody is woken for that: it goes with what is sent anyhow. */
static void tell_of_rest(struct cell *c) {
    char head[24];
    uint64_t us = budget_paused_us();
    if (us == c->rested_us_told) return;
    c->rested_us_told = us;
    int len = snprintf(head, sizeof head, "%llu", (unsigned long long)us);
    cell_send(c, 0, &(struct frame){.type = FRAME_RESTED}, head, (size_t)len);
}

long cell_send(struct cell *c, int number, const struct frame *frame, const char *head, size_t head_len) {
    struct channel *channel = channel_at(c, number);
    if (!channel || channel->closing) return -EPIPE;
    if (number == 0) tell_of_rest(c);
    begin_change(number);
    int r = frame_begin(&channel->out, frame->type, frame->flags, frame->id, head, head_len, frame->payload_len);
    if (r == 0 && frame->payload_len >= AT_ONCE_BYTES_MIN) channel_put_tail(channel, frame->payload, frame->payload_len);
    else if (r == 0) CHECK(buf_append(&channel->out, frame->payload, frame->payload_len) == 0); /* there is room */
    end_change(channel, number);
    if (r < 0) return r;
    carry(c, frame->payload_len);
    mark_dirty(c, number);
    return (long)buf_len(&channel->out);
}

void cell_close(struct cell *c, int number) {
    struct channel *channel = channel_at(c, number);
    if (!channel) return;
    channel->closing = true;
    mark_dirty(c, number);
}

bool cell_is_alive(struct cell *c, int number) {
    struct channel *channel = channel_at(c, number);
    return channel && !channel->closing && channel_is_alive(channel);
}

static void flush(struct cell *c, int number) {
    struct channel *channel = channel_at(c, number);
    if (!channel) return;
    channel->dirty = false;
    begin_change(number);
    int r = channel_flush(channel);
    end_change(channel, number);
    if (r < 0 || buf_len(&channel->out) > CHANNEL_OUT_BYTES_MAX) {
        if (channel->closing) close_now(c, number);
        else lose(c, number);
        return;
    }
    bool waits = buf_len(&channel->out) > 0;
    if (!waits && channel->closing) {
        close_now(c, number);
        return;
    }
    if (waits != channel->polls_out) {
        channel->polls_out = waits;
        if (c->epoll_fd >= 0) watch(c, EPOLL_CTL_MOD, number, waits);
    }
}

static void flush_all(struct cell *c) {
    /* Losing a channel runs JavaScript, which may queue more: the list can grow while it is walked. */
    for (int i = 0; i < c->dirty_len; i++) flush(c, c->dirty[i]);
    c->dirty_len = 0;
}

/* --- Frames ----------------------------------------------------------------------------------------------------- */

static struct engine_value number_value(double number) {
    return (struct engine_value){.kind = ENGINE_NUMBER, .number = number};
}

static int take_grant(struct cell *c, int number, uint8_t flags) {
    struct channel *channel = &c->channels[number];
    if (channel->grants_len == 0) return -EPROTO;
    int fd = channel->grants[0];
    channel->grants_len--;
    memmove(channel->grants, channel->grants + 1, (size_t)channel->grants_len * sizeof(int));
    return cell_adopt(c, fd, flags & FRAME_WAY_OUT                               ? channel_from_egress
                             : flags & (FRAME_SERVICE_END | FRAME_CALLER_END) ? channel_from_peer
                                                                              : channel_from_owned);
}

/* Whether garbage alone leaves half of the worker's memory limit. */
static bool may_grow(const struct cell *c, unsigned growth) {
    return c->memory_mb == 0 || c->memory_mb >= 2 * SMALL_HEAP_MB * growth;
}

/* It will make garbage for long: costs half a millisecond now. */
static void be_busy(struct cell *c) {
    c->is_busy = true;
    if (c->is_host) pages_grow_large();
    engine_tune(c->engine, c->is_host ? SMALL_HEAP_HOST_MB : SMALL_HEAP_MB, GROWTH, c->is_host);
}

static void be_bulky(struct cell *c) {
    c->is_bulky = c->is_busy = true;
    engine_tune(c->engine, SMALL_HEAP_MB, GROWTH_OF_BULK, false);
}

static void prepare_for_worker(struct cell *c, const struct frame *load) {
    budget_exempt(LIMIT_EXEMPT_PER_CODE_BYTE * (uint64_t)load->payload_len);
    c->rest_ms = c->is_held && load->flags & FRAME_NAMED ? REST_MS : 0;
    if (c->is_host) be_busy(c);
}

/* Gives the engine a frame's tail: with the memory that the frame came in, if it is large and nearly alone there. */
static struct engine_value tail_value(const uint8_t *tail, size_t len, struct buf *in, size_t frame_size) {
    struct engine_value value = {.kind = ENGINE_BYTES, .data = tail, .len = len};
    bool is_alone = frame_size == buf_len(in) && in->capacity / 2 <= len;
    if (len < ENGINE_GIVEN_BYTES_MIN || !is_alone || (uintptr_t)tail % BUF_ALIGNMENT != 0) return value;
    value.block = in->data;
    *in = (struct buf){0};
    return value;
}

/* Hands the frame at the front of `in`, which has `size` bytes, to the runtime, and takes it out of there. */
static int dispatch(struct cell *c, int number, const struct frame *frame, struct buf *in, size_t size) {
    if (frame->type == FRAME_LOAD) prepare_for_worker(c, frame);
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    if (frame_split(frame, &head, &head_len, &tail, &tail_len) < 0) return -EPROTO;
    carry(c, tail_len);
    c->may_be_stuck = true;
    struct engine_value args[7] = {number_value(number), number_value(frame->type), number_value(frame->flags),
                                   number_value(frame->id)};
    if (head_len) args[4] = (struct engine_value){.kind = ENGINE_JSON, .data = head, .len = head_len};
    if (tail_len) args[5] = tail_value(tail, tail_len, in, size);
    if (frame->type == FRAME_GRANT) {
        int granted = take_grant(c, number, frame->flags);
        if (granted < 0) return granted;
        args[6] = number_value(granted);
    }
    int r = engine_call(c->engine, ENGINE_ON_FRAME, args, 7);
    if (buf_len(in) > 0) buf_consume(in, size);
    return r;
}

/* Handles the frames that are complete. Returns whether some are left for the next turn, or a negative errno. */
static int take_frames(struct cell *c, int number) {
    for (int i = 0; i < FRAMES_A_TURN; i++) {
        struct channel *channel = channel_at(c, number);
        if (!channel || channel->closing) return 0;
        /* A handler may make the table of channels move, so the bytes are taken out of it for the time being. */
        struct buf in = channel->in;
        struct frame frame;
        long size = frame_peek(&in, channel->accepted, &frame);
        if (size <= 0) return (int)size;
        channel->in = (struct buf){0};
        int r = dispatch(c, number, &frame, &in, (size_t)size);
        channel = channel_at(c, number);
        if (!channel) {
            buf_done(&in);
            return 0;
        }
        channel->in = in;
        if (r < 0) return r;
    }
    return 1;
}

/* What has been read: n bytes, or the channel's end as a negative errno. */
static void serve_read(struct cell *c, int number, int n) {
    int left = 0;
    do {
        left = take_frames(c, number);
        flush_all(c);
    } while (left > 0);
    if (left < 0 || (n < 0 && channel_at(c, number))) lose(c, number);
}

static void serve(struct cell *c, int number) {
    struct channel *channel = channel_at(c, number);
    if (channel) serve_read(c, number, channel_read(channel, false));
    c->last_spoken = number;
    c->spoken_in_row = 0;
}

/* Nothing but its owner can wake it. */
static bool hears_one(const struct cell *c) {
    return c->epoll_fd < 0 && engine_pending_fd(c->engine) < 0;
}

/* Whoever spoke last is likely to answer soon: looks whether it has, for less than it takes to sleep and be woken.
   Returns whether it had. */
static bool serve_soon(struct cell *c) {
    struct channel *channel = channel_at(c, c->last_spoken);
    if (!channel || c->turns < TURNS_OF_TALK || c->spoken_in_row == IN_ROW_MAX) return false;
    unsigned looks = patience_looks(&c->patience) ? patience_looks_at_socket : 0;
    int n = 0;
    bool is_amid = buf_len(&channel->in) > 0;
    for (unsigned i = 0; i < looks && n == 0; i++) {
        if (i > 0 && is_amid) sched_yield();
        n = channel_read(channel, false);
    }
    if (looks > 0) patience_learn(&c->patience, n > 0);
    if (n == 0) return false;
    if (!hears_one(c)) c->spoken_in_row++;
    clock_catch_up(0);
    serve_read(c, c->last_spoken, n);
    return true;
}

/* --- The loop --------------------------------------------------------------------------------------------------- */

static int timeout_ms(const struct cell *c) {
    if (c->wake_ms < 0) return -1;
    double left = ceil(c->wake_ms - clock_now_ms());
    return left <= 0 ? 0 : left > 3600e3 ? 3600000 : (int)left;
}

/* Waits on, folded. Returns as poll. */
static int rest(struct cell *c, struct pollfd *fds, nfds_t fds_len) {
    double begun_ms = clock_now_ms();
    int timeout = timeout_ms(c);
    budget_pause();
    int r = fold_poll(rewind_plan(), fds, fds_len, timeout);
    budget_resume();
    clock_catch_up(r == 0 ? timeout : 0);
    c->rest_ms = clock_now_ms() - begun_ms >= REST_MS_PAYS ? REST_MS : c->rest_ms < REST_MS_MAX ? c->rest_ms * 4 : REST_MS_MAX;
    return r;
}

static void wait_poll(struct cell *c) {
    struct channel *owner = &c->channels[0];
    if (serve_soon(c)) return;
    struct pollfd fds[2] = {{.fd = owner->fd, .events = (short)(POLLIN | (owner->polls_out ? POLLOUT : 0))},
                            {.fd = engine_pending_fd(c->engine), .events = POLLIN}};
    int timeout = timeout_ms(c);
    bool rests = c->rest_ms > 0 && (timeout < 0 || timeout > c->rest_ms);
    if (rests) timeout = c->rest_ms;
    if (timeout < 0 && hears_one(c) && !owner->polls_out) {
        /* To wait for bytes and to read them is one system call. */
        int n = channel_read(owner, true);
        c->spoken_in_row = 0;
        clock_catch_up(0);
        serve_read(c, 0, n);
        return;
    }
    int r = poll(fds, 2, timeout);
    clock_catch_up(r == 0 ? timeout : 0);
    if (r == 0 && rests) r = rest(c, fds, COUNT_OF(fds));
    if (r <= 0) return;
    if (fds[1].revents) {
        engine_pump(c->engine);
        c->may_be_stuck = true;
    }
    if (fds[0].revents & POLLOUT) mark_dirty(c, 0);
    if (fds[0].revents & ~POLLOUT) serve(c, 0);
}

static void wait_epoll(struct cell *c) {
    struct epoll_event events[64];
    if (serve_soon(c)) return;
    int timeout = c->spoken_in_row == IN_ROW_MAX ? 0 : timeout_ms(c);
    int n = epoll_wait(c->epoll_fd, events, COUNT_OF(events), timeout);
    clock_catch_up(n == 0 ? timeout : 0);
    c->spoken_in_row = 0;
    for (int i = 0; i < n; i++) {
        int number = (int)events[i].data.u32;
        if (number < 0) {
            engine_pump(c->engine);
            continue;
        }
        if (events[i].events & EPOLLOUT && channel_at(c, number)) mark_dirty(c, number);
        if (events[i].events & ~(uint32_t)EPOLLOUT) serve(c, number);
    }
}

/* A dynamic worker's calls may wait for what never comes. The runtime knows, and is asked where nothing else can happen: it
   has sent all it had, no timer runs, and its owner has said nothing more. */
static void look_whether_stuck(struct cell *c) {
    struct channel *owner = &c->channels[0];
    /* Its threads compile WebAssembly; whether a call waits for that the runtime knows, and what is done is told there. */
    struct pollfd fds[2] = {{.fd = owner->fd, .events = POLLIN}, {.fd = engine_pending_fd(c->engine), .events = POLLIN}};
    if (c->is_host || c->wake_ms >= 0) return;
    if (buf_len(&owner->out) > 0 || buf_len(&owner->in) > 0) return;
    int n;
    while ((n = poll(fds, fds[1].fd < 0 ? 1 : 2, 0)) < 0) {} /* a signal of its budget's */
    if (n > 0) return;
    c->may_be_stuck = false;
    engine_call(c->engine, ENGINE_ON_STUCK, NULL, 0);
    if (c->wake_ms >= 0) c->may_be_stuck = true; /* it wants to be asked again then */
    flush_all(c);
}

void cell_turn(struct cell *c) {
    flush_all(c);
    if (c->may_be_stuck) look_whether_stuck(c);
    if (c->turns < TURNS_OF_BUSY && ++c->turns == TURNS_OF_BUSY && !c->is_busy && may_grow(c, GROWTH)) be_busy(c);
    if (!c->is_bulky && !c->is_host && c->bulk_bytes >= BULK_BYTES && may_grow(c, GROWTH_OF_BULK)) be_bulky(c);
    if (c->epoll_fd >= 0)
        wait_epoll(c);
    else
        wait_poll(c);
    c->budget.is_long = false;
    double now_ms = clock_now_ms();
    if (now_ms - c->pumped_ms >= PUMP_MS) {
        c->pumped_ms = now_ms;
        engine_pump(c->engine);
    }
    if (c->wake_ms >= 0 && now_ms >= c->wake_ms) {
        c->wake_ms = -1;
        clock_catch_up(0); /* whatever ran meanwhile: a timer must not see less than its delay */
        engine_call(c->engine, ENGINE_ON_TIMER, NULL, 0);
    }
    /* Left to itself the engine may keep garbage of several times what lives, and a worker would end by its limit for that. */
    bool is_bulk_old = !c->is_host && c->bulk_bytes - c->bulk_bytes_young >= BULK_BYTES_YOUNG;
    if (c->wants_collection != COLLECT_NOTHING || c->budget.is_full || is_bulk_old) {
        bool is_full = c->wants_collection == COLLECT_ALL || c->budget.is_full ||
                       (c->is_host && c->bulk_bytes - c->bulk_bytes_collected >= BULK_BYTES_COLLECTED);
        c->bulk_bytes_young = c->bulk_bytes;
        if (is_full) c->bulk_bytes_collected = c->bulk_bytes;
        engine_collect(c->engine, is_full);
        c->wants_collection = COLLECT_NOTHING;
        c->budget.is_full = false;
        engine_pump(c->engine); /* the finalizers of what was collected */
    }
}

_Noreturn void cell_run(struct cell *c) {
    for (;;) cell_turn(c);
}
