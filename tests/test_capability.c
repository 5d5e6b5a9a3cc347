/* Capabilities of include/mayfly.h: calls of real workers that a C program answers, at once, later, from other threads,
   or not at all. */
#include "tests/library_fixture.h"
#include <pthread.h>

static struct mf_call *kept;

static void shop(void *ctx, struct mf_call *called, const char *method, const char *args) {
    snprintf(asked.text, sizeof asked.text, "%s.%s%s", (const char *)ctx, method, args);
    if (strcmp(method, "price") == 0)
        mf_call_return(called, "0.25");
    else if (strcmp(method, "nothing") == 0)
        mf_call_return(called, NULL);
    else if (strcmp(method, "garbage") == 0)
        mf_call_return(called, "{\"a\":");
    else if (strcmp(method, "later") == 0)
        kept = called;
    else if (strcmp(method, "answer") == 0) {
        mf_call_return(kept, args);
        mf_call_return(called, "true");
    } else
        mf_call_throw(called, "TypeError", "no such thing");
}

static struct mf_worker *load_with_shop(const char *source) {
    static struct mf_capability capability = {"SHOP", shop, "shop"};
    begin(source);
    code.capabilities = &capability;
    code.capabilities_len = 1;
    return load_code();
}

#define SHOP "import { env } from 'cloudflare:workers'; "

TEST(a_capability_answers) {
    struct mf_worker *worker = load_with_shop(SHOP "export default async (x) => 2 * await env.SHOP.price(x, [])");
    EXPECT_STR(call(worker, "", "[\"apple\"]"), "0.5");
    EXPECT_STR(asked.text, "shop.price[\"apple\",[]]");
    mf_worker_free(worker);
}

TEST(a_capability_throws) {
    struct mf_worker *worker = load_with_shop(SHOP "export default () => env.SHOP.steal()");
    EXPECT_STR(call(worker, "", NULL), "!TypeError: no such thing");
    mf_worker_free(worker);
}

TEST(a_capability_returns_nothing) {
    struct mf_worker *worker = load_with_shop(SHOP "export default async () => [await env.SHOP.nothing()]");
    EXPECT_STR(call(worker, "", NULL), "[null]");
    mf_worker_free(worker);
}

TEST(a_capability_answers_later) {
    struct mf_worker *worker = load_with_shop(
        SHOP "export default async () => { const a = env.SHOP.later(); await env.SHOP.answer(7); return await a }");
    EXPECT_STR(call(worker, "", NULL), "[7]");
    mf_worker_free(worker);
}

TEST(a_capability_that_answers_garbage_throws) {
    struct mf_worker *worker = load_with_shop(SHOP "export default () => env.SHOP.garbage()");
    EXPECT_STR(call(worker, "", NULL), "!TypeError: The capability's result is not JSON.");
    mf_worker_free(worker);
}

TEST(a_capability_may_answer_when_its_worker_is_gone) {
    struct mf_worker *worker = load_with_shop(SHOP "export default () => env.SHOP.later()");
    struct outcome outcome = {0};
    kept = NULL;
    EXPECT(worker);
    EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &outcome, &error), 0);
    while (!kept) {
        struct pollfd fd = {.fd = mf_loader_fd(loader()), .events = POLLIN};
        EXPECT_INT(poll(&fd, 1, 20000), 1);
        mf_loader_dispatch(loader());
    }
    mf_worker_free(worker);
    EXPECT_INT(outcome.result, -ECANCELED);
    EXPECT_INT(mf_call_return(kept, "1"), 0);
}

TEST(capabilities_are_called_many_times_at_once) {
    struct mf_worker *worker = load_with_shop(
        SHOP "export default async () => (await Promise.all(Array.from({ length: 500 }, (_, i) => env.SHOP.price(i))))"
             ".reduce((a, b) => a + b)");
    EXPECT_STR(call(worker, "", NULL), "125");
    mf_worker_free(worker);
}

static struct mf_call *hoard[2048];
static int hoard_len;

static void keep_all(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    (void)method;
    (void)args;
    hoard[hoard_len++] = called;
}

TEST(too_many_waiting_capability_calls_are_refused) {
    struct mf_capability capability = {"SHOP", keep_all, NULL};
    begin(SHOP "export default () => { const all = Array.from({ length: 1025 }, () => env.SHOP.keep());"
               "return all[1024].catch((e) => e.name) }");
    code.capabilities = &capability;
    code.capabilities_len = 1;
    struct mf_worker *worker = load_code();
    EXPECT_STR(call(worker, "", NULL), "\"RangeError\"");
    EXPECT_INT(hoard_len, 1024);
    for (int i = 0; i < hoard_len; i++) EXPECT_INT(mf_call_return(hoard[i], NULL), 0);
    mf_worker_free(worker);
}

