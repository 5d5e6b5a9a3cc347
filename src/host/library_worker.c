/* Part of libmayfly: the life of a worker, from its load to its cell's death. */
#include "base/macros.h"
#include "host/library_private.h"
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define WALL_MS_DEFAULT 30000

/* How long a cell's death and its channel's end may lie apart: 1 ms, but seconds where the zygote gets no processor. */
#define ENDING_MS 2000

static const struct host_channel_handler channel_events;

/* --- Deadlines -------------------------------------------------------------------------------------------------- */

static void set_state(struct mf_worker *w, enum worker_state state) {
    w->state = state;
    w->since_ms = library_now_ms(w->loader);
    worker_arm(w);
}

/* When the timer is due, or UINT64_MAX. */
static uint64_t deadline_ms(const struct mf_worker *w) {
    switch (w->state) {
    case WORKER_WAITING: return w->since_ms + w->loader->start_timeout_ms;
    case WORKER_STARTING: return w->wall_ms == MF_NO_LIMIT ? UINT64_MAX : w->since_ms + w->wall_ms;
    case WORKER_RUNNING: return w->wall_ms == MF_NO_LIMIT || !w->calls ? UINT64_MAX : w->calls->deadline_ms;
    case WORKER_ENDING: return w->since_ms + ENDING_MS;
    default: return UINT64_MAX;
    }
}

/* Whether somebody waits for the worker, so that it may use its processor. */
static bool is_awaited(const struct mf_worker *w) {
    return w->state == WORKER_STARTING || (w->state == WORKER_RUNNING && w->calls);
}

static uint64_t due_ms(const struct mf_worker *w) {
    uint64_t deadline = deadline_ms(w);
    return is_awaited(w) && w->look_ms < deadline ? w->look_ms : deadline;
}

static void kill_and_end(struct mf_worker *w, int result, const char *death) {
    pool_kill(w->loader->pool, w->cell);
    worker_end(w, result, death, "the worker's cell %s", death);
}

/* The worker went beyond a limit: its cell has ended, or is killed. */
static void exceed(struct mf_worker *w, enum limit limit, uint64_t value, uint64_t used) {
    char death[sizeof((struct mf_error *)0)->death];
    bool is_cpu = limit == LIMIT_CPU;
    pool_kill(w->loader->pool, w->cell);
    snprintf(death, sizeof death, "%s limit of %llu %s", is_cpu ? "was killed: CPU-time" : "was killed: memory",
             (unsigned long long)value, is_cpu ? "ms" : "MiB");
    worker_end(w, is_cpu ? -ETIMEDOUT : -EDQUOT, death, "Worker exceeded %s limit. (limits.%s is %llu, used %llu)",
               is_cpu ? "CPU time" : "memory", is_cpu ? "cpu_ms" : "memory_mb", (unsigned long long)value,
               (unsigned long long)used);
}

/* Looks after a worker that somebody waits for. Returns whether it was ended. */
static bool look(struct mf_worker *w, uint64_t now_ms) {
    if (now_ms < w->look_ms) return false;
    w->look_ms = now_ms + POLICE_MS;
    enum limit limit = police_look(&w->police, pool_cell_bytes(w->loader->pool));
    if (limit == LIMIT_CPU) {
        exceed(w, limit, w->police.cpu_ms_max, (w->police.cpu_us - w->police.cpu_us_called) / 1000);
    } else if (limit == LIMIT_MEMORY) {
        exceed(w, limit, w->police.memory_mb_max, w->police.memory_mb_max + 1);
    }
    return limit != LIMIT_NONE;
}

int worker_breach(struct mf_worker *w, const char *what) {
    snprintf(w->breach, sizeof w->breach, "%s", what);
    return -EPROTO;
}

static int on_exceeded(struct mf_worker *w, const uint8_t *tail, size_t tail_len) {
    if (w->state >= WORKER_ENDED) return 0;
    uint64_t value, used;
    if (tail_len != LIMIT_EXCEEDED_BYTES || tail[0] <= LIMIT_NONE || tail[0] >= LIMITS) {
        return worker_breach(w, "an EXCEEDED without sense");
    }
    memcpy(&value, tail + 8, sizeof value);
    memcpy(&used, tail + 16, sizeof used);
    exceed(w, (enum limit)tail[0], le64toh(value), le64toh(used));
    return 0;
}

