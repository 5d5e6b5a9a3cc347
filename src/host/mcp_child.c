/* One server over standard input and output; see mcp_child.h.

   A child is made with three pipes and a process, and goes when none of them is left:

     running --its output ends, or mcp_child_end (and SIGTERM)--> ending: input closed --a second--> SIGKILL for the
     group, pipes closed --reaped, all handles closed--> freed

   Invariants: pid is 0 once the process was reaped; after that its group is signalled no more, for its number may be
   another's. handler is NULL once it may not be called. */
#include "host/mcp_child.h"
#include "base/buf.h"
#include "base/macros.h"
#include "host/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_MS        1000
#define INPUT_BYTES_MAX (16u << 20)  /* that it has not read yet */
#define ERROR_BYTES_MAX (256u << 10) /* of its standard error, shown in all */
#define ERROR_LINE_MAX  1000
#define READ_BYTES      65536

enum { INPUT, OUTPUT, ERRORS, PIPES };

struct mcp_child {
    const struct mcp_source *source;
    const struct mcp_child_handler *handler;
    void *context;
    pid_t pid;
    uv_pipe_t pipes[PIPES];
    uv_timer_t grace;
    unsigned open_handles;
    bool is_ending, was_asked;
    struct buf errors; /* a line that has not ended yet */
    size_t errors_shown;
    struct mcp_child *next;
};

static struct mcp_child *children;
static char read_room[READ_BYTES]; /* libuv reads one after the other */

/* --- Ending ------------------------------------------------------------------------------------------------------ */

static void free_if_gone(struct mcp_child *c) {
    if (c->open_handles > 0 || c->pid > 0) return;
    for (struct mcp_child **at = &children; *at; at = &(*at)->next) {
        if (*at != c) continue;
        *at = c->next;
        break;
    }
    buf_done(&c->errors);
    free(c);
}

static void on_closed(uv_handle_t *handle) {
    struct mcp_child *c = handle->data;
    c->open_handles--;
    free_if_gone(c);
}

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

/* Whatever of it still runs, or holds its pipes, is not waited for. */
static void on_grace(uv_timer_t *timer) {
    struct mcp_child *c = timer->data;
    if (c->pid > 0) kill(-c->pid, SIGKILL);
    for (size_t i = 0; i < PIPES; i++) close_handle((uv_handle_t *)&c->pipes[i]);
    close_handle((uv_handle_t *)timer);
}

static void begin_end(struct mcp_child *c) {
    if (c->is_ending) return;
    c->is_ending = true;
    close_handle((uv_handle_t *)&c->pipes[INPUT]);
    uv_timer_start(&c->grace, on_grace, GRACE_MS, 0);
}

void mcp_child_end(struct mcp_child *c) {
    c->handler = NULL;
    c->was_asked = true;
    uv_read_stop((uv_stream_t *)&c->pipes[OUTPUT]);
    if (c->pid > 0) kill(-c->pid, SIGTERM);
    begin_end(c);
}

static void output_ended(struct mcp_child *c) {
    const struct mcp_child_handler *handler = c->handler;
    c->handler = NULL;
    begin_end(c);
    if (c->pid == 0) on_grace(&c->grace);
    if (handler) handler->on_end(c->context);
}

static void reaped(struct mcp_child *c, int status) {
    if (!c->was_asked && WIFEXITED(status))
        fprintf(stderr, "%s: the server has ended with status %d\n", c->source->name, WEXITSTATUS(status));
    else if (!c->was_asked)
        fprintf(stderr, "%s: the server was ended by signal %d\n", c->source->name, WTERMSIG(status));
    begin_end(c);
    c->pid = 0;
    if (c->handler == NULL) on_grace(&c->grace); /* else what it wrote before may still be in the pipe */
    free_if_gone(c);
}

void mcp_child_reap(void) {
    for (;;) {
        siginfo_t info = {0};
        /* The group is ended while its leader, not yet reaped, keeps its number from others. */
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
        struct mcp_child *c = children;
        while (c && c->pid != info.si_pid) c = c->next;
        if (c) kill(-c->pid, SIGKILL);
        int status = 0;
        waitpid(info.si_pid, &status, 0);
        if (c) reaped(c, status);
    }
}

unsigned mcp_child_count(void) {
    unsigned n = 0;
    for (struct mcp_child *c = children; c; c = c->next) n++;
    return n;
}

/* --- What it says ------------------------------------------------------------------------------------------------ */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    (void)handle;
    (void)suggested;
    *ret = uv_buf_init(read_room, sizeof read_room);
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes) {
    struct mcp_child *c = stream->data;
    if (n == 0) return;
    if (n < 0) {
        uv_read_stop(stream);
        output_ended(c);
    } else if (c->handler && !c->handler->on_output(c->context, bytes->base, (size_t)n)) {
        uv_read_stop(stream);
    }
}

void mcp_child_resume(struct mcp_child *c) {
    uv_read_start((uv_stream_t *)&c->pipes[OUTPUT], on_room, on_output);
}

static void show_error_line(struct mcp_child *c, size_t len) {
    if (len == 0 || c->errors_shown >= ERROR_BYTES_MAX) return;
    c->errors_shown += len + 1;
    char line[ERROR_LINE_MAX + 1];
    memcpy(line, buf_bytes(&c->errors), len);
    line[len] = 0;
    fprintf(stderr, "%s: ", c->source->name);
    terminal_print(stderr, line);
    fputs(c->errors_shown < ERROR_BYTES_MAX ? "\n" : "\n(it writes too much here: the rest is left out)\n", stderr);
}

