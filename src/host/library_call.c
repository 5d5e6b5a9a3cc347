/* Part of libmayfly: calls of the host to a worker. What comes from the cell is hostile: checked as JSON before anybody
   sees it, matched against what was asked. */
#include "base/macros.h"
#include "host/library_private.h"
#include <errno.h>
#include <string.h>

void error_from_head(const char *head, size_t head_len, struct mf_error *ret) {
    struct json_slice value, member;
    *ret = (struct mf_error){.name = "Error"};
    if (json_text_check(head, head_len, &value) < 0) {
        snprintf(ret->message, sizeof ret->message, "the worker threw something that is not JSON");
        return;
    }
    if (json_text_member(value, "name", &member) && json_text_is_string(member))
        json_text_decode(member, ret->name, sizeof ret->name);
    if (json_text_member(value, "message", &member)) json_text_decode(member, ret->message, sizeof ret->message);
    if (json_text_member(value, "stack", &member)) json_text_decode(member, ret->stack, sizeof ret->stack);
}

/* --- The host calls --------------------------------------------------------------------------------------------- */

static void free_pending(struct pending_call *call) {
    buf_done(&call->head);
    free(call);
}

void calls_fail(struct pending_call *calls, int result, const struct mf_error *error) {
    while (calls) {
        struct pending_call *call = calls;
        calls = call->next;
        call->done(call->ctx, result, NULL, error);
        free_pending(call);
    }
}

void calls_restart_deadlines(struct mf_worker *w) {
    uint64_t deadline_ms = library_now_ms(w->loader) + w->wall_ms;
    for (struct pending_call *call = w->calls; call; call = call->next) call->deadline_ms = deadline_ms;
}

static int send_call(struct mf_worker *w, struct pending_call *call) {
    int r = host_channel_send(w->channel, FRAME_CALL, 0, call->id, (const char *)buf_bytes(&call->head),
                              buf_len(&call->head), NULL, 0);
    buf_done(&call->head);
    return r;
}

int calls_send_early(struct mf_worker *w) {
    int r = 0;
    for (struct pending_call *call = w->calls; call && r == 0; call = call->next) r = send_call(w, call);
    return r;
}

/* Takes the call with this id out of the list; NULL if there is none. */
static struct pending_call *take_pending(struct mf_worker *w, uint32_t id) {
    struct pending_call **place = &w->calls;
    while (*place && (*place)->id != id) place = &(*place)->next;
    struct pending_call *call = *place;
    if (!call) return NULL;
    *place = call->next;
    if (!*place) w->calls_end = place;
    worker_arm(w);
    return call;
}

static void finish(struct pending_call *call, bool is_return, const char *head, size_t head_len) {
    struct mf_error error;
    struct json_slice value;
    if (!is_return) {
        error_from_head(head, head_len, &error);
        call->done(call->ctx, -EREMOTEIO, NULL, &error);
        return;
    }
    if (json_text_check(head, head_len, &value) < 0) {
        library_fail(&error, -EBADMSG, "the worker's result is not JSON");
        call->done(call->ctx, -EBADMSG, NULL, &error);
        return;
    }
    char *json = strndup(value.data, value.len);
    if (json) {
        call->done(call->ctx, 0, json, NULL);
    } else {
        library_fail(&error, -ENOMEM, "out of memory");
        call->done(call->ctx, -ENOMEM, NULL, &error);
    }
    free(json);
}

int calls_on_answer(struct mf_worker *w, const struct frame *frame, const char *head, size_t head_len) {
    struct pending_call *call = take_pending(w, frame->id);
    if (!call) return worker_breach(w, "an answer to a call that was not made");
    finish(call, frame->type == FRAME_RETURN, head, head_len);
    free_pending(call);
    return 0;
}

static int append_string(struct buf *out, const char *text) {
    return text ? buf_append_json(out, text, strlen(text)) : buf_append_text(out, "null");
}