static void on_timer(uv_timer_t *timer) {
    struct mf_worker *w = timer->data;
    char death[sizeof((struct mf_error *)0)->death];
    library_stir(w->loader);
    switch (w->state) {
    case WORKER_WAITING:
        worker_end(w, -ETIMEDOUT, NULL, "no cell became ready within %u ms", w->loader->start_timeout_ms);
        break;
    case WORKER_STARTING:
    case WORKER_RUNNING:
        if (is_awaited(w) && look(w, library_now_ms(w->loader))) break;
        if (library_now_ms(w->loader) < deadline_ms(w)) {
            worker_arm(w);
            break;
        }
        snprintf(death, sizeof death, "was killed: wall-time limit of %u ms", w->wall_ms);
        kill_and_end(w, -ETIMEDOUT, death);
        break;
    case WORKER_ENDING:
        if (w->has_died) {
            zygote_describe_death(w->death_status, death, sizeof death);
            worker_end(w, -EOWNERDEAD, death, "the worker's cell %s", death);
        } else {
            kill_and_end(w, -EOWNERDEAD, "closed its channel, and was killed");
        }
        break;
    default: break;
    }
}

void worker_arm(struct mf_worker *w) {
    uint64_t due = due_ms(w), now = library_now_ms(w->loader);
    if (due == UINT64_MAX)
        uv_timer_stop(&w->timer);
    else
        uv_timer_start(&w->timer, on_timer, due > now ? due - now : 0, 0);
    library_stir(w->loader);
}

/* --- The end ---------------------------------------------------------------------------------------------------- */

static void leave_queue(struct mf_worker *w) {
    struct mf_worker **place = &w->loader->waiting[w->role];
    while (*place && *place != w) place = &(*place)->waiting_next;
    if (*place) *place = w->waiting_next;
}

static void drop_cell(struct mf_worker *w) {
    host_channel_free(w->channel);
    w->channel = NULL;
    worker_close_outbound(w);
    buf_done(&w->load_head);
    buf_done(&w->load_tail);
    w->cell = 0;
}

/* Tells everyone who waits. The callbacks may free the worker. */
static void end_with(struct mf_worker *w, int result, const struct mf_error *error) {
    if (w->state == WORKER_WAITING) leave_queue(w);
    drop_cell(w);
    w->result = result;
    w->failure = malloc(sizeof *w->failure);
    if (w->failure) *w->failure = *error;
    set_state(w, WORKER_ENDED);
    mf_load_done *on_load = w->on_load;
    w->on_load = NULL;
    struct pending_call *calls = w->calls;
    w->calls = NULL;
    w->calls_end = &w->calls;
    if (on_load) on_load(w->load_ctx, w, result, error);
    calls_fail(calls, result, error);
    capability_orphan(w, result);
}

void worker_end(struct mf_worker *w, int result, const char *death, const char *format, ...) {
    struct mf_error error = {.name = "Error"};
    va_list args;
    va_start(args, format);
    vsnprintf(error.message, sizeof error.message, format, args);
    va_end(args);
    if (death) snprintf(error.death, sizeof error.death, "%s", death);
    end_with(w, result, &error);
}

void worker_died(struct mf_worker *w, int status) {
    if (w->state >= WORKER_ENDED) return;
    w->has_died = true;
    w->death_status = status;
    /* What it said last may still be on its way; then the channel's end comes for certain. */
    set_state(w, WORKER_ENDING);
    if (!w->channel) on_timer(&w->timer);
}

static void on_closed(void *context, int error) {
    struct mf_worker *w = context;
    library_stir(w->loader);
    host_channel_free(w->channel);
    w->channel = NULL;
    if (error == -EPROTO) {
        char death[160];
        if (!w->breach[0]) snprintf(w->breach, sizeof w->breach, "a frame that is not allowed");
        snprintf(death, sizeof death, "was killed: it broke the protocol (%s)", w->breach);
        kill_and_end(w, -EOWNERDEAD, death);
    } else if (error == -ENOMEM || error == -ENOBUFS) {
        kill_and_end(w, error, "was killed: there is no memory for what it says or should hear");
    } else if (w->has_died) {
        on_timer(&w->timer);
    } else {
        set_state(w, WORKER_ENDING);
    }
}

/* --- The start -------------------------------------------------------------------------------------------------- */

bool worker_go(struct mf_worker *w) {
    struct mf_loader *loader = w->loader;
    if (w->state != WORKER_STARTING || !w->has_started) return false;
    if (w->outbound_json && loader->outbound && !loader->outbound_has_spoken) return false;
    if (w->outbound_json && loader->outbound_error[0]) {
        pool_kill(loader->pool, w->cell);
        worker_end(w, -EINVAL, NULL, "%s", loader->outbound_error);
        return true;
    }
    calls_restart_deadlines(w);
    set_state(w, WORKER_RUNNING);
    mf_load_done *on_load = w->on_load;
    w->on_load = NULL;
    if (on_load) on_load(w->load_ctx, w, 0, NULL);
    return true;
}

