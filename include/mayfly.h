/* mayfly: run JavaScript that arrives at run time, each worker in a sandboxed process of its own.

       struct mf_loader *loader;
       struct mf_worker *worker;
       struct mf_module module = {"main.js", MF_KIND_BY_NAME, source, strlen(source)};
       struct mf_code code;
       char *json;

       mf_loader_new(NULL, &loader, NULL);
       mf_code_init(&code);
       code.modules = &module;
       code.modules_len = 1;
       mf_worker_load(loader, &code, &worker, NULL);
       mf_worker_call(worker, NULL, "greet", "[\"you\"]", &json, NULL);

   Words. A worker is a set of modules, the first of which exports its entrypoints. A cell is the process that runs one
   worker, and no other ever. A loader starts cells and talks to them; a capability is a function of yours that a worker
   finds in its env and calls there. All values that cross are JSON in UTF-8.

   Threads. A loader, its workers and the calls of both belong to one thread at a time: one thread may make a loader and
   another use it, but never two at once without a lock of yours. Several loaders in several threads are independent. A
   process that forks leaves its loaders to the parent. All callbacks come on the thread that is inside a function of
   this library, and only then. The answer to a capability's call alone may come from any thread, at any time:
   mf_call_return, mf_call_throw and mf_call_is_cancelled need no lock, also while another thread waits in the library.

   Two ways to wait. mf_worker_load and mf_worker_call block, and serve all workers of the loader meanwhile. Their
   _start forms return at once; whoever has an event loop waits until mf_loader_fd() is readable and calls
   mf_loader_dispatch(). A callback may use every function but the blocking ones (which return -EBUSY there),
   mf_loader_dispatch and mf_loader_free.

   Ownership. Arguments are borrowed until the function returns, and callbacks' arguments until the callback returns.
   Pointers in struct mf_code that are said to be kept are the exception. What comes back through `char **ret_json` is
   yours to give to mf_free.

   Errors. Functions return 0 or a negative errno, and leave their ret_ arguments untouched on failure; `error` may be
   NULL. -EREMOTEIO: the worker's code threw. -EOWNERDEAD: its cell ended, and error->death says how. -ETIMEDOUT: a
   limit's time has passed, likewise. -EDQUOT: the worker took more memory than its limit, likewise. -EINVAL: an
   argument is wrong. -ECANCELED: the worker was freed before the end. Others are the system's. */
#ifndef MAYFLY_H
#define MAYFLY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MF_VERSION "0.1.0"

#define MF_API __attribute__((visibility("default")))

struct mf_loader;
struct mf_worker;
struct mf_call;

/* What went wrong. Texts that are too long are cut at a character's border. */
struct mf_error {
    char name[64]; /* "TypeError", "Error", ... */
    char message[4096];
    char stack[4096]; /* where the worker threw, as "at f (main.js:3:7)" lines; "" when it is not known */
    char death[256];  /* how the cell ended: "was killed: wall-time limit of 50 ms", "exited with status 3"; or "" */
};

/* The library's version, as in MF_VERSION of the header that it was built with. */
MF_API const char *mf_version(void);

/* Frees what the library gave away. NULL is fine. */
MF_API void mf_free(void *memory);

/* --- Loader --- */

/* Zero is the default of each field. */
struct mf_config {
    const char *cell_path;     /* the cell binary; else $MAYFLY_CELL, else "mayfly-cell" beside the running program */
    unsigned idle_cells;       /* cells to keep ready; 2 */
    unsigned start_timeout_ms; /* for a worker to get a cell; 10,000 */
    /* Layers without which no worker may run, "syscall-filter,empty-root" or "all", as `mayfly doctor` names them;
       NULL: whatever the machine offers. */
    const char *require_confinement;
    /* Not 0: workers are interpreted and never compiled, several times slower where they compute much, and no memory of a
       cell can be both written and run. */
    int no_jit;
    /* Not 0: few workers will come, and small ones. The loader is up in half the time; each worker takes longer to load, and what
       the engine needs at its start counts against its memory limit, some 15 MiB. */
    int brief;
    /* What workers with a way out have in common; README.md describes it. */
    const char *secrets_json; /* {"NAME": {"env": "VARIABLE"} or {"file": "PATH"} or {"credential": "ID"}} */
    const char *dns;          /* name servers to ask instead of the system's: "ADDRESS[:PORT],..." */
    const char *ca_file;      /* authorities to trust besides the system's */
    int outbound_log_fd;      /* gets a line of JSON for each request that leaves; borrowed; 0 is none */
    const char
        *proxy; /* "http://[user:password@]host[:port]" to send all of it through, or "env:NAME" of such a text */
};