/* --- Later, and elsewhere --------------------------------------------------------------------------------------- */

/* Calls that wait for a thread to answer them. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct mf_call *calls[512];
    int numbers[512], len;
    bool is_over;
} work = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

static void queue_work(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    (void)method;
    pthread_mutex_lock(&work.lock);
    work.numbers[work.len] = atoi(args + 1);
    work.calls[work.len++] = called;
    pthread_cond_broadcast(&work.came);
    pthread_mutex_unlock(&work.lock);
}

/* The last that came is answered first, so answers come in another order than their calls. */
static void *answer_work(void *ctx) {
    (void)ctx;
    for (;;) {
        char json[32];
        pthread_mutex_lock(&work.lock);
        while (work.len == 0 && !work.is_over) pthread_cond_wait(&work.came, &work.lock);
        if (work.len == 0) {
            pthread_mutex_unlock(&work.lock);
            return NULL;
        }
        struct mf_call *called = work.calls[--work.len];
        int number = work.numbers[work.len];
        pthread_mutex_unlock(&work.lock);
        snprintf(json, sizeof json, "%d", number * 2);
        if (number % 10 == 3)
            mf_call_throw(called, "RangeError", json);
        else
            mf_call_return(called, json);
    }
}

static struct mf_worker *load_with(mf_call_handler *handler, void *ctx, const char *source) {
    static struct mf_capability capability;
    capability = (struct mf_capability){"SHOP", handler, ctx};
    begin(source);
    code.capabilities = &capability;
    code.capabilities_len = 1;
    return load_code();
}

TEST(threads_answer_while_the_loaders_own_waits) {
    pthread_t threads[4];
    work.is_over = false;
    for (int i = 0; i < 4; i++) EXPECT_INT(pthread_create(&threads[i], NULL, answer_work, NULL), 0);
    struct mf_worker *worker = load_with(
        queue_work, NULL,
        SHOP "export default async (n) => { const all = await Promise.allSettled(Array.from({ length: n }, (_, i) => "
             "env.SHOP.twice(i))); return [all.filter((a, i) => a.value === 2 * i).length, "
             "all.filter((a, i) => a.reason?.name === 'RangeError' && a.reason.message === String(2 * i)).length] }");
    for (int i = 0; i < 5; i++) EXPECT_STR(call(worker, "", "[400]"), "[360,40]");
    pthread_mutex_lock(&work.lock);
    work.is_over = true;
    pthread_cond_broadcast(&work.came);
    pthread_mutex_unlock(&work.lock);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    mf_worker_free(worker);
}

/* Runs the loader until the capability has been called, as a foreign loop would. */
static void dispatch_until_kept(void) {
    for (int i = 0; i < 2000 && !kept; i++) {
        struct pollfd fd = {.fd = mf_loader_fd(loader()), .events = POLLIN};
        if (poll(&fd, 1, 20000) == 1) mf_loader_dispatch(loader());
    }
}

static void keep(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    snprintf(asked.text, sizeof asked.text, "%s%s", method, args);
    kept = called;
}

/* Calls the default export of a worker, and runs the loader until that has called the capability. */
static struct mf_worker *begin_kept(const char *source, struct outcome *outcome) {
    struct mf_worker *worker = load_with(keep, NULL, source);
    kept = NULL;
    *outcome = (struct outcome){0};
    if (mf_worker_call_start(worker, NULL, "", NULL, on_done, outcome, &error) < 0) abort();
    dispatch_until_kept();
    return worker;
}

TEST(a_foreign_loop_answers_between_two_dispatches) {
    struct outcome outcome;
    struct mf_worker *worker = begin_kept(SHOP "export default () => env.SHOP.f(1)", &outcome);
    EXPECT(kept);
    EXPECT_INT(mf_call_is_cancelled(kept), 0);
    EXPECT_INT(mf_call_return(kept, "{\"a\":1}"), 0);
    EXPECT_INT(outcome.times, 0);
    EXPECT(dispatch_until(loader(), &outcome.times, 1));
    EXPECT_STR(outcome.json, "{\"a\":1}");
    mf_worker_free(worker);
}

static void *return_true(void *called) {
    return (void *)(intptr_t)mf_call_return(called, "true");
}

