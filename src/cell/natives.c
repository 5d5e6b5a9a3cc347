/* What the runtime gets from C: bytes and text, clocks, frames. runtime/native.d.ts says what each does, and is the
   contract. Runs in cells, on values that a worker may have made: every argument is checked. */
#include "base/macros.h"
#include "cell/budget.h"
#include "cell/cell.h"
#include "cell/clock.h"
#include "cell/parts.h"
#include "cell/unicode.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int refuse(struct engine_error *error, const char *text) {
    error->type = "TypeError";
    snprintf(error->message, sizeof error->message, "%s", text);
    return -EINVAL;
}

static struct engine_value number(double n) {
    return (struct engine_value){.kind = ENGINE_NUMBER, .number = n};
}

/* --- Text and bytes --------------------------------------------------------------------------------------------- */

/* Text arrives as UTF-8 already, so encoding is handing it back as bytes. */
static int utf8_encode(void *context, const struct engine_value *args, struct engine_value *ret,
                       struct engine_error *error) {
    (void)context;
    if (args[0].kind != ENGINE_TEXT) return refuse(error, "utf8Encode: a string is needed");
    *ret = (struct engine_value){.kind = ENGINE_BYTES, .data = args[0].data, .len = args[0].len};
    return 0;
}

static int utf8_length(void *context, const struct engine_value *args, struct engine_value *ret,
                       struct engine_error *error) {
    (void)context;
    if (args[0].kind != ENGINE_TEXT) return refuse(error, "utf8Length: a string is needed");
    *ret = number((double)args[0].len);
    return 0;
}

static int utf8_decode(void *context, const struct engine_value *args, struct engine_value *ret,
                       struct engine_error *error) {
    (void)context;
    if (args[0].kind != ENGINE_BYTES) return refuse(error, "utf8Decode: bytes are needed");
    if (args[1].number != 0 && !unicode_is_utf8(args[0].data, args[0].len)) {
        return refuse(error, "The encoded data was not valid for encoding utf-8");
    }
    *ret = (struct engine_value){.kind = ENGINE_TEXT, .data = args[0].data, .len = args[0].len};
    return 0;
}

static int fill_random(void *context, const struct engine_value *args, struct engine_value *ret,
                       struct engine_error *error) {
    (void)context;
    (void)ret;
    if (args[0].kind != ENGINE_BYTES) return refuse(error, "random: a view is needed");
    uint8_t *p = (uint8_t *)args[0].data;
    for (size_t done = 0; done < args[0].len;) {
        ssize_t n = getrandom(p + done, args[0].len - done, 0);
        CHECK(n > 0 || errno == EINTR);
        if (n > 0) done += (size_t)n;
    }
    return 0;
}

/* --- Clocks ----------------------------------------------------------------------------------------------------- */

static int wall_time(void *context, const struct engine_value *args, struct engine_value *ret,
                     struct engine_error *error) {
    (void)context, (void)args, (void)error;
    *ret = number(clock_frozen_wall_ms());
    return 0;
}

static int cpu_time(void *context, const struct engine_value *args, struct engine_value *ret, struct engine_error *error) {
    (void)context, (void)args, (void)error;
    *ret = number(budget_cpu_ms());
    return 0;
}

static int monotonic_time(void *context, const struct engine_value *args, struct engine_value *ret,
                          struct engine_error *error) {
    (void)context, (void)args, (void)error;
    *ret = number(clock_frozen_ms());
    return 0;
}

static int timer_time(void *context, const struct engine_value *args, struct engine_value *ret,
                      struct engine_error *error) {
    (void)context, (void)args, (void)error;
    *ret = number(clock_now_ms());
    return 0;
}

static int wake(void *context, const struct engine_value *args, struct engine_value *ret, struct engine_error *error) {
    struct cell *c = context;
    (void)ret;
    if (args[0].kind != ENGINE_NUMBER) return refuse(error, "wake: a number is needed");
    c->wake_ms = args[0].number;
    return 0;
}

/* --- Frames ----------------------------------------------------------------------------------------------------- */

static int send_frame(void *context, const struct engine_value *args, struct engine_value *ret,
                      struct engine_error *error) {
    struct cell *c = context;
    for (int i = 0; i < 4; i++) {
        if (args[i].kind != ENGINE_NUMBER) return refuse(error, "send: numbers are needed");
    }
    int type = (int)args[1].number;
    if (type <= 0 || type >= FRAME_TYPES) return refuse(error, "send: no such frame type");
    if (args[5].kind == ENGINE_BYTES && args[5].len > FRAME_LOAD_BYTES_MAX)
        return refuse(error, "send: frame too large");
    struct frame frame = {.type = (uint8_t)type,
                          .flags = (uint8_t)args[2].number,
                          .id = (uint32_t)args[3].number,
                          .payload = args[5].kind == ENGINE_BYTES ? args[5].data : NULL,
                          .payload_len = args[5].kind == ENGINE_BYTES ? (uint32_t)args[5].len : 0};
    bool has_head = args[4].kind == ENGINE_TEXT;
    long r = cell_send(c, (int)args[0].number, &frame, has_head ? args[4].data : "", has_head ? args[4].len : 0);
    if (r == -EMSGSIZE) {
        error->type = "RangeError";
        snprintf(error->message, sizeof error->message, "A %s message is too large.", frame_name(frame.type));
        return -EMSGSIZE;
    }
    if (args[0].number == 0) c->may_be_stuck = args[6].number != 0;
    *ret = number(r < 0 ? -1 : (double)r);
    return 0;
}