/* Makes the head of a CALL; `args` and `props` are checked. */
static int encode_call(struct buf *head, const char *entrypoint, const char *method, struct json_slice args,
                       struct json_slice props) {
    int r = buf_append_text(head, "{\"entrypoint\":");
    if (r == 0) r = append_string(head, entrypoint);
    if (r == 0) r = buf_append_text(head, ",\"method\":");
    if (r == 0) r = append_string(head, method);
    if (r == 0) r = buf_append_text(head, ",\"props\":");
    if (r == 0) r = buf_append(head, props.data, props.len);
    if (r == 0) r = buf_append_text(head, ",\"args\":");
    if (r == 0) r = buf_append(head, args.data, args.len);
    return r == 0 ? buf_append_text(head, "}") : r;
}

static int make_call(const struct mf_target *target, const char *method, const char *args_json,
                     struct pending_call **ret, struct mf_error *error) {
    static const struct mf_target default_export;
    if (!target) target = &default_export;
    if (!args_json) args_json = "[]";
    const char *props_json = target->props_json ? target->props_json : "{}";
    struct json_slice args, props;
    if (!method) return library_fail(error, -EINVAL, "method: a name, or \"\", is needed");
    if (json_text_check(args_json, strlen(args_json), &args) < 0 || !json_text_is_array(args)) {
        return library_fail(error, -EINVAL, "args_json is not a JSON array");
    }
    if (json_text_check(props_json, strlen(props_json), &props) < 0) {
        return library_fail(error, -EINVAL, "props_json is not JSON");
    }
    struct pending_call *call = calloc(1, sizeof *call);
    if (!call || encode_call(&call->head, target->entrypoint, method, args, props) < 0) {
        if (call) free_pending(call);
        return library_fail(error, -ENOMEM, "out of memory");
    }
    if (buf_len(&call->head) > FRAME_VALUE_BYTES_MAX - 4) {
        free_pending(call);
        return library_fail(error, -EINVAL, "args_json is larger than %u bytes", FRAME_VALUE_BYTES_MAX);
    }
    *ret = call;
    return 0;
}

static int fail_as_ended(const struct mf_worker *w, struct mf_error *error) {
    if (error && w->failure) *error = *w->failure;
    if (!w->failure) library_fail(error, w->result, "the worker has ended");
    return w->result;
}

int mf_worker_call_start(struct mf_worker *w, const struct mf_target *target, const char *method, const char *args_json,
                         mf_call_done *done, void *ctx, struct mf_error *error) {
    struct pending_call *call = NULL;
    int r = make_call(target, method, args_json, &call, error);
    if (r < 0) return r;
    if (w->state >= WORKER_ENDED) {
        free_pending(call);
        return fail_as_ended(w, error);
    }
    call->id = w->next_id += 2;
    call->done = done;
    call->ctx = ctx;
    call->deadline_ms = library_now_ms(w->loader) + w->wall_ms;
    if (w->state == WORKER_STARTING || w->state == WORKER_RUNNING) r = send_call(w, call);
    if (r < 0) {
        free_pending(call);
        return library_fail(error, r, "the call cannot be sent: %s", strerror(-r));
    }
    *w->calls_end = call;
    w->calls_end = &call->next;
    w->police.is_called = true;
    worker_arm(w);
    return 0;
}

struct call_wait {
    bool done;
    int result;
    char *json;
    struct mf_error *error;
};

static void on_call_waited(void *ctx, int result, const char *json, const struct mf_error *error) {
    struct call_wait *wait = ctx;
    wait->done = true;
    wait->result = result;
    if (result < 0 && wait->error) *wait->error = *error;
    if (result < 0) return;
    wait->json = strdup(json);
    if (!wait->json) wait->result = library_fail(wait->error, -ENOMEM, "out of memory");
}

int mf_worker_call(struct mf_worker *w, const struct mf_target *target, const char *method, const char *args_json,
                   char **ret_json, struct mf_error *error) {
    struct call_wait wait = {.error = error};
    struct mf_loader *loader = w->loader;
    if (loader->is_running) return library_wait(loader, &wait.done, error);
    int r = mf_worker_call_start(w, target, method, args_json, on_call_waited, &wait, error);
    if (r < 0) return r;
    r = library_wait(loader, &wait.done, error);
    CHECK(r == 0);
    if (wait.result == 0) *ret_json = wait.json;
    return wait.result;
}
