/* Part of libmayfly: calls of a worker to the host's capabilities. What comes from the cell is hostile: checked as JSON
   before anybody sees it, bounded in number. An answer may come from any thread, also when worker and loader are gone:

       waiting --answer on the loader's thread, inside of the library--> sent and freed
          '------answer elsewhere--> queued --the loader's kick--> sent and freed

   A call is freed by its answer alone, so that whoever has it may ask whether it was cancelled. Everything but the
   struct answers and what stands under its lock belongs to the loader's thread. */
#include "base/macros.h"
#include "host/library_private.h"
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

/* Calls of one worker that may wait for their answers, cancelled ones among them. */
#define INCOMING_MAX 1024

struct mf_call {
    struct answers *answers;
    struct mf_worker *worker; /* NULL once that has ended */
    struct mf_call *next;     /* of the worker's */
    uint32_t id;
    char *method, *args;
    atomic_bool is_cancelled;
    int cancel_result;
    mf_cancel_handler *on_cancel; /* NULL from the answer on */
    void *cancel_ctx;
    struct mf_call *next_answer; /* while it is queued: with this frame */
    uint8_t type;
    struct buf head;
};

/* --- The queue of answers --------------------------------------------------------------------------------------- */

struct answers *answers_new(struct mf_loader *loader) {
    struct answers *answers = calloc(1, sizeof *answers);
    pthread_mutexattr_t recursive;
    if (!answers) return NULL;
    *answers = (struct answers){.refs = 1, .loader = loader, .end = &answers->first};
    CHECK(pthread_mutexattr_init(&recursive) == 0);
    CHECK(pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE) == 0);
    CHECK(pthread_mutex_init(&answers->lock, &recursive) == 0);
    pthread_mutexattr_destroy(&recursive);
    return answers;
}

static void lock(struct answers *answers) {
    CHECK(pthread_mutex_lock(&answers->lock) == 0);
}

static void unlock(struct answers *answers) {
    CHECK(pthread_mutex_unlock(&answers->lock) == 0);
}

static void unref(struct answers *answers) {
    lock(answers);
    bool is_last = --answers->refs == 0;
    unlock(answers);
    if (!is_last) return;
    pthread_mutex_destroy(&answers->lock);
    free(answers);
}

static struct mf_call *take_queued(struct answers *answers) {
    lock(answers);
    struct mf_call *queued = answers->first;
    answers->first = NULL;
    answers->end = &answers->first;
    unlock(answers);
    return queued;
}

static void free_call(struct mf_call *call) {
    unref(call->answers);
    buf_done(&call->head);
    free(call->method);
    free(call->args);
    free(call);
}

void answers_leave(struct answers *answers) {
    if (!answers) return;
    lock(answers);
    answers->loader = NULL;
    unlock(answers);
    for (struct mf_call *call = take_queued(answers), *next; call; call = next) {
        next = call->next_answer;
        free_call(call);
    }
    unref(answers);
}

/* --- Answers ---------------------------------------------------------------------------------------------------- */

static int send_answer(struct mf_worker *w, uint8_t type, uint32_t id, const char *head, size_t head_len) {
    library_stir(w->loader);
    return host_channel_send(w->channel, type, 0, id, head, head_len, NULL, 0);
}

/* Takes a call out of its worker's list. Returns the worker if it still waits. */
static struct mf_worker *leave(struct mf_call *call) {
    struct mf_worker *w = call->worker;
    if (!w) return NULL;
    struct mf_call **place = &w->incoming;
    while (*place != call) place = &(*place)->next;
    *place = call->next;
    w->incoming_len--;
    return w->channel && !call->is_cancelled ? w : NULL;
}

/* A worker that does not read what it asked for loses its channel for that, so a failure is nobody else's affair. */
static void deliver(struct mf_call *call, uint8_t type, const char *head, size_t head_len) {
    struct mf_worker *w = leave(call);
    if (w) send_answer(w, type, call->id, head, head_len);
    free_call(call);
}

void answers_deliver(struct answers *answers) {
    for (struct mf_call *call = take_queued(answers), *next; call; call = next) {
        next = call->next_answer;
        deliver(call, call->type, (const char *)buf_bytes(&call->head), buf_len(&call->head));
    }
}

/* Answers with a frame whose head is borrowed, at once or by way of the queue; frees the call. */
static int answer(struct mf_call *call, uint8_t type, const char *head, size_t head_len) {
    struct answers *answers = call->answers;
    lock(answers);
    call->on_cancel = NULL;
    if (!answers->loader || library_is_inside(answers->loader)) {
        bool is_orphan = !answers->loader;
        unlock(answers);
        if (is_orphan)
            free_call(call);
        else
            deliver(call, type, head, head_len);
        return 0;
    }
    int r = buf_append(&call->head, head, head_len);
    call->type = type;
    *answers->end = call;
    answers->end = &call->next_answer;
    uv_async_send(&answers->loader->kick);
    unlock(answers);
    return r;
}

static int encode_error(struct buf *out, const char *name, const char *message) {
    int r = buf_append_text(out, "{\"name\":");
    if (r == 0) r = buf_append_json(out, name, strlen(name));
    if (r == 0) r = buf_append_text(out, ",\"message\":");
    if (r == 0) r = buf_append_json(out, message, strlen(message));
    return r == 0 ? buf_append_text(out, "}") : r;
}

