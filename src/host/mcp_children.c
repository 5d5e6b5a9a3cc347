/* The keeper of the servers that `mayfly mcp` has started. It neither parses nor remembers what they say:

     GET /TOKEN/NAME    starts the source's command; the answer's body is its standard output, and its life: when the
                        body ends, or whoever reads it goes away, the process is ended. Empty lines show that it lives.
     POST /TOKEN/NAME   one message for its standard input: 202; 409 if it does not run, 503 if it does not read

   So what servers write is parsed in the host worker's cell alone, a crash of that cell ends them, and nobody without
   the token starts anything. Runs as a process of its own, between the command line and the servers: it is the
   subreaper of all that they start, so that nothing of them is left behind. */
#include "host/mcp_children.h"
#include "base/buf.h"
#include "base/macros.h"
#include "host/ingress.h"
#include "host/mcp_child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX (8u << 20)
#define OUTPUT_MARK_BYTES (256u << 10) /* that may wait for the worker before the server is held back */
#define ALIVE_MS          60000        /* below egress's limit of silence */
#define READER_MS         600000       /* a worker may be busy, but not longer */
#define SWEEPS_MAX        100

struct keeper {
    uv_loop_t loop;
    uv_signal_t interrupt, terminate, child;
    uv_pipe_t parent; /* ends with the command line */
    uv_timer_t alive;
    struct ingress *ingress;
    const struct mcp_project *project;     /* whose `children` is the token here */
    struct call *running[MCP_SOURCES_MAX]; /* each source's server, as the request that reads from it */
    bool is_stopping;
};

/* A request under way: one that reads from a server, or one with a message. */
struct call {
    struct keeper *keeper;
    struct ingress_req *req;
    size_t source;
    struct mcp_child *child; /* NULL: a message, or a server that has ended */
    bool is_reader;
    bool is_amid_line;
    struct buf message;
};

/* --- Ending ------------------------------------------------------------------------------------------------------ */

static void on_stopped(void *context) {
    struct keeper *k = context;
    uv_handle_t *handles[] = {(uv_handle_t *)&k->interrupt, (uv_handle_t *)&k->terminate, (uv_handle_t *)&k->parent,
                              (uv_handle_t *)&k->alive};
    for (size_t i = 0; i < COUNT_OF(handles); i++) uv_close(handles[i], NULL);
    uv_unref((uv_handle_t *)&k->child); /* the loop goes on as long as children have handles */
}

static void stop(struct keeper *k) {
    if (k->is_stopping) return;
    k->is_stopping = true;
    ingress_stop(k->ingress, 0, on_stopped, k);
}

static void on_signal(uv_signal_t *handle, int signal) {
    (void)signal;
    stop(handle->data);
}

static void on_child_signal(uv_signal_t *handle, int signal) {
    (void)handle;
    (void)signal;
    mcp_child_reap();
}

static void on_parent(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes) {
    (void)bytes;
    if (n < 0) stop(stream->data);
}

static void on_parent_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    static char room[16];
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(room, sizeof room);
}

/* What servers started and left became our child: it is ended as well. */
static void sweep(void) {
    for (int i = 0; i < SWEEPS_MAX; i++) {
        char path[64], text[4096];
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *file = fopen(path, "re");
        size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
        if (file) fclose(file);
        text[n] = 0;
        for (char *at = text, *end; *at; at = end) {
            long pid = strtol(at, &end, 10);
            if (end == at) break;
            if (pid > 0) kill((pid_t)pid, SIGKILL);
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) return;
        usleep(10000);
    }
}

/* --- Servers ----------------------------------------------------------------------------------------------------- */

static bool on_output(void *context, const void *data, size_t len) {
    struct call *call = context;
    call->is_amid_line = ((const char *)data)[len - 1] != '\n';
    ssize_t waiting = ingress_write(call->req, data, len);
    return waiting >= 0 && waiting <= OUTPUT_MARK_BYTES;
}

static void forget_child(struct call *call) {
    call->child = NULL;
    if (call->keeper->running[call->source] == call) call->keeper->running[call->source] = NULL;
}

static void on_end(void *context) {
    struct call *call = context;
    forget_child(call);
    ingress_end(call->req);
}

/* A server lives as long as somebody reads from it; of two readers, the later one counts. */
static void start_reading(struct call *call) {
    static const struct mcp_child_handler handler = {on_output, on_end};
    static const struct ingress_header type = {"content-type", 12, "application/x-ndjson", 20};
    struct keeper *k = call->keeper;
    struct call *before = k->running[call->source];
    if (before) {
        mcp_child_end(before->child);
        forget_child(before);
        ingress_end(before->req);
    }
    int r = mcp_child_start(&k->loop, &k->project->sources[call->source], &handler, call, &call->child);
    if (r < 0) {
        ingress_fail(call->req, 503, strerror(-r));
        return;
    }
    k->running[call->source] = call;
    ingress_respond(call->req, 200, NULL, &type, 1, -1, "\n", 1);
}

static void on_alive(uv_timer_t *timer) {
    struct keeper *k = timer->data;
    for (size_t i = 0; i < k->project->sources_len; i++) {
        struct call *call = k->running[i];
        if (call && !call->is_amid_line) ingress_write(call->req, "\n", 1);
    }
}

/* --- Requests ---------------------------------------------------------------------------------------------------- */