static int close_channel(void *context, const struct engine_value *args, struct engine_value *ret,
                         struct engine_error *error) {
    (void)ret;
    if (args[0].kind != ENGINE_NUMBER) return refuse(error, "close: a number is needed");
    cell_close(context, (int)args[0].number);
    return 0;
}

static int is_alive(void *context, const struct engine_value *args, struct engine_value *ret,
                    struct engine_error *error) {
    if (args[0].kind != ENGINE_NUMBER) return refuse(error, "isAlive: a number is needed");
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = cell_is_alive(context, (int)args[0].number)};
    return 0;
}

/* --- The rest --------------------------------------------------------------------------------------------------- */

static int evaluate(void *context, const struct engine_value *args, struct engine_value *ret,
                    struct engine_error *error) {
    struct cell *c = context;
    if (args[0].kind != ENGINE_TEXT || args[1].kind != ENGINE_TEXT)
        return refuse(error, "evaluate: strings are needed");
    return engine_evaluate(c->engine, &args[0], args[1].data, ret);
}

static int is_script(void *context, const struct engine_value *args, struct engine_value *ret,
                     struct engine_error *error) {
    struct cell *c = context;
    if (args[0].kind != ENGINE_TEXT) return refuse(error, "isScript: a string is needed");
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = engine_is_script(c->engine, &args[0])};
    return 0;
}

static int abort_isolate(void *context, const struct engine_value *args, struct engine_value *ret,
                         struct engine_error *error) {
    (void)ret;
    if (args[0].kind != ENGINE_TEXT) return refuse(error, "abort: a string is needed");
    cell_abort(context, args[0].data, args[0].len);
}

static int exit_now(void *context, const struct engine_value *args, struct engine_value *ret,
                    struct engine_error *error) {
    (void)context, (void)ret, (void)error;
    _exit((int)args[0].number);
}

static int collect(void *context, const struct engine_value *args, struct engine_value *ret,
                   struct engine_error *error) {
    struct cell *c = context;
    (void)ret, (void)error;
    bool is_full = args[0].kind == ENGINE_BOOLEAN && args[0].number != 0;
    if (c->wants_collection != COLLECT_ALL) c->wants_collection = is_full ? COLLECT_ALL : COLLECT_YOUNG; /* done by the loop: the engine takes what lies on the stack for pointers */
    return 0;
}

static int threaded(void *context, const struct engine_value *args, struct engine_value *ret,
                    struct engine_error *error) {
    struct cell *c = context;
    (void)args, (void)error;
    c->is_threaded = c->may_thread;
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = c->may_thread};
    return 0;
}

static int forbid_eval(void *context, const struct engine_value *args, struct engine_value *ret,
                       struct engine_error *error) {
    struct cell *c = context;
    (void)ret;
    if (args[0].kind != ENGINE_TEXT) return refuse(error, "forbidEval: a string is needed");
    engine_forbid_eval(c->engine, args[0].data);
    return 0;
}

static int is_host(void *context, const struct engine_value *args, struct engine_value *ret,
                   struct engine_error *error) {
    struct cell *c = context;
    (void)args, (void)error;
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = c->is_host};
    return 0;
}

static int set_budget(void *context, const struct engine_value *args, struct engine_value *ret,
                      struct engine_error *error) {
    struct cell *c = context;
    (void)ret;
    if (args[0].kind != ENGINE_NUMBER || args[1].kind != ENGINE_NUMBER)
        return refuse(error, "budget: numbers are needed");
    if (c->channels_len == 0) return 0; /* a rehearsal */
    budget_open(c->channels[0].fd);
    budget_set(args[0].number, args[1].number);
    c->memory_mb = args[1].number > 0 ? (unsigned)args[1].number : 0;
    return 0;
}

static int call_begins(void *context, const struct engine_value *args, struct engine_value *ret,
                       struct engine_error *error) {
    (void)context, (void)ret;
    if (args[0].kind != ENGINE_NUMBER) return refuse(error, "callBegins: a number is needed");
    budget_call(args[0].number);
    return 0;
}

void cell_natives_add(struct cell *c) {
    static const struct {
        const char *name;
        engine_native *call;
    } natives[] = {
        {"utf8Encode", utf8_encode}, {"utf8Length", utf8_length},
        {"utf8Decode", utf8_decode}, {"random", fill_random},
        {"wallTime", wall_time},     {"monotonicTime", monotonic_time},
        {"timerTime", timer_time},   {"wake", wake},
        {"send", send_frame},        {"close", close_channel},
        {"evaluate", evaluate},      {"isScript", is_script},
        {"isAlive", is_alive},
        {"exit", exit_now},          {"abort", abort_isolate},
                 {"collect", collect},
        {"threaded", threaded},      {"forbidEval", forbid_eval},
        {"isHost", is_host},         {"budget", set_budget},
        {"callBegins", call_begins}, {"cpuTime", cpu_time},
    };
    for (size_t i = 0; i < COUNT_OF(natives); i++) {
        CHECK(engine_native_add(c->engine, natives[i].name, natives[i].call, c) == 0);
    }
    cell_modules_add(c);
    cell_parts_add(c);
    cell_crypto_add(c);
    cell_compression_add(c);
    cell_websocket_add(c);
}
