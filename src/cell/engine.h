/* The engine behind a cell: the one boundary to JavaScript. engine_jsc.c implements it on JavaScriptCore's C API, and
   nothing outside that file names JavaScriptCore.

   One engine a process, used by one thread. Values cross the boundary as struct engine_value; memory that an argument
   points to is borrowed and lives until the native returns. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

enum engine_kind {
    ENGINE_UNDEFINED,
    ENGINE_NUMBER,
    ENGINE_BOOLEAN,
    ENGINE_TEXT,   /* data, len: UTF-8 */
    ENGINE_UTF16,  /* data, len: UTF-16 code units in host order, len counts units; to JavaScript only */
    ENGINE_JSON,   /* data, len: JSON text; to JavaScript only */
    ENGINE_BYTES,  /* data, len: to JavaScript a Uint8Array, copied unless `block` is set; from JavaScript an ArrayBuffer or a
                      view of one */
    ENGINE_OBJECT, /* object: an engine's own reference; from JavaScript, or back into it */
};

/* Large bytes, and scripts, are given in their block where they have one: a copy costs 2 to 15 us a page (docs/performance.md). */
#define ENGINE_GIVEN_BYTES_MIN (64u << 10)

struct engine_value {
    enum engine_kind kind;
    double number;
    const void *data;
    size_t len;
    const void *object;
    void *block; /* from malloc, holds the data, and is the engine's from now on */
};

/* What a native throws: a JavaScript error of the named class. line 0 means none. */
struct engine_error {
    const char *type; /* "TypeError", "SyntaxError", ... */
    char message[480];
    int line, column;
};

/* A function that the runtime calls. Missing arguments are ENGINE_UNDEFINED. It sets *ret (whose memory must live until
   the next native call) and returns 0; or fills *error and returns a negative errno, which throws; or sets *ret to an
   ENGINE_OBJECT and returns a negative errno, which throws that object. */
typedef int engine_native(void *context, const struct engine_value *args, struct engine_value *ret,
                          struct engine_error *error);

#define ENGINE_ARGS_MAX 7

/* The entry points that the runtime registers by native.handlers({...}). */
enum engine_handler { ENGINE_ON_FRAME, ENGINE_ON_CLOSED, ENGINE_ON_TIMER, ENGINE_ON_WARM, ENGINE_ON_STUCK, ENGINE_HANDLERS };

/* Makes the process's engine: the VM and its JIT memory; or, without that, one that interprets all it runs (regular
   expressions and WebAssembly, too). NULL without memory. */
struct engine *engine_new(bool is_jitless);

/* Makes these names, an array of texts in JavaScript, before all others and for ever. So they lie together: a cell counts in
   each name how often it refers to it, and gets a page of its own for that. Before engine_native_add. */
void engine_keep_names(struct engine *engine, const char *names);

/* Offers a native under a name; `name` and `context` are borrowed for ever. Before engine_boot. */
int engine_native_add(struct engine *engine, const char *name, engine_native *call, void *context);

/* Has the engine forget what it made of functions in order to run them, though not how they read: what it makes again lies
   together, in the order in which they run. A collection must follow. Nothing where the engine has no way to. */
void engine_unlink(struct engine *engine);

/* Evaluates the runtime: the source of a function that takes the natives' object. Returns 0, or -EINVAL with the
   exception's text in `message`. */
int engine_boot(struct engine *engine, const char *source, size_t len, char *message, size_t message_len);

/* Makes the process fit to fork: waits for the engine's threads to end. Returns the number of threads that are left (1
   when all went well) or a negative errno. */
int engine_settle(struct engine *engine);

/* In a freshly forked cell, whose descriptors are closed: forgets them. */
void engine_forked(struct engine *engine);

/* In a cell whose engine may make threads: gives them a way to wake the cell's own, which takes a descriptor. */
void engine_allow_threads(struct engine *engine);

/* In a cell that is to be quick for long: a heap of up to `small_mb` MiB may grow `growth` times before it is collected, not
   twofold, and with `has_threads` hot code is optimized beside the cell's thread, which needs engine_allow_threads.
   Without effect where the engine cannot be told. */
void engine_tune(struct engine *engine, double small_mb, double growth, bool has_threads);

/* A page of the engine's options, which engine_tune writes and nothing else; NULL if it cannot. */
const void *engine_options(const struct engine *engine);

/* Calls a registered handler, then runs microtasks. Returns 0, or -EINVAL when it threw (written to stderr: a bug in
   the runtime, since it catches what workers throw). */
int engine_call(struct engine *engine, enum engine_handler handler, const struct engine_value *args, size_t n);

/* Evaluates a script (ENGINE_TEXT) named `url`; one that has a block without a copy if it is large.
   Gives its completion value as ENGINE_OBJECT and returns 0, or gives the exception likewise and returns -EINVAL. For use
   inside a native, which passes both on. */
int engine_evaluate(struct engine *engine, const struct engine_value *source, const char *url,
                    struct engine_value *ret);

/* Whether a text (ENGINE_TEXT) is a script, by its syntax. Nothing of it runs. */
bool engine_is_script(struct engine *engine, const struct engine_value *source);

/* Runs deferred work (WebAssembly compilation, finalizers). `engine_pending_fd` becomes readable when a
   thread of the engine has some; it is -1 in a cell without such threads. */
void engine_pump(struct engine *engine);
int engine_pending_fd(struct engine *engine);

/* Collects garbage: all of it, or, where the engine can, what was made since the last time. */
void engine_collect(struct engine *engine, bool is_full);

/* Refuses eval and new Function from now on with this message. */
void engine_forbid_eval(struct engine *engine, const char *message);