static int answer_error(struct mf_call *call, const char *name, const char *message) {
    struct buf head = {0};
    int r = encode_error(&head, name, message);
    if (r == 0 && buf_len(&head) > FRAME_HEAD_BYTES_MAX) r = -EMSGSIZE;
    if (r == 0)
        answer(call, FRAME_THROW, (const char *)buf_bytes(&head), buf_len(&head));
    else
        answer(call, FRAME_THROW, "{}", 2);
    buf_done(&head);
    return r;
}

int mf_call_return(struct mf_call *call, const char *json) {
    struct json_slice value;
    if (!json) json = "null";
    if (json_text_check(json, strlen(json), &value) < 0) {
        answer_error(call, "TypeError", "The capability's result is not JSON.");
        return -EINVAL;
    }
    if (value.len > FRAME_VALUE_BYTES_MAX - 4) {
        answer_error(call, "RangeError", "The capability's result is too large.");
        return -EMSGSIZE;
    }
    return answer(call, FRAME_RETURN, value.data, value.len);
}

int mf_call_throw(struct mf_call *call, const char *name, const char *message) {
    return answer_error(call, name ? name : "Error", message ? message : "");
}

/* --- Cancellation ----------------------------------------------------------------------------------------------- */

/* The handler may answer the call, and free its worker. It runs under the lock, so that none comes after an answer. */
static void cancel(struct mf_call *call, int result) {
    struct answers *answers = call->answers;
    lock(answers);
    mf_cancel_handler *handler = call->on_cancel;
    call->on_cancel = NULL;
    call->cancel_result = result;
    call->is_cancelled = true;
    if (handler) handler(call->cancel_ctx, call, result);
    unlock(answers);
}

void mf_call_on_cancel(struct mf_call *call, mf_cancel_handler *handler, void *ctx) {
    bool is_late = call->is_cancelled;
    call->on_cancel = handler;
    call->cancel_ctx = ctx;
    if (is_late) cancel(call, call->cancel_result);
}

int mf_call_is_cancelled(const struct mf_call *call) {
    return call->is_cancelled;
}

void capability_orphan(struct mf_worker *w, int result) {
    while (w->incoming) {
        struct mf_call *call = w->incoming;
        w->incoming = call->next;
        w->incoming_len--;
        call->worker = NULL;
        if (!call->is_cancelled) cancel(call, result);
    }
}

/* --- What the worker says --------------------------------------------------------------------------------------- */

static struct mf_call *find_call(const struct mf_worker *w, uint32_t id) {
    struct mf_call *call = w->incoming;
    while (call && call->id != id) call = call->next;
    return call;
}

/* The call stays until it is answered, and counts until then: the host may still be busy with it. */
bool capability_on_reset(struct mf_worker *w, uint32_t id) {
    struct mf_call *call = find_call(w, id);
    if (call && !call->is_cancelled) cancel(call, -ECANCELED);
    return call != NULL;
}

static const struct binding *find_binding(const struct mf_worker *w, const char *name) {
    for (size_t i = 0; i < w->bindings_len; i++) {
        if (strcmp(w->bindings[i].name, name) == 0) return &w->bindings[i];
    }
    return NULL;
}

static int begin_call(struct mf_worker *w, const struct binding *binding, uint32_t id, struct json_slice method,
                      struct json_slice args) {
    struct answers *answers = w->loader->answers;
    struct mf_call *call = calloc(1, sizeof *call);
    if (!call) return -ENOMEM;
    *call = (struct mf_call){.answers = answers,
                             .worker = w,
                             .next = w->incoming,
                             .id = id,
                             .method = json_text_copy(method),
                             .args = strndup(args.data, args.len)};
    lock(answers);
    answers->refs++;
    unlock(answers);
    if (!call->method || !call->args) {
        free_call(call);
        return -ENOMEM;
    }
    w->incoming = call;
    w->incoming_len++;
    binding->handler(binding->ctx, call, call->method, call->args);
    return 0;
}

static int refuse(struct mf_worker *w, uint32_t id, const char *name, const char *message) {
    struct buf head = {0};
    int r = encode_error(&head, name, message);
    if (r == 0) r = send_answer(w, FRAME_THROW, id, (const char *)buf_bytes(&head), buf_len(&head));
    buf_done(&head);
    return r;
}

int capability_on_call(struct mf_worker *w, const struct frame *frame, const char *head, size_t head_len) {
    struct json_slice value, name, method, args;
    if (frame->id % 2 == 0 || find_call(w, frame->id)) return worker_breach(w, "a CALL whose id is not its own");
    if (json_text_check(head, head_len, &value) < 0 || !json_text_member(value, "binding", &name) ||
        !json_text_member(value, "method", &method) || !json_text_is_string(method) ||
        !json_text_member(value, "args", &args) || !json_text_is_array(args)) {
        return worker_breach(w, "a CALL without binding, method and arguments");
    }
    char *binding_name = json_text_copy(name);
    if (!binding_name) return -ENOMEM;
    const struct binding *binding = find_binding(w, binding_name);
    free(binding_name);
    if (!binding) return worker_breach(w, "a CALL of a binding that it does not have");
    if (w->incoming_len >= INCOMING_MAX) {
        return refuse(w, frame->id, "RangeError", "Too many calls of capabilities wait for their answers.");
    }
    return begin_call(w, binding, frame->id, method, args);
}
