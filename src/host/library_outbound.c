/* Part of libmayfly: the way out of workers. The requests of a worker go over its own channel to this process, and on
   to the egress process frame by frame as they are: one channel there for each worker, so ids and windows stay. */
#include "base/macros.h"
#include "host/library_private.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BIT(type) (1u << (type))

const uint32_t library_streams = BIT(FRAME_FETCH) | BIT(FRAME_DATA) | BIT(FRAME_STOP) | BIT(FRAME_WINDOW);
static const uint32_t from_egress =
    BIT(FRAME_RESPONSE) | BIT(FRAME_DATA) | BIT(FRAME_RESET) | BIT(FRAME_STOP) | BIT(FRAME_WINDOW);

/* Requests that one worker may have under way. */
#define UNDER_WAY_MAX 4096

/* --- The process ------------------------------------------------------------------------------------------------ */

/* Whoever waited for the process's word goes on; each may free others. */
static void spoken(struct mf_loader *loader) {
    loader->outbound_has_spoken = true;
    for (struct mf_worker *w = loader->workers; w; w = worker_go(w) ? loader->workers : w->next) {}
}

static void on_ready(void *context, const char *error) {
    struct mf_loader *loader = context;
    library_stir(loader);
    snprintf(loader->outbound_error, sizeof loader->outbound_error, "%s", error ? error : "");
    spoken(loader);
}

static void on_lost(void *context) {
    struct mf_loader *loader = context;
    library_stir(loader);
    outbound_free(loader->outbound);
    loader->outbound = NULL;
    spoken(loader);
}

int outbound_prepare(struct mf_loader *loader, struct mf_error *error) {
    static const struct outbound_handler handler = {on_ready, on_lost};
    if (loader->outbound) return 0;
    loader->outbound_has_spoken = false;
    struct outbound_config config = {.secrets_json = loader->secrets_json,
                                     .dns = loader->dns,
                                     .ca_file = loader->ca_file,
                                     .proxy = loader->proxy,
                                     .log_fd = loader->outbound_log_fd};
    int r = outbound_start(&loader->loop, &config, &handler, loader, &loader->outbound);
    return r < 0 ? library_fail(error, r, "cannot start the egress process: %s", strerror(-r)) : 0;
}

/* --- A worker's requests ---------------------------------------------------------------------------------------- */

static void forget(struct mf_worker *w, uint32_t id) {
    for (size_t i = 0; i < w->under_way_len; i++) {
        if (w->under_way[i] != id) continue;
        w->under_way[i] = w->under_way[--w->under_way_len];
        return;
    }
}

static int remember(struct mf_worker *w, uint32_t id) {
    if (w->under_way_len == UNDER_WAY_MAX) return -EPROTO;
    uint32_t *longer = realloc(w->under_way, (w->under_way_len + 1) * sizeof *longer);
    if (!longer) return -ENOMEM;
    w->under_way = longer;
    w->under_way[w->under_way_len++] = id;
    return 0;
}

/* A frame as it came: its payload is head and tail already, or raw. */
static int pass(struct host_channel *to, const struct frame *frame) {
    const char *head;
    const uint8_t *tail;
    uint32_t head_len, tail_len;
    int r = frame_split(frame, &head, &head_len, &tail, &tail_len);
    return r < 0 ? r
                 : host_channel_send(to, frame->type, frame->flags, frame->id, head_len ? head : "", head_len, tail,
                                     tail_len);
}

static int on_egress_frame(void *context, const struct frame *frame) {
    struct mf_worker *w = context;
    library_stir(w->loader);
    bool ends = frame->type == FRAME_RESET ||
                ((frame->type == FRAME_RESPONSE || frame->type == FRAME_DATA) && frame->flags & FRAME_FIN);
    if (ends) forget(w, frame->id);
    return w->channel ? pass(w->channel, frame) : 0;
}

static int fail_request(struct mf_worker *w, uint32_t id, const char *message) {
    struct buf head = {0};
    int r = buf_append_text(&head, "{\"name\":\"Error\",\"message\":");
    if (r == 0) r = buf_append_json(&head, message, strlen(message));
    if (r == 0) r = buf_append_text(&head, "}");
    if (r == 0)
        r = host_channel_send(w->channel, FRAME_RESET, 0, id, (const char *)buf_bytes(&head), buf_len(&head), NULL, 0);
    buf_done(&head);
    return r;
}

static const char *reason(const struct mf_worker *w) {
    return w->loader->outbound_error[0] ? w->loader->outbound_error
                                        : "The egress process ended while the request was under way.";
}

static void on_egress_closed(void *context, int error) {
    struct mf_worker *w = context;
    (void)error;
    library_stir(w->loader);
    worker_close_outbound(w);
    for (size_t i = 0; i < w->under_way_len && w->channel; i++) fail_request(w, w->under_way[i], reason(w));
    w->under_way_len = 0;
}

static int connect_worker(struct mf_worker *w) {
    static const struct host_channel_handler handler = {.on_frame = on_egress_frame, .on_closed = on_egress_closed};
    struct buf policies = {0};
    int r = outbound_prepare(w->loader, NULL);
    if (r == 0) r = buf_printf(&policies, "{\"outbound\":%s}", w->outbound_json);
    if (r == 0) r = buf_append(&policies, "", 1);
    if (r == 0) r = outbound_attach(w->loader->outbound, "", (const char *)buf_bytes(&policies));
    buf_done(&policies);
    if (r < 0) return r;
    w->egress = host_channel_new(&w->loader->loop, r, from_egress, &handler, w);
    if (w->egress) return 0;
    close(r);
    return -ENOMEM;
}

int worker_on_stream(struct mf_worker *w, const struct frame *frame) {
    if (frame->type == FRAME_FETCH) {
        int r = w->egress ? 0 : connect_worker(w);
        if (r < 0) return fail_request(w, frame->id, "The egress process cannot be started.");
        r = remember(w, frame->id);
        if (r < 0) return r;
    } else if (frame->type == FRAME_RESET || frame->type == FRAME_STOP) {
        forget(w, frame->id);
    }
    return w->egress ? pass(w->egress, frame) : 0;
}

void worker_close_outbound(struct mf_worker *w) {
    host_channel_free(w->egress);
    w->egress = NULL;
}
