/* What the files of libmayfly share; nobody else includes it. library.c has the loader and its loop, library_worker.c
   the life of a worker, library_call.c the host's calls, library_capability.c the workers', library_code.c makes LOAD
   frames. */
#pragma once
#include "host/json_text.h"
#include "host/outbound.h"
#include "host/police.h"
#include "host/pool.h"
#include <mayfly.h>
#include <pthread.h>
#include <stdint.h>

/* Answers to capability calls that were given on other threads, or while the loader's was elsewhere: the loader's kick
   has them sent. Outlives its loader until the last call is answered. */
struct answers {
    pthread_mutex_t lock;     /* recursive; of all below, and of each call's on_cancel */
    unsigned refs;            /* the loader's, and one of each call */
    struct mf_loader *loader; /* NULL once that is freed */
    struct mf_call *first, **end;
};

struct mf_loader {
    uv_loop_t loop;
    uv_async_t kick; /* makes the loop's descriptor readable when something was queued outside of a dispatch */
    uv_poll_t alarm; /* a timerfd that follows the loop's next timer, so that one descriptor tells all */
    int alarm_fd;
    struct pool *pool;
    char *cell_path;
    unsigned idle_cells, start_timeout_ms;
    uint32_t required;               /* enum confinement */
    bool is_jitless, is_brief;
    bool is_up, has_failed, is_running; /* running: inside uv_run or a callback */
    bool is_stirred;                 /* something was queued during the loop's turn */
    char failure[200];
    char *secrets_json, *dns, *ca_file, *proxy;
    int outbound_log_fd;
    struct outbound *outbound; /* from the first worker on that has a way out */
    bool outbound_has_spoken;  /* it has said that it is up, or why it is not */
    char outbound_error[300];  /* why the egress process does not start */
    struct answers *answers;
    struct mf_worker *workers;
    struct mf_worker *waiting[CELL_HOST]; /* without a cell yet, by the role of it, in the order of their loads */
};

/*  WAITING --cell--> STARTING --STARTED--> RUNNING        Each of these goes to ENDED by a limit, a breach of the
       |                  |                    |           protocol or a lost zygote, and the last two to ENDING
       v                  v                    v           when the cell's death or its channel's end is noticed,
     ENDED <---------- ENDING <----------------+           until the other of the two is. FREED comes from all. */
enum worker_state { WORKER_WAITING, WORKER_STARTING, WORKER_RUNNING, WORKER_ENDING, WORKER_ENDED, WORKER_FREED };

/* A call that waits for the cell's answer. */
struct pending_call {
    struct pending_call *next;
    uint32_t id;
    uint64_t deadline_ms;
    struct buf head; /* until it is sent, which waits for a cell */
    mf_call_done *done;
    void *ctx;
};

struct binding {
    char *name;
    mf_call_handler *handler;
    void *ctx;
};

/* Invariants: channel is NULL in WAITING, ENDED and FREED. Calls stand in the order of their deadlines, for all have
   the same limit. The struct outlives FREED until the loop has closed the timer. */
struct mf_worker {
    struct mf_loader *loader;
    struct mf_worker *next, **place; /* among the loader's workers */
    struct mf_worker *waiting_next;
    enum worker_state state;
    uint32_t cell; /* 0 without one */
    struct host_channel *channel;
    struct buf load_head, load_tail; /* while WAITING */
    enum cell_role role; /* of its cell */
    uv_timer_t timer;
    uint64_t since_ms; /* when the state began */
    bool has_started; /* the cell says so; the way out may have to, too */
    bool has_died;
    int death_status;
    char breach[120];
    unsigned wall_ms;
    struct police police;
    uint64_t look_ms; /* when the police comes next */
    uint32_t next_id;
    struct pending_call *calls, **calls_end;
    struct mf_call *incoming; /* capability calls that are not answered yet */
    unsigned incoming_len;
    struct binding *bindings;
    size_t bindings_len;
    char *outbound_json;         /* its policy, or NULL */
    struct host_channel *egress; /* from its first request on */
    uint32_t *under_way;         /* ids of requests that are not answered yet */
    size_t under_way_len;
    mf_log_handler *on_log;
    void *log_ctx;
    mf_load_done *on_load;
    void *load_ctx;
    int result; /* once ENDED */
    struct mf_error *failure;
};

/* library.c */