static int on_started(struct mf_worker *w, const char *head, size_t head_len) {
    struct json_slice value, failure;
    if (w->state == WORKER_ENDING) return 0;
    if (w->state != WORKER_STARTING || json_text_check(head, head_len, &value) < 0) {
        return worker_breach(w, "an unexpected STARTED");
    }
    if (json_text_member(value, "error", &failure)) {
        struct mf_error error;
        error_from_head(failure.data, failure.len, &error);
        pool_kill(w->loader->pool, w->cell);
        end_with(w, -EREMOTEIO, &error);
        return 0;
    }
    w->has_started = true;
    worker_go(w);
    return 0;
}

static int on_log(struct mf_worker *w, const char *head, size_t head_len) {
    if (!w->on_log) return 0;
    struct json_slice value, level, message;
    if (json_text_check(head, head_len, &value) < 0 || !json_text_member(value, "level", &level) ||
        !json_text_member(value, "message", &message)) {
        return worker_breach(w, "a LOG without level and message");
    }
    char level_text[16];
    json_text_decode(level, level_text, sizeof level_text);
    char *text = json_text_copy(message);
    if (!text) return -ENOMEM;
    w->on_log(w->log_ctx, level_text, text);
    free(text);
    return 0;
}

static int on_frame(void *context, const struct frame *frame) {
    struct mf_worker *w = context;
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    library_stir(w->loader);
    if (frame_split(frame, &head, &head_len, &tail, &tail_len) < 0) return -EPROTO;
    switch (frame->type) {
    case FRAME_STARTED: return on_started(w, head, head_len);
    case FRAME_LOG: return on_log(w, head, head_len);
    case FRAME_BUSY: return 0; /* a C host ends its workers itself */
    case FRAME_ABORTED: return 0; /* its end follows */
    case FRAME_EXCEEDED: return on_exceeded(w, tail, tail_len);
    case FRAME_RESET: return capability_on_reset(w, frame->id) || !w->outbound_json ? 0 : worker_on_stream(w, frame);
    case FRAME_FETCH:
    case FRAME_DATA:
    case FRAME_STOP:
    case FRAME_WINDOW: return worker_on_stream(w, frame);
    case FRAME_CALL: return capability_on_call(w, frame, head, head_len);
    default: return calls_on_answer(w, frame, head, head_len);
    }
}

static const struct host_channel_handler channel_events = {.on_frame = on_frame, .on_closed = on_closed};

void worker_assign(struct mf_worker *w, const struct pool_cell *cell, int fd) {
    w->cell = cell->number;
    w->police.pid = cell->pid;
    w->look_ms = library_now_ms(w->loader) + POLICE_MS;
    uint32_t accepted = host_channel_from_worker | (w->outbound_json ? library_streams : 0);
    w->channel = host_channel_new(&w->loader->loop, fd, accepted, &channel_events, w);
    if (!w->channel) {
        close(fd);
        worker_end(w, -ENOMEM, NULL, "out of memory");
        return;
    }
    struct buf head = w->load_head, tail = w->load_tail;
    w->police.code_bytes = buf_len(&tail);
    w->load_head = w->load_tail = (struct buf){0};
    set_state(w, WORKER_STARTING);
    int r = host_channel_send(w->channel, FRAME_LOAD, 0, 0, (const char *)buf_bytes(&head), buf_len(&head),
                              buf_bytes(&tail), buf_len(&tail));
    buf_done(&head);
    buf_done(&tail);
    if (r == 0) r = calls_send_early(w);
    if (r < 0) kill_and_end(w, r, "was killed: its code could not be sent");
}

/* --- The public functions --------------------------------------------------------------------------------------- */

static void free_bindings(struct mf_worker *w) {
    for (size_t i = 0; i < w->bindings_len; i++) free(w->bindings[i].name);
    free(w->bindings);
    free(w->outbound_json);
    free(w->under_way);
}

static int copy_bindings(struct mf_worker *w, const struct mf_code *code) {
    w->bindings = calloc(code->capabilities_len + 1, sizeof *w->bindings);
    if (!w->bindings) return -ENOMEM;
    for (size_t i = 0; i < code->capabilities_len; i++) {
        const struct mf_capability *capability = &code->capabilities[i];
        w->bindings[i] = (struct binding){strdup(capability->name), capability->handler, capability->ctx};
        if (!w->bindings[i].name) return -ENOMEM;
        w->bindings_len++;
    }
    return 0;
}

