/* The log of what left: one line of JSON for each exchange, with the names of the secrets that went along and never
   their values; also for the tails of who asked. Runs in the egress process. */
#include "base/line_log.h"
#include "host/egress_private.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct line_log file = {.fd = -1};

void log_open(int fd) {
    file.fd = fd;
}

static void put(struct buf *out, const char *key, const char *value) {
    buf_printf(out, ",\"%s\":", key);
    buf_append_json(out, value, strlen(value));
}

void log_exchange(const struct exchange *e, const char *why) {
    if (file.fd < 0 && !e->tells) return;
    struct buf line = {0};
    struct timespec now;
    struct tm tm;
    char stamp[32], address[ADDRESS_TEXT_MAX];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
    buf_printf(&line, "{\"time\":\"%s.%03ldZ\"", stamp, now.tv_nsec / 1000000);
    put(&line, "worker", e->tenant->worker);
    if (e->way) put(&line, "policy", e->way->name);
    if (e->caller) put(&line, "dynamicWorker", e->caller);
    if (e->rule) put(&line, "rule", e->rule->label);
    if (e->method) put(&line, "method", e->method);
    if (e->url.path) {
        put(&line, "scheme", e->url.is_https ? "https" : "http");
        put(&line, "host", e->url.host);
        buf_printf(&line, ",\"port\":%u", e->url.port);
        put(&line, "path", e->url.path);
    }
    if (e->address_at > 0) {
        address_print(&e->addresses[e->address_at - 1], address);
        put(&line, "address", address);
    }
    if (e->status) buf_printf(&line, ",\"status\":%d", e->status);
    buf_printf(&line, ",\"sentBytes\":%llu,\"receivedBytes\":%llu,\"ms\":%llu,\"redirects\":%u",
               (unsigned long long)e->sent, (unsigned long long)e->received,
               (unsigned long long)(uv_now(e->tenant->loop) - e->began_ms), e->redirects);
    buf_append_text(&line, ",\"secrets\":[");
    for (size_t i = 0; i < e->injected_len; i++) {
        if (i) buf_append_text(&line, ",");
        buf_append_json(&line, e->injected[i].secret->name, strlen(e->injected[i].secret->name));
    }
    buf_append_text(&line, "]");
    if (why) put(&line, "error", why);
    buf_append_text(&line, "}");
    if (e->tells && !e->tenant->is_gone) tenant_send(e->tenant, FRAME_LOG, 0, e->id, &line, NULL, 0);
    buf_append_text(&line, "\n");
    int64_t r = file.fd < 0 ? 0 : line_log_write(&file, &line);
    if (r < 0) fprintf(stderr, "mayfly: outbound log: lines are lost: %s\n", strerror((int)-r));
    if (r > 0) fprintf(stderr, "mayfly: outbound log: lines are written again; %lld were lost\n", (long long)r);
    buf_done(&line);
}