MF_API void mf_config_init(struct mf_config *config);

/* Starts a process that makes cells, and waits until it is up. `config` may be NULL. */
MF_API int mf_loader_new(const struct mf_config *config, struct mf_loader **ret, struct mf_error *error);

/* Frees all workers (their pending calls end with -ECANCELED) and ends all processes. NULL is fine. */
MF_API void mf_loader_free(struct mf_loader *loader);

/* A descriptor that is readable whenever mf_loader_dispatch has something to do, deadlines included. The loader's: poll
   it, but do not read it and do not close it. */
MF_API int mf_loader_fd(struct mf_loader *loader);

/* Does what can be done without waiting; callbacks come from here. Returns 0, or -EBUSY from inside a callback. */
MF_API int mf_loader_dispatch(struct mf_loader *loader);

/* --- Code --- */

enum mf_kind {
    MF_KIND_BY_NAME = 0, /* .js .mjs: JS, .ts .tsx .mts .jsx: TS, .cjs, .json, .wasm, .txt .html: TEXT, .bin: DATA */
    MF_KIND_JS,          /* an ES module */
    MF_KIND_TS,          /* an ES module in TypeScript (or JSX); its types are stripped, not checked */
    MF_KIND_CJS,         /* a CommonJS module */
    MF_KIND_TEXT,        /* default export: a string */
    MF_KIND_DATA,        /* default export: an ArrayBuffer */
    MF_KIND_JSON,        /* default export: the parsed value */
    MF_KIND_WASM,        /* default export: a WebAssembly.Module */
    MF_KIND_SNIPPET      /* the only module: a script whose last value counts, or an ES module with a default export */
};

struct mf_module {
    const char *name; /* "main.js", "lib/util.js": what others import it by */
    enum mf_kind kind;
    const void *data;
    size_t len;
};

/* A plain value in env. */
struct mf_variable {
    const char *name;
    const char *json;
};

/* A worker calls env.NAME.METHOD(...); args_json is a JSON array. The call is to be answered once, now or later, on
   whatever thread, by mf_call_return or mf_call_throw, even when its worker or loader has ended meanwhile: until then
   it uses memory, and is one of the 1,024 that its worker may have waiting. Its worker waits for that long, within the
   limit of the call that it works for, unless it gives up: an AbortSignal among the arguments stays there, and
   cancels the call when it aborts. */
typedef void mf_call_handler(void *ctx, struct mf_call *call, const char *method, const char *args_json);

struct mf_capability {
    const char *name;
    mf_call_handler *handler; /* kept until the worker is freed, as is ctx */
    void *ctx;
};

/* console.log and its kin, and errors that the worker caught nowhere. level: "debug", "info", "log", "warn" or
   "error". */
typedef void mf_log_handler(void *ctx, const char *level, const char *message);

#define MF_NO_LIMIT ((unsigned)-1)

struct mf_limits {
    /* How long the start of a worker may take, and likewise each call, in real time; 0 is the default of 30,000, and
       MF_NO_LIMIT is none. A cell that takes longer is killed, which ends all its calls. */
    unsigned wall_ms;
    /* CPU time for the start, and likewise for each call; 0 is the default of 30,000, and MF_NO_LIMIT is none. Of calls
       that overlap, each that begins gives the worker its time anew. */
    unsigned cpu_ms;
    /* Memory of the worker, of whatever kind, in MiB; 0 is the default of 128, and MF_NO_LIMIT is none. */
    unsigned memory_mb;
};