TEST(a_thread_may_answer_when_worker_and_loader_are_gone) {
    struct outcome outcome;
    struct mf_loader *before = the_loader;
    pthread_t thread;
    void *result;
    the_loader = NULL;
    begin_kept(SHOP "export default () => env.SHOP.f()", &outcome);
    EXPECT(kept);
    mf_loader_free(the_loader);
    the_loader = before;
    EXPECT_INT(outcome.result, -ECANCELED);
    EXPECT_INT(mf_call_is_cancelled(kept), 1);
    EXPECT_INT(pthread_create(&thread, NULL, return_true, kept), 0);
    pthread_join(thread, &result);
    EXPECT_INT((intptr_t)result, 0);
}

TEST(an_answer_that_is_queued_when_the_loader_goes_is_dropped) {
    struct outcome outcome;
    struct mf_loader *before = the_loader;
    the_loader = NULL;
    begin_kept(SHOP "export default () => env.SHOP.f()", &outcome);
    EXPECT_INT(mf_call_return(kept, "1"), 0);
    mf_loader_free(the_loader);
    the_loader = before;
    EXPECT_INT(outcome.result, -ECANCELED);
}

/* --- Given up --------------------------------------------------------------------------------------------------- */

struct cancelled {
    int times, result;
    bool answers;
    struct mf_worker *frees;
};

static void on_cancel(void *ctx, struct mf_call *called, int result) {
    struct cancelled *cancelled = ctx;
    cancelled->times++;
    cancelled->result = result;
    if (cancelled->answers) mf_call_throw(called, "AbortError", "given up");
    if (cancelled->frees) mf_worker_free(cancelled->frees);
}

static void keep_cancellable(void *ctx, struct mf_call *called, const char *method, const char *args) {
    keep(NULL, called, method, args);
    mf_call_on_cancel(called, on_cancel, ctx);
}

#define GIVES_UP                                                                                                       \
    SHOP "export default async (how) => { const c = new AbortController();"                                            \
         "const p = env.SHOP.slow('x', how === 'deep' ? { a: [1, { signal: c.signal }] } : c.signal);"                 \
         "setTimeout(() => c.abort(how === 'reason' ? new TypeError('enough') : undefined), 20);"                      \
         "try { return await p } catch (e) { return [e.name, e.message, e instanceof DOMException] } }"

TEST(a_signal_cancels_the_call) {
    struct cancelled cancelled = {.answers = true};
    struct mf_worker *worker = load_with(keep_cancellable, &cancelled, GIVES_UP);
    EXPECT_STR(call(worker, "", "[\"direct\"]"), "[\"AbortError\",\"The operation was aborted\",true]");
    EXPECT_STR(asked.text, "slow[\"x\",null]");
    EXPECT_STR(call(worker, "", "[\"reason\"]"), "[\"TypeError\",\"enough\",false]");
    EXPECT_STR(call(worker, "", "[\"deep\"]"), "[\"AbortError\",\"The operation was aborted\",true]");
    EXPECT_STR(asked.text, "slow[\"x\",{\"a\":[1,{}]}]");
    mf_worker_free(worker);
    EXPECT_INT(cancelled.times, 3);
    EXPECT_INT(cancelled.result, -ECANCELED);
}

TEST(a_cancelled_call_is_answered_later) {
    struct cancelled cancelled = {0};
    struct mf_worker *worker = load_with(keep_cancellable, &cancelled, GIVES_UP);
    for (int i = 0; i < 3; i++) {
        EXPECT_STR(call(worker, "", "[\"reason\"]"), "[\"TypeError\",\"enough\",false]");
        while (cancelled.times <= i) call(worker, "absent", NULL); /* the word of it may come behind the result */
        EXPECT_INT(mf_call_is_cancelled(kept), 1);
        EXPECT_INT(mf_call_return(kept, "\"too late\""), 0);
    }
    EXPECT_INT(cancelled.times, 3);
    mf_worker_free(worker);
}

TEST(a_signal_that_was_aborted_before_makes_no_call) {
    struct mf_worker *worker = load_with_shop(
        SHOP
        "export default () => env.SHOP.price(AbortSignal.abort(new RangeError('before'))).catch((e) => e.message)");
    EXPECT_STR(call(worker, "", NULL), "\"before\"");
    EXPECT_STR(asked.text, "");
    mf_worker_free(worker);
}