/* Fills *error, if there is one, and returns `result`. */
int library_fail(struct mf_error *error, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint64_t library_now_ms(struct mf_loader *loader);
/* Something was queued on the loop: sees to it that it is noticed. */
void library_stir(struct mf_loader *loader);
/* Between these two the loader is in use on this thread, and callbacks come. `before` is what enter returned. */
struct library_before {
    bool was_running;
    struct mf_loader *inside;
};
struct library_before library_enter(struct mf_loader *loader);
void library_leave(struct mf_loader *loader, struct library_before before);
/* Whether this thread is between them. */
bool library_is_inside(const struct mf_loader *loader);
/* Runs the loop until *done. Returns 0, or -EBUSY inside a callback. */
int library_wait(struct mf_loader *loader, const bool *done, struct mf_error *error);
/* Takes an idle cell that is alive. Returns the descriptor of its channel, or -EAGAIN when there is none. */
int library_take_cell(struct mf_loader *loader, enum cell_role role, struct pool_cell *ret_cell);

/* library_code.c */

/* Checks the code and makes a LOAD frame's head and tail of it. Returns 0, -EINVAL or -ENOMEM; frees both else. */
int code_encode(const struct mf_code *code, struct buf *head, struct buf *tail, struct mf_error *error);

/* A limit as cells know it: 0 is none. */
static inline unsigned code_limit(unsigned limit, unsigned fallback) {
    return limit == MF_NO_LIMIT ? 0 : limit ? limit : fallback;
}

/* Whether the engine needs a thread for it. */
bool code_is_threaded(const struct mf_code *code);

/* library_worker.c */

/* Gives a waiting worker its cell. */
void worker_assign(struct mf_worker *worker, const struct pool_cell *cell, int fd);
/* Has a worker run that has started, once its way out has spoken. Returns whether it ran or ended: callbacks came then, and
   may have freed this worker or others. */
bool worker_go(struct mf_worker *worker);
/* A cell's wait status has come. */
void worker_died(struct mf_worker *worker, int status);
/* Ends a worker for a reason: its load and its calls fail with it. `death` may be NULL. The worker may be freed by one
   of the callbacks, but its memory stays until the loop's next turn. */
void worker_end(struct mf_worker *worker, int result, const char *death, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Notes what the cell did wrong; returns -EPROTO, which ends its channel. */
int worker_breach(struct mf_worker *worker, const char *what);
/* Sets the timer to what the state and the first call need. */
void worker_arm(struct mf_worker *worker);

/* library_outbound.c */

/* The frames that a worker with a way out may send besides the others. */
extern const uint32_t library_streams;
/* Starts the egress process unless it runs. Returns 0 or a negative errno. */
int outbound_prepare(struct mf_loader *loader, struct mf_error *error);
/* A frame of a request that the worker makes. Returns 0 or a negative errno. */
int worker_on_stream(struct mf_worker *worker, const struct frame *frame);
void worker_close_outbound(struct mf_worker *worker);

/* library_call.c */

/* Ends a list of calls, which is taken out of its worker already: a callback may free that. */
void calls_fail(struct pending_call *calls, int result, const struct mf_error *error);
/* Sends the calls that were made before there was a cell. Returns 0 or a negative errno. */
int calls_send_early(struct mf_worker *worker);
/* A new time begins for all calls, which were made before the worker had started. */
void calls_restart_deadlines(struct mf_worker *worker);
/* A RETURN or THROW. Returns 0, or -EPROTO with worker->breach set. */
int calls_on_answer(struct mf_worker *worker, const struct frame *frame, const char *head, size_t head_len);
/* Fills an error from {name, message, stack}, which a cell wrote. */
void error_from_head(const char *head, size_t head_len, struct mf_error *ret);

/* library_capability.c */

/* Returns NULL without memory. */
struct answers *answers_new(struct mf_loader *loader);
/* The loader is about to be freed, and has no worker any more. */
void answers_leave(struct answers *answers);
/* Sends what other threads have answered. */
void answers_deliver(struct answers *answers);
/* A CALL. Returns 0, -ENOMEM, or -EPROTO with worker->breach set. */
int capability_on_call(struct mf_worker *worker, const struct frame *frame, const char *head, size_t head_len);
/* A RESET: the worker gave a call up. Returns whether it is one of these calls. */
bool capability_on_reset(struct mf_worker *worker, uint32_t id);
/* The worker has ended: nobody waits for its calls any more. `result` is what it ended with. Callbacks may free it. */
void capability_orphan(struct mf_worker *worker, int result);