/* The source that a target names after the token; -1 for none. */
static int find_source(const struct keeper *k, const char *target) {
    size_t token_len = strlen(k->project->children);
    if (target[0] != '/' || strncmp(target + 1, k->project->children, token_len) != 0) return -1;
    if (target[1 + token_len] != '/') return -1;
    const char *name = target + token_len + 2;
    for (size_t i = 0; i < k->project->sources_len; i++) {
        const struct mcp_source *source = &k->project->sources[i];
        if (source->argv && strcmp(source->name, name) == 0) return (int)i;
    }
    return -1;
}

static void on_request(void *context, struct ingress_req *req) {
    struct keeper *k = context;
    int source = find_source(k, ingress_target(req));
    const char *method = ingress_method(req);
    bool is_reader = strcmp(method, "GET") == 0;
    struct call *call = source < 0 ? NULL : calloc(1, sizeof *call);
    if (!call || (!is_reader && strcmp(method, "POST") != 0)) {
        free(call);
        ingress_fail(req, source < 0 ? 404 : 405, "no such server");
        return;
    }
    *call = (struct call){.keeper = k, .req = req, .source = (size_t)source, .is_reader = is_reader};
    ingress_set_user(req, call);
    if (is_reader)
        start_reading(call);
    else if (ingress_body_len(req) == 0)
        ingress_fail(req, 400, "a message is wanted");
}

static size_t on_body(void *context, struct ingress_req *req, const uint8_t *data, size_t len) {
    (void)context;
    struct call *call = ingress_user(req);
    if (call && !call->is_reader && buf_append(&call->message, data, len) < 0) ingress_fail(req, 503, "no memory");
    return len;
}

static void on_body_end(void *context, struct ingress_req *req) {
    struct keeper *k = context;
    struct call *call = ingress_user(req);
    if (!call || call->is_reader) return;
    struct call *reader = k->running[call->source];
    int r = reader ? mcp_child_send(reader->child, buf_bytes(&call->message), buf_len(&call->message)) : -EPIPE;
    if (r < 0) {
        ingress_fail(req, r == -EPIPE ? 409 : 503, r == -EPIPE ? "it does not run" : "it does not read");
        return;
    }
    ingress_respond(req, 202, NULL, NULL, 0, 0, NULL, 0);
    ingress_end(req);
}

static void on_writable(void *context, struct ingress_req *req) {
    (void)context;
    struct call *call = ingress_user(req);
    if (call && call->child) mcp_child_resume(call->child);
}

static void on_gone(void *context, struct ingress_req *req) {
    (void)context;
    struct call *call = ingress_user(req);
    if (!call) return;
    if (call->child) {
        mcp_child_end(call->child);
        forget_child(call);
    }
    buf_done(&call->message);
    free(call);
}

/* --- The process ------------------------------------------------------------------------------------------------- */

static void watch(struct keeper *k, uv_signal_t *handle, uv_signal_cb cb, int signal) {
    CHECK(uv_signal_init(&k->loop, handle) == 0);
    handle->data = k;
    CHECK(uv_signal_start(handle, cb, signal) == 0);
}

static int listen_on_loopback(struct keeper *k) {
    static const struct ingress_handler handler = {on_request, on_body, on_body_end, on_writable, on_gone, on_gone};
    struct ingress_config config = {
        .address = "127.0.0.1", .body_bytes_max = MESSAGE_BYTES_MAX, .body_timeout_ms = READER_MS};
    return ingress_start(&k->loop, &config, &handler, k, &k->ingress);
}

/* `parent` is readable when the command line has ended; the port goes into `ready`. */
static _Noreturn void run_keeper(const struct mcp_project *project, int parent, int ready) {
    struct keeper *k = calloc(1, sizeof *k);
    CHECK(k);
    k->project = project;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK(uv_loop_init(&k->loop) == 0);
    watch(k, &k->interrupt, on_signal, SIGINT);
    watch(k, &k->terminate, on_signal, SIGTERM);
    watch(k, &k->child, on_child_signal, SIGCHLD);
    CHECK(uv_pipe_init(&k->loop, &k->parent, 0) == 0 && uv_pipe_open(&k->parent, parent) == 0);
    k->parent.data = k;
    uv_read_start((uv_stream_t *)&k->parent, on_parent_room, on_parent);
    CHECK(uv_timer_init(&k->loop, &k->alive) == 0);
    k->alive.data = k;
    uv_timer_start(&k->alive, on_alive, ALIVE_MS, ALIVE_MS);
    int r = listen_on_loopback(k);
    int32_t said = r < 0 ? r : ingress_port(k->ingress);
    if (write(ready, &said, sizeof said) != sizeof said || r < 0) exit(1);
    close(ready);
    uv_run(&k->loop, UV_RUN_DEFAULT);
    sweep();
    exit(0);
}

pid_t mcp_children_start(const struct mcp_project *project, uint16_t *ret_port) {
    int life[2], ready[2];
    if (pipe2(life, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0) return -errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) {
        close(life[1]);
        close(ready[0]);
        run_keeper(project, life[0], ready[1]);
    }
    close(life[0]); /* life[1] stays open as long as this process lives */
    close(ready[1]);
    int32_t said;
    ssize_t n;
    do n = read(ready[0], &said, sizeof said);
    while (n < 0 && errno == EINTR);
    close(ready[0]);
    if (n != sizeof said) said = -EIO;
    if (said < 0) {
        waitpid(pid, NULL, 0);
        return said;
    }
    *ret_port = (uint16_t)said;
    return pid;
}