TEST(a_signal_after_the_answer_is_too_late) {
    struct mf_worker *worker = load_with_shop(
        SHOP "export default async () => { const c = new AbortController();"
             "const price = await env.SHOP.price(c.signal); c.abort(); return price + await env.SHOP.price() }");
    EXPECT_STR(call(worker, "", NULL), "0.5");
    mf_worker_free(worker);
}

TEST(the_end_of_a_worker_cancels_its_calls) {
    struct cancelled cancelled = {.answers = true};
    struct outcome outcome = {0};
    struct mf_worker *worker =
        load_with(keep_cancellable, &cancelled, SHOP "export default () => Promise.all([env.SHOP.a(), env.SHOP.b()])");
    kept = NULL;
    EXPECT_INT(mf_worker_call_start(worker, NULL, "", NULL, on_done, &outcome, &error), 0);
    while (strncmp(asked.text, "b", 1) != 0) {
        kept = NULL;
        dispatch_until_kept();
    }
    mf_worker_free(worker);
    EXPECT_INT(outcome.result, -ECANCELED);
    EXPECT_INT(cancelled.times, 2);
    EXPECT_INT(cancelled.result, -ECANCELED);
}

TEST(a_limit_cancels_the_calls_of_its_worker) {
    struct cancelled cancelled = {.answers = true};
    static struct mf_capability capability;
    capability = (struct mf_capability){"SHOP", keep_cancellable, &cancelled};
    begin(SHOP "export default () => env.SHOP.slow()");
    code.capabilities = &capability;
    code.capabilities_len = 1;
    code.limits.wall_ms = 400; /* of the load as well */
    struct mf_worker *worker = load_code();
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -ETIMEDOUT);
    EXPECT_INT(cancelled.times, 1);
    EXPECT_INT(cancelled.result, -ETIMEDOUT);
    mf_worker_free(worker);
}

TEST(a_worker_that_exits_cancels_its_calls) {
    struct cancelled cancelled = {.answers = true};
    struct mf_worker *worker = load_with(keep_cancellable, &cancelled,
                                         "import { abortIsolate, env } from 'cloudflare:workers';"
                                         "export default () => { env.SHOP.slow(); setTimeout(() => "
                                         "abortIsolate('over'), 20); return new Promise(() => {}) }");
    EXPECT_INT(mf_worker_call(worker, NULL, "", NULL, NULL, &error), -EOWNERDEAD);
    EXPECT_INT(cancelled.times, 1);
    EXPECT_INT(cancelled.result, -EOWNERDEAD);
    mf_worker_free(worker);
}

TEST(a_cancel_handler_may_free_its_worker) {
    struct cancelled cancelled = {.answers = true};
    struct outcome outcome = {0};
    struct mf_worker *worker = load_with(keep_cancellable, &cancelled, GIVES_UP);
    cancelled.frees = worker;
    EXPECT_INT(mf_worker_call_start(worker, NULL, "", "[\"direct\"]", on_done, &outcome, &error), 0);
    EXPECT(dispatch_until(loader(), &outcome.times, 1));
    EXPECT_INT(cancelled.times, 1);
    EXPECT(outcome.result == -ECANCELED || outcome.result == 0); /* whichever of the two came first */
    if (outcome.result == 0) dispatch_until(loader(), &cancelled.times, 1);
}

TEST(a_handler_that_comes_late_is_called_at_once) {
    struct cancelled cancelled = {0};
    struct outcome outcome;
    struct mf_worker *worker = begin_kept(SHOP "export default () => env.SHOP.f()", &outcome);
    mf_worker_free(worker);
    mf_call_on_cancel(kept, on_cancel, &cancelled);
    EXPECT_INT(cancelled.times, 1);
    EXPECT_INT(cancelled.result, -ECANCELED);
    mf_call_on_cancel(kept, NULL, NULL);
    EXPECT_INT(mf_call_return(kept, NULL), 0);
}

static void *spin_until_cancelled(void *called) {
    while (!mf_call_is_cancelled(called)) usleep(1000);
    mf_call_throw(called, NULL, "stopped");
    return called;
}

static pthread_t spinner;

static void start_spinner(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    (void)method;
    (void)args;
    if (pthread_create(&spinner, NULL, spin_until_cancelled, called) != 0) abort();
}

TEST(a_thread_sees_that_its_call_was_given_up) {
    struct mf_worker *worker = load_with(start_spinner, NULL, GIVES_UP);
    EXPECT_STR(call(worker, "", "[\"reason\"]"), "[\"TypeError\",\"enough\",false]");
    mf_worker_free(worker);
    EXPECT_INT(pthread_join(spinner, NULL), 0);
}