static struct mf_worker *worker_new(struct mf_loader *loader, const struct mf_code *code) {
    struct mf_worker *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->loader = loader;
    w->calls_end = &w->calls;
    w->wall_ms = code->limits.wall_ms ? code->limits.wall_ms : WALL_MS_DEFAULT;
    w->police.cpu_ms_max = code_limit(code->limits.cpu_ms, LIMIT_CPU_MS_DEFAULT);
    w->police.memory_mb_max = code_limit(code->limits.memory_mb, LIMIT_MEMORY_MB_DEFAULT);
    w->on_log = code->on_log;
    w->log_ctx = code->log_ctx;
    w->outbound_json = code->outbound_json ? strdup(code->outbound_json) : NULL;
    if (copy_bindings(w, code) < 0 || (code->outbound_json && !w->outbound_json)) {
        free_bindings(w);
        free(w);
        return NULL;
    }
    CHECK(uv_timer_init(&loader->loop, &w->timer) == 0);
    w->timer.data = w;
    w->next = loader->workers;
    w->place = &loader->workers;
    if (w->next) w->next->place = &w->next;
    loader->workers = w;
    return w;
}

/* Takes an idle cell, or queues for one. */
static void enter_queue(struct mf_worker *w) {
    struct mf_loader *loader = w->loader;
    set_state(w, WORKER_WAITING);
    struct pool_cell cell;
    int fd = loader->waiting[w->role] ? -EAGAIN : library_take_cell(loader, w->role, &cell);
    if (fd >= 0) {
        worker_assign(w, &cell, fd);
        return;
    }
    struct mf_worker **end = &loader->waiting[w->role];
    while (*end) end = &(*end)->waiting_next;
    *end = w;
}

int mf_worker_load_start(struct mf_loader *loader, const struct mf_code *code, mf_load_done *done, void *ctx,
                         struct mf_worker **ret, struct mf_error *error) {
    struct buf head = {0}, tail = {0};
    int r = code_encode(code, &head, &tail, error);
    if (r == 0 && code->outbound_json) r = outbound_prepare(loader, error);
    struct mf_worker *w = r == 0 ? worker_new(loader, code) : NULL;
    if (!w) {
        buf_done(&head);
        buf_done(&tail);
        return r < 0 ? r : library_fail(error, -ENOMEM, "out of memory");
    }
    w->role = code_is_threaded(code) ? CELL_THREADS : CELL_PLAIN;
    w->load_head = head;
    w->load_tail = tail;
    w->on_load = done;
    w->load_ctx = ctx;
    *ret = w;
    enter_queue(w);
    return 0;
}

struct load_wait {
    bool done;
    int result;
    struct mf_error *error;
};

static void on_load_waited(void *ctx, struct mf_worker *worker, int result, const struct mf_error *error) {
    struct load_wait *wait = ctx;
    (void)worker;
    wait->done = true;
    wait->result = result;
    if (result < 0 && wait->error) *wait->error = *error;
}

int mf_worker_load(struct mf_loader *loader, const struct mf_code *code, struct mf_worker **ret,
                   struct mf_error *error) {
    struct load_wait wait = {.error = error};
    struct mf_worker *worker;
    if (loader->is_running) return library_wait(loader, &wait.done, error);
    int r = mf_worker_load_start(loader, code, on_load_waited, &wait, &worker, error);
    if (r < 0) return r;
    r = library_wait(loader, &wait.done, error);
    CHECK(r == 0);
    if (wait.result < 0)
        mf_worker_free(worker);
    else
        *ret = worker;
    return wait.result;
}

static void on_timer_closed(uv_handle_t *timer) {
    struct mf_worker *w = timer->data;
    free_bindings(w);
    free(w->failure);
    free(w);
}

void mf_worker_free(struct mf_worker *w) {
    if (!w) return;
    CHECK(w->state != WORKER_FREED);
    struct mf_loader *loader = w->loader;
    *w->place = w->next;
    if (w->next) w->next->place = w->place;
    struct library_before before = library_enter(loader); /* for the callbacks */
    if (w->cell) pool_kill(loader->pool, w->cell);
    if (w->state < WORKER_ENDED) worker_end(w, -ECANCELED, NULL, "the worker was freed");
    w->state = WORKER_FREED;
    uv_close((uv_handle_t *)&w->timer, on_timer_closed);
    library_leave(loader, before);
    library_stir(loader);
}