static void show_errors(struct mcp_child *c, bool has_ended) {
    while (buf_len(&c->errors) > 0) {
        const uint8_t *line = buf_bytes(&c->errors), *end = memchr(line, '\n', buf_len(&c->errors));
        size_t len = end ? (size_t)(end - line) : buf_len(&c->errors);
        if (!end && len < ERROR_LINE_MAX && !has_ended) return;
        size_t shown = len < ERROR_LINE_MAX ? len : ERROR_LINE_MAX;
        show_error_line(c, shown > 0 && line[shown - 1] == '\r' ? shown - 1 : shown);
        buf_consume(&c->errors, end && shown == len ? len + 1 : shown);
    }
}

static void on_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes) {
    struct mcp_child *c = stream->data;
    if (n > 0 && c->errors_shown < ERROR_BYTES_MAX) CHECK(buf_append(&c->errors, bytes->base, (size_t)n) == 0);
    show_errors(c, n < 0);
    if (n < 0) uv_read_stop(stream);
}

/* --- What it is told --------------------------------------------------------------------------------------------- */

struct message {
    uv_write_t write;
    char bytes[];
};

static void on_written(uv_write_t *write, int status) {
    (void)status; /* a server that closed its input is noticed by its silence, or its end */
    free(CONTAINER_OF(write, struct message, write));
}

int mcp_child_send(struct mcp_child *c, const void *bytes, size_t len) {
    uv_stream_t *input = (uv_stream_t *)&c->pipes[INPUT];
    if (c->is_ending || !uv_is_writable(input)) return -EPIPE;
    if (uv_stream_get_write_queue_size(input) + len > INPUT_BYTES_MAX) return -ENOBUFS;
    struct message *message = malloc(sizeof *message + len + 1);
    if (!message) return -ENOMEM;
    memcpy(message->bytes, bytes, len);
    message->bytes[len] = '\n';
    uv_buf_t part = uv_buf_init(message->bytes, (unsigned)len + 1);
    int r = uv_write(&message->write, input, &part, 1, on_written);
    if (r < 0) free(message);
    return r < 0 ? -EPIPE : 0;
}

/* --- Starting ---------------------------------------------------------------------------------------------------- */

/* Runs in the new process. */
static _Noreturn void become(const struct mcp_source *source, const int fds[PIPES]) {
    sigset_t none;
    sigemptyset(&none);
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < PIPES; i++) dup2(fds[i], i); /* they are above the three: standard ones are open */
    close_range(PIPES, ~0u, 0);
    if (source->cwd && chdir(source->cwd) < 0) {
        fprintf(stderr, "cannot start in %s: %s\n", source->cwd, strerror(errno));
        _exit(127);
    }
    environ = source->env;
    execvp(source->argv[0], source->argv);
    fprintf(stderr, "cannot start %s: %s\n", source->argv[0], strerror(errno));
    _exit(127);
}

static void close_all(int pipes[PIPES][2]) {
    for (size_t i = 0; i < PIPES; i++) {
        if (pipes[i][0] >= 0) close(pipes[i][0]);
        if (pipes[i][1] >= 0) close(pipes[i][1]);
    }
}

/* Makes the process, and our ends of its pipes. */
static int spawn(const struct mcp_source *source, pid_t *ret_pid, int ret_fds[PIPES]) {
    int pipes[PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    for (size_t i = 0; i < PIPES; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) == 0) continue;
        int r = -errno;
        close_all(pipes);
        return r;
    }
    const int theirs[PIPES] = {pipes[INPUT][0], pipes[OUTPUT][1], pipes[ERRORS][1]};
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        int r = -errno;
        close_all(pipes);
        return r;
    }
    if (pid == 0) become(source, theirs);
    setpgid(pid, pid); /* here too, so that it has its group before anybody signals that */
    for (size_t i = 0; i < PIPES; i++) close(theirs[i]);
    ret_fds[INPUT] = pipes[INPUT][1];
    ret_fds[OUTPUT] = pipes[OUTPUT][0];
    ret_fds[ERRORS] = pipes[ERRORS][0];
    *ret_pid = pid;
    return 0;
}

int mcp_child_start(uv_loop_t *loop, const struct mcp_source *source, const struct mcp_child_handler *handler,
                    void *context, struct mcp_child **ret) {
    struct mcp_child *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    int fds[PIPES];
    int r = spawn(source, &c->pid, fds);
    if (r < 0) {
        free(c);
        return r;
    }
    c->source = source;
    c->handler = handler;
    c->context = context;
    c->next = children;
    children = c;
    for (size_t i = 0; i < PIPES; i++) {
        CHECK(uv_pipe_init(loop, &c->pipes[i], 0) == 0 && uv_pipe_open(&c->pipes[i], fds[i]) == 0);
        c->pipes[i].data = c;
        c->open_handles++;
    }
    CHECK(uv_timer_init(loop, &c->grace) == 0);
    c->grace.data = c;
    c->open_handles++;
    uv_read_start((uv_stream_t *)&c->pipes[OUTPUT], on_room, on_output);
    uv_read_start((uv_stream_t *)&c->pipes[ERRORS], on_room, on_errors);
    *ret = c;
    return 0;
}