struct mf_code {
    const struct mf_module *modules; /* the first is the main module */
    size_t modules_len;
    const char *compatibility_date; /* NULL: "2026-01-01" */
    const char *const *compatibility_flags;
    size_t compatibility_flags_len;
    const struct mf_variable *variables;
    size_t variables_len;
    const struct mf_capability *capabilities;
    size_t capabilities_len;
    /* What fetch() may reach: "\"public\"", or {"allow": [RULE...]} as README.md describes it; NULL is nothing. A
       mistake in it is told by the first fetch(), one in the loader's secrets, ca_file or proxy by the load. */
    const char *outbound_json;
    struct mf_limits limits;
    mf_log_handler *on_log; /* NULL drops logs; kept until the worker is freed, as is log_ctx */
    void *log_ctx;
};

MF_API void mf_code_init(struct mf_code *code);

/* --- Worker --- */

/* Loads a worker into a fresh cell and waits until its modules have been evaluated. */
MF_API int mf_worker_load(struct mf_loader *loader, const struct mf_code *code, struct mf_worker **ret,
                          struct mf_error *error);

/* result is 0, or a negative errno with its error. */
typedef void mf_load_done(void *ctx, struct mf_worker *worker, int result, const struct mf_error *error);

/* Likewise without waiting. `done` comes once, unless this returns a failure. The worker may be used at once (its calls
   wait for the start) and is to be freed in any case, also when it did not start. */
MF_API int mf_worker_load_start(struct mf_loader *loader, const struct mf_code *code, mf_load_done *done, void *ctx,
                                struct mf_worker **ret, struct mf_error *error);

/* Which entrypoint a call goes to. */
struct mf_target {
    const char *entrypoint; /* an export's name; NULL is the default export */
    const char *props_json; /* what the entrypoint finds as ctx.props; NULL is {} */
};

/* Calls a method of an entrypoint and waits for its result. `target` may be NULL for the default export; args_json is a
   JSON array, or NULL for no arguments. With "" as method the default export itself is called if it is a function, and
   else is the result. A result of undefined is "null". */
MF_API int mf_worker_call(struct mf_worker *worker, const struct mf_target *target, const char *method,
                          const char *args_json, char **ret_json, struct mf_error *error);

/* result is 0 with the JSON, or a negative errno with its error. */
typedef void mf_call_done(void *ctx, int result, const char *json, const struct mf_error *error);

/* Likewise without waiting. `done` comes once, unless this returns a failure. */
MF_API int mf_worker_call_start(struct mf_worker *worker, const struct mf_target *target, const char *method,
                                const char *args_json, mf_call_done *done, void *ctx, struct mf_error *error);

/* Ends the worker's cell. Pending calls, and a pending load, end with -ECANCELED before this returns. NULL is fine. */
MF_API void mf_worker_free(struct mf_worker *worker);

/* --- Capabilities --- */

/* Answers a call with a JSON value (NULL: null) and frees it, also on failure. -EINVAL: `json` is not JSON; -EMSGSIZE:
   it is larger than 33 MiB. The worker's call ends with an error that says so then. */
MF_API int mf_call_return(struct mf_call *call, const char *json);

/* Answers a call with an exception and frees it. `name` is an error class, "TypeError"; NULL is "Error". -EMSGSIZE:
   both are larger than 1 MiB, and the worker's call ends without them. */
MF_API int mf_call_throw(struct mf_call *call, const char *name, const char *message);

/* Nobody waits for the answer any more, so that work for it may stop. result is -ECANCELED when the worker gave the
   call up or was freed, and else what its calls ended with: -ETIMEDOUT, -EOWNERDEAD, ... The call is still to be
   answered, here or later; what the answer says is dropped. */
typedef void mf_cancel_handler(void *ctx, struct mf_call *call, int result);

/* Has `handler` called on that, once, on the loader's thread; at once if it was so before. Call it on the loader's
   thread, NULL for none. It is not called any more when an answer on another thread returns: such an answer waits while
   the handler runs, so hold no lock over it that the handler takes. */
MF_API void mf_call_on_cancel(struct mf_call *call, mf_cancel_handler *handler, void *ctx);

/* 1 when nobody waits for the answer any more, else 0. */
MF_API int mf_call_is_cancelled(const struct mf_call *call);

#ifdef __cplusplus
}
#endif
#endif