/* --- What is said ------------------------------------------------------------------------------------------------ */

static char *large;

static void answer_large(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)args;
    *(int *)ctx =
        strcmp(method, "result") == 0 ? mf_call_return(called, large) : mf_call_throw(called, "RangeError", large);
}

TEST(an_answer_that_is_too_large_says_so) {
    int result = 0;
    size_t len = 34 << 20;
    large = malloc(len + 1);
    memset(large, '1', len);
    large[len] = 0;
    struct mf_worker *worker = load_with(answer_large, &result,
                                         SHOP "export default async (how) => { try { await env.SHOP[how]() }"
                                              "catch (e) { return [e.name, e.message] } }");
    EXPECT_STR(call(worker, "", "[\"result\"]"), "[\"RangeError\",\"The capability's result is too large.\"]");
    EXPECT_INT(result, -EMSGSIZE);
    EXPECT_STR(call(worker, "", "[\"error\"]"), "[\"Error\",\"The exchange was given up.\"]");
    EXPECT_INT(result, -EMSGSIZE);
    mf_worker_free(worker);
    free(large);
}

static void throw_words(void *ctx, struct mf_call *called, const char *method, const char *args) {
    (void)ctx;
    (void)args;
    mf_call_throw(called, strcmp(method, "nothing") == 0 ? NULL : method, "w\xc3\xb6rter \"\n");
}

TEST(an_error_has_its_name_and_message) {
    struct mf_worker *worker = load_with(throw_words, NULL,
                                         SHOP "export default async (name) => { try { await env.SHOP[name]() }"
                                              "catch (e) { return [e.name, e.message, e.constructor.name] } }");
    EXPECT_STR(call(worker, "", "[\"nothing\"]"), "[\"Error\",\"w\xc3\xb6rter \\\"\\n\",\"Error\"]");
    EXPECT_STR(call(worker, "", "[\"TypeError\"]"), "[\"TypeError\",\"w\xc3\xb6rter \\\"\\n\",\"TypeError\"]");
    EXPECT_STR(call(worker, "", "[\"PaymentError\"]"), "[\"PaymentError\",\"w\xc3\xb6rter \\\"\\n\",\"Error\"]");
    mf_worker_free(worker);
}

TEST(what_is_no_method_is_refused_in_the_worker) {
    struct mf_worker *worker = load_with_shop(
        SHOP "export default async (how) => { try { return await (how === 'read' ? env.SHOP.price : how === 'deep' ? "
             "env.SHOP.a.price(1) : how === 'fetch' ? env.SHOP.fetch('http://w/') : env.SHOP.price(1n)) }"
             "catch (e) { return e.name } }");
    EXPECT_STR(call(worker, "", "[\"read\"]"), "\"TypeError\"");
    EXPECT_STR(call(worker, "", "[\"deep\"]"), "\"TypeError\"");
    EXPECT_STR(call(worker, "", "[\"fetch\"]"), "\"Error\"");
    EXPECT_STR(call(worker, "", "[\"bigint\"]"), "\"TypeError\"");
    EXPECT_STR(asked.text, "");
    mf_worker_free(worker);
}

/* --- Within a callback ---------------------------------------------------------------------------------------- */

static struct mf_worker *victim;
static int busy[3];

static void free_victim(void *ctx, struct mf_call *called, const char *method, const char *args) {
    struct mf_worker *worker = victim;
    char *json;
    (void)ctx;
    (void)method;
    (void)args;
    busy[0] = mf_worker_call(worker, NULL, "", NULL, &json, &error);
    busy[1] = mf_worker_load(loader(), &code, &worker, &error);
    busy[2] = mf_loader_dispatch(loader());
    mf_worker_free(victim);
    mf_call_return(called, "1");
}

TEST(a_callback_may_free_its_worker_but_not_wait) {
    struct mf_capability capability = {"SHOP", free_victim, NULL};
    struct outcome outcome = {0};
    begin(SHOP "export default () => { env.SHOP.f(); env.SHOP.f(); return new Promise(() => {}) }");
    code.capabilities = &capability;
    code.capabilities_len = 1;
    victim = load_code();
    EXPECT(victim);
    EXPECT_INT(mf_worker_call_start(victim, NULL, "", NULL, on_done, &outcome, &error), 0);
    EXPECT(dispatch_until(loader(), &outcome.times, 1));
    EXPECT_INT(outcome.result, -ECANCELED);
    for (int i = 0; i < 3; i++) EXPECT_INT(busy[i], -EBUSY);
}

TEST_MAIN()
