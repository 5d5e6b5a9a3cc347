/* engine.h on JavaScriptCore, through its C API. Runs in the zygote and in cells; the only file that names the engine.

   Some calls are exported by the library but missing in its headers; they are declared below. pas_scavenger_suspend
   is looked up at run time, since it comes and goes between releases (design.md section 2). */
#include "base/buf.h"
#include "base/engine_symbols.h"
#include "base/macros.h"
#include "cell/budget.h"
#include "cell/engine.h"
#include "cell/pages.h"
#include "cell/pkey.h"
#include "cell/unicode.h"
#include <JavaScriptCore/JavaScript.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <jsc/jsc.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct OpaqueJSScript *JSScriptRef;
JSScriptRef JSScriptCreateReferencingImmortalASCIIText(JSContextGroupRef vm, JSStringRef url, int first_line,
                                                       const char *source, size_t len, JSStringRef *message, int *line);
JSValueRef JSScriptEvaluate(JSContextRef context, JSScriptRef script, JSValueRef this, JSValueRef *exception);
void JSScriptRelease(JSScriptRef script);
void JSSynchronousGarbageCollectForDebugging(JSContextRef context);
void JSGlobalContextSetEvalEnabled(JSGlobalContextRef context, bool enabled, JSStringRef message);
void JSGlobalContextSetUnhandledRejectionCallback(JSGlobalContextRef context, JSObjectRef function,
                                                  JSValueRef *exception);

/* How long settle waits for the scavenger to end by itself: it does after some 10.7 s without work. */
#define SETTLE_WAIT_MS 15000

/* A scratch buffer above this size is not kept between calls. */
#define SCRATCH_KEEP_BYTES (256 * 1024)

/* What the engine takes for the machine's memory. */
#define RAM_MB 128u

#define PAGE_BYTES 4096

/* What the engine write-protects of itself at its start (WTF's Config.h). */
#define CONFIG_BYTES (16 * 1024)

struct native {
    const char *name;
    engine_native *call;
    void *context;
};

struct engine {
    JSGlobalContextRef js;
    GMainContext *loop;
    int loop_fd;                                 /* by which number GLib knows the eventfd of its loop */
    int wake_fd;                                 /* the same, or -1 where it is closed: GLib takes no notice of that */
    void *config;                                /* CONFIG_BYTES, or NULL */
    void (*collect_young)(JSContextGroupRef vm); /* this and the next are NULL where the engine has them not */
    void (*unlink)(JSContextGroupRef vm, int effort);
    void (*lock)(void *holder, JSContextGroupRef vm);
    void (*unlock)(void *holder);
    JSClassRef native_class;
    JSObjectRef natives;
    JSObjectRef handlers[ENGINE_HANDLERS];
    struct buf scratch[ENGINE_ARGS_MAX];
};

static const char *const handler_names[ENGINE_HANDLERS] = {
    [ENGINE_ON_FRAME] = "frame",
    [ENGINE_ON_CLOSED] = "closed",
    [ENGINE_ON_TIMER] = "timer",
    [ENGINE_ON_WARM] = "warm",
    [ENGINE_ON_STUCK] = "stuck",
};

static struct engine the_engine OF_EACH_CELL;

/* --- Strings ---------------------------------------------------------------------------------------------------- */

/* A string from UTF-8. ASCII, the common case, becomes an 8-bit string, half the size. */
static JSStringRef string_from_utf8(const uint8_t *p, size_t n) {
    if (unicode_is_ascii(p, n) && !memchr(p, 0, n)) {
        char *text = malloc(n + 1);
        CHECK(text);
        memcpy(text, p, n);
        text[n] = 0;
        JSStringRef s = JSStringCreateWithUTF8CString(text);
        free(text);
        return s;
    }
    JSChar *units = malloc(n * sizeof(JSChar));
    CHECK(units);
    JSStringRef s = JSStringCreateWithCharacters(units, unicode_to_utf16(p, n, units));
    free(units);
    return s;
}

static JSStringRef string_from_text(const char *text) {
    return string_from_utf8((const uint8_t *)text, strlen(text));
}

/* Puts the string's UTF-8 into `out`. */
static void string_to_utf8(JSStringRef s, struct buf *out) {
    size_t n = JSStringGetLength(s);
    uint8_t *room = buf_room(out, n * 3 + 1);
    CHECK(room);
    /* The engine writes an 8-bit string as it is, without making a 16-bit one of it first; but it ends, and does not say so,
       before a lone surrogate. */
    size_t len = JSStringGetUTF8CString(s, (char *)room, n * 3 + 1);
    if (len > 0) len--;
    bool is_whole = (len == n && unicode_is_ascii(room, len)) || unicode_utf16_len(room, len) == n;
    if (!is_whole) len = unicode_to_utf8(JSStringGetCharactersPtr(s), n, room);
    room[len] = 0;
    buf_add(out, len);
}

/* --- Values to and from JavaScript ------------------------------------------------------------------------------ */

static void free_block(void *bytes, void *block) {
    (void)bytes;
    free(block);
}

static JSValueRef value_to_js(JSContextRef js, const struct engine_value *v) {
    switch (v->kind) {
    case ENGINE_NUMBER: return JSValueMakeNumber(js, v->number);
    case ENGINE_BOOLEAN: return JSValueMakeBoolean(js, v->number != 0);
    case ENGINE_OBJECT: return v->object;
    case ENGINE_UTF16:
    case ENGINE_TEXT:
    case ENGINE_JSON: {
        JSStringRef s =
            v->kind == ENGINE_UTF16 ? JSStringCreateWithCharacters(v->data, v->len) : string_from_utf8(v->data, v->len);
        JSValueRef value = v->kind == ENGINE_JSON ? JSValueMakeFromJSONString(js, s) : JSValueMakeString(js, s);
        JSStringRelease(s);
        return value ? value : JSValueMakeUndefined(js);
    }
    case ENGINE_BYTES: {
        void *block = v->block, *bytes = (void *)v->data;
        if (!block) {
            block = bytes = malloc(v->len ? v->len : 1);
            CHECK(block);
            if (v->len) memcpy(bytes, v->data, v->len);
        }
        return JSObjectMakeTypedArrayWithBytesNoCopy(js, kJSTypedArrayTypeUint8Array, bytes, v->len, free_block, block,
                                                     NULL);
    }
    default: return JSValueMakeUndefined(js);
    }
}

static void object_from_js(JSContextRef js, JSObjectRef object, struct engine_value *ret) {
    *ret = (struct engine_value){.kind = ENGINE_OBJECT, .object = object};
    JSTypedArrayType type = JSValueGetTypedArrayType(js, object, NULL);
    if (type == kJSTypedArrayTypeNone) return;
    ret->kind = ENGINE_BYTES;
    if (type == kJSTypedArrayTypeArrayBuffer) {
        ret->data = JSObjectGetArrayBufferBytesPtr(js, object, NULL);
        ret->len = JSObjectGetArrayBufferByteLength(js, object, NULL);
        return;
    }
    /* The pointer is that of the whole buffer, whatever the view's offset. */
    const uint8_t *bytes = JSObjectGetTypedArrayBytesPtr(js, object, NULL);
    ret->len = JSObjectGetTypedArrayByteLength(js, object, NULL);
    ret->data = bytes ? bytes + JSObjectGetTypedArrayByteOffset(js, object, NULL) : NULL;
    if (!bytes) ret->len = 0;
}

static void value_from_js(JSContextRef js, JSValueRef value, struct buf *scratch, struct engine_value *ret) {
    switch (JSValueGetType(js, value)) {
    case kJSTypeBoolean:
        *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = JSValueToBoolean(js, value)};
        break;
    case kJSTypeNumber:
        *ret = (struct engine_value){.kind = ENGINE_NUMBER, .number = JSValueToNumber(js, value, NULL)};
        break;
    case kJSTypeString: {
        JSStringRef s = JSValueToStringCopy(js, value, NULL);
        buf_consume(scratch, buf_len(scratch));
        if (s) string_to_utf8(s, scratch);
        if (s) JSStringRelease(s);
        *ret = (struct engine_value){.kind = ENGINE_TEXT, .data = buf_bytes(scratch), .len = buf_len(scratch)};
        break;
    }
    case kJSTypeObject: object_from_js(js, (JSObjectRef)value, ret); break;
    default: *ret = (struct engine_value){0};
    }
}

/* --- Errors ----------------------------------------------------------------------------------------------------- */

static void set_number(JSContextRef js, JSObjectRef object, const char *name, double number) {
    JSStringRef s = string_from_text(name);
    JSObjectSetProperty(js, object, s, JSValueMakeNumber(js, number), kJSPropertyAttributeDontEnum, NULL);
    JSStringRelease(s);
}

static JSValueRef make_error(JSContextRef js, const struct engine_error *error) {
    JSStringRef name = string_from_text(error->type ? error->type : "Error");
    JSStringRef message = string_from_text(error->message);
    JSValueRef argument = JSValueMakeString(js, message);
    JSValueRef class = JSObjectGetProperty(js, JSContextGetGlobalObject(js), name, NULL);
    JSObjectRef object = NULL;
    if (class && JSValueIsObject(js, class))
        object = JSObjectCallAsConstructor(js, (JSObjectRef) class, 1, &argument, NULL);
    if (!object) object = JSObjectMakeError(js, 1, &argument, NULL);
    JSStringRelease(name);
    JSStringRelease(message);
    if (error->line > 0) {
        set_number(js, object, "line", error->line);
        set_number(js, object, "column", error->column);
    }
    return object;
}

static void describe(JSContextRef js, JSValueRef exception, struct buf *out) {
    static const char *const names[] = {"message", "stack", "sourceURL", "line"};
    JSStringRef s = JSValueToStringCopy(js, exception, NULL);
    if (s) string_to_utf8(s, out);
    if (s) JSStringRelease(s);
    if (!JSValueIsObject(js, exception)) return;
    for (size_t i = 1; i < COUNT_OF(names); i++) {
        JSStringRef name = string_from_text(names[i]);
        JSValueRef value = JSObjectGetProperty(js, (JSObjectRef)exception, name, NULL);
        JSStringRelease(name);
        if (!value || JSValueIsUndefined(js, value)) continue;
        s = JSValueToStringCopy(js, value, NULL);
        if (!s) continue;
        buf_append_text(out, i == 1 ? "\n" : " ");
        string_to_utf8(s, out);
        JSStringRelease(s);
    }
}

/* --- Natives ---------------------------------------------------------------------------------------------------- */

/* Large bytes that a native returns as a text argument had them are not copied. */
static void give_scratch(struct engine *e, size_t argc, struct engine_value *ret) {
    if (ret->kind != ENGINE_BYTES || ret->block || ret->len < ENGINE_GIVEN_BYTES_MIN) return;
    for (size_t i = 0; i < argc; i++) {
        struct buf *scratch = &e->scratch[i];
        if (ret->data != scratch->data) continue;
        void *shrunk = realloc(scratch->data, ret->len);
        ret->data = ret->block = shrunk ? shrunk : scratch->data;
        *scratch = (struct buf){0};
        return;
    }
}

static JSValueRef call_native(JSContextRef js, JSObjectRef function, JSObjectRef this, size_t argc,
                              const JSValueRef argv[], JSValueRef *exception) {
    (void)this;
    struct engine *e = &the_engine;
    struct native *native = JSObjectGetPrivate(function);
    struct engine_value args[ENGINE_ARGS_MAX] = {0}, ret = {0};
    struct engine_error error = {0};
    if (argc > ENGINE_ARGS_MAX) argc = ENGINE_ARGS_MAX;
    for (size_t i = 0; i < argc; i++) value_from_js(js, argv[i], &e->scratch[i], &args[i]);
    JSValueRef value = NULL;
    pkey_open();
    int r = native->call(native->context, args, &ret, &error);
    pkey_close();
    if (r < 0) {
        /* An exception that JavaScript already threw passes through as it is. */
        *exception = ret.kind == ENGINE_OBJECT ? ret.object : make_error(js, &error);
    } else {
        give_scratch(e, argc, &ret);
        value = value_to_js(js, &ret);
    }
    for (size_t i = 0; i < argc; i++) {
        if (e->scratch[i].capacity > SCRATCH_KEEP_BYTES) buf_done(&e->scratch[i]);
    }
    return value ? value : JSValueMakeUndefined(js);
}

static JSObjectRef property_object(struct engine *e, JSObjectRef object, const char *name) {
    JSStringRef s = string_from_text(name);
    JSValueRef value = JSObjectGetProperty(e->js, object, s, NULL);
    JSStringRelease(s);
    return value && JSValueIsObject(e->js, value) ? (JSObjectRef)value : NULL;
}

/* native.handlers({frame, closed, ...}): the runtime registers its entry points. */
static int register_handlers(void *context, const struct engine_value *args, struct engine_value *ret,
                             struct engine_error *error) {
    struct engine *e = context;
    (void)ret;
    if (args[0].kind != ENGINE_OBJECT) {
        snprintf(error->message, sizeof error->message, "handlers: an object is needed");
        return -EINVAL;
    }
    for (int i = 0; i < ENGINE_HANDLERS; i++) {
        e->handlers[i] = property_object(e, (JSObjectRef)args[0].object, handler_names[i]);
        if (e->handlers[i]) JSValueProtect(e->js, e->handlers[i]);
    }
    JSObjectRef rejection = property_object(e, (JSObjectRef)args[0].object, "rejection");
    if (rejection) JSGlobalContextSetUnhandledRejectionCallback(e->js, rejection, NULL);
    return 0;
}

int engine_native_add(struct engine *e, const char *name, engine_native *call, void *context) {
    struct native *native = malloc(sizeof *native);
    if (!native) return -ENOMEM;
    *native = (struct native){name, call, context};
    JSStringRef s = string_from_text(name);
    JSObjectSetProperty(e->js, e->natives, s, JSObjectMake(e->js, e->native_class, native), 0, NULL);
    JSStringRelease(s);
    return 0;
}

static void find_hidden(struct engine *e);

/* --- Life ------------------------------------------------------------------------------------------------------- */

/* Past some heap size the collector asks WTF's memory pressure handler, which takes the main run loop for granted. The
   C API makes none (the engine then crashes on a null pointer); these are WTF's own ways to, newest first. */
static void initialize_main_thread(void) {
    static const char *const names[] = {"_ZN3WTF20initializeMainThreadEv", "_ZN3WTF7RunLoop14initializeMainEv"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        void (*initialize)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, names[i]);
        if (!initialize) continue;
        initialize();
        return;
    }
    fprintf(stderr, "mayfly-cell: this engine has no way to make a main run loop; large heaps may crash it\n");
}

/* The engine's own handlers: faults of WebAssembly's memory become traps, and threads stop at SIGUSR1. */
/* A function of ICU, whose names carry its version. */
static void *find_icu(const char *name) {
    static int version = 60;
    for (; version < 120; version++) {
        char full[60];
        snprintf(full, sizeof full, "%s_%d", name, version);
        void *function = dlsym(RTLD_DEFAULT, full);
        if (function) return function;
    }
    return NULL;
}

/* ICU's tables are in its library, but what is not in them, and Debian's newer time zones, it takes from files when
   they are first needed, which a cell has none of: the zones are opened now, and the rest is not looked for. */
static void load_icu_files(void) {
    enum { NO_FILES = 3 /* UDATA_NO_FILES */ };
    static const char *const tables[] = {"zoneinfo64", "timezoneTypes", "metaZones", "windowsZones"};
    void (*set_access)(int access, int *status) = (void (*)(int, int *))find_icu("udata_setFileAccess");
    void *(*open_table)(const char *package, const char *name, int *status) =
        (void *(*)(const char *, const char *, int *))find_icu("ures_openDirect");
    for (size_t i = 0; open_table && i < COUNT_OF(tables); i++) open_table(NULL, tables[i], &(int){0}); /* kept open */
    if (set_access) set_access(NO_FILES, &(int){0});
}

/* The engine's own handlers: faults of WebAssembly's memory become traps, and threads stop at SIGUSR1. */
static const int engine_signals[] = {SIGSEGV, SIGBUS, SIGUSR1};
static struct sigaction engine_actions[COUNT_OF(engine_signals)];

/* Known in cells whose engine may make threads. */
static pid_t own_pid;
static bool has_compilers;

/* A signal that was sent is no fault: by the engine's handler the cell would survive it. The filter lets no cell signal
   itself, so a real fault ends it. */
static _Noreturn void die_by_fault(int number) {
    signal(number, SIG_DFL);
    sigset_t unblocked;
    sigemptyset(&unblocked);
    sigaddset(&unblocked, SIGSEGV);
    sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
    static volatile char *volatile nowhere; /* behind two volatiles, since the compiler would refuse it */
    for (;;) *nowhere = 0;
}

static void on_signal(int number, siginfo_t *info, void *context) {
    size_t i = 0;
    while (engine_signals[i] != number) i++;
    bool is_engines = number == SIGUSR1 ? own_pid && info->si_pid == own_pid : info->si_code > 0;
    if (is_engines && engine_actions[i].sa_flags & SA_SIGINFO && engine_actions[i].sa_sigaction) {
        engine_actions[i].sa_sigaction(number, info, context);
    } else if (number != SIGUSR1) {
        die_by_fault(number);
    }
}

static void watch_signals(void) {
    for (size_t i = 0; i < COUNT_OF(engine_signals); i++) {
        CHECK(sigaction(engine_signals[i], NULL, &engine_actions[i]) == 0);
        /* The engine's stop signal must run on the stopped thread's own stack: elsewhere it asks again for ever. */
        int stack = engine_signals[i] == SIGUSR1 ? 0 : SA_ONSTACK;
        struct sigaction action = {.sa_sigaction = on_signal,
                                   .sa_mask = engine_actions[i].sa_mask,
                                   .sa_flags = SA_SIGINFO | stack | (engine_actions[i].sa_flags & SA_RESTART)};
        CHECK(sigaction(engine_signals[i], &action, NULL) == 0);
    }
}

/* In the place of libc's. The engine reads how large its process is from a file (/proc/self/statm), which cells have
   not, to collect at each megabyte when it is as large as may be; without, garbage ends workers that have much alive.
   So it is told that it is when the budget wants a collection (budget.h). Nothing else in a cell reads so. */
ssize_t pread_for_engine(int fd, void *buf, size_t len, off_t at) __asm__("pread")
    __attribute__((visibility("default"), used));

ssize_t pread_for_engine(int fd, void *buf, size_t len, off_t at) {
    int is_full = budget_is_full();
    if (is_full < 0) return syscall(SYS_pread64, fd, buf, len, at);
    unsigned pages = is_full ? (RAM_MB << 20) / PAGE_BYTES : 0;
    return snprintf(buf, len, "%u %u 0 0 0 0 0\n", pages, pages);
}

struct engine *engine_new(bool is_jitless) {
    struct engine *e = &the_engine;
    CHECK(!e->js);
    /* Concurrency would leave threads, and with them locks, behind in the forks. */
    setenv("JSC_useConcurrentGC", "0", 1);
    setenv("JSC_useConcurrentJIT", "0", 1);
    setenv("JSC_numberOfGCMarkers", "1", 1);
    if (is_jitless) setenv("JSC_useJIT", "0", 1);
    /* A cell that lives for a millisecond should not spend it on compiling: a tenth of its time and faults went there.
       Loops reach these counts at once all the same. What one call runs several times is compiled after some 120 calls: what
       the compilers take is not for workers that are called a hundred times (docs/performance.md). */
    setenv("JSC_thresholdForJITAfterWarmUp", "10000", 1);
    setenv("JSC_thresholdForJITSoon", "1000", 1);
    /* The last of its compilers takes up to 55 ms for one function of the runtime's, on the cell's own thread, and what
       it makes is hardly quicker there than what the one before it made: a fifth as soon. Loops get there as before. */
    setenv("JSC_thresholdForFTLOptimizeAfterWarmUp", "500000", 1);
    setenv("JSC_thresholdForFTLOptimizeSoon", "10000", 1);
    /* As in V8, a function whose value a call gives stays on the stack, and so in the places that an error names. */
    setenv("JSC_useTailCalls", "0", 1);
    /* The collector lets a heap grow by what it takes for the machine's memory: here that is a worker's memory limit
       (limits.memoryMb), or a worker whose garbage would fit into that twice over goes beyond it before any is
       collected. */
    char bytes[16];
    snprintf(bytes, sizeof bytes, "%u", RAM_MB << 20);
    setenv("JSC_forceRAMSize", bytes, 1);
    /* A collection that a timer asks for is left to a thread; those that allocation asks for are done on the spot. */
    void (*disable_timer)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, ENGINE_DISABLE_GC_TIMER);
    if (disable_timer) disable_timer();
    /* Suspended before it ever started, the allocator's scavenger makes no thread; later, ending it takes 60 to 100 ms.
     */
    void (*suspend)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, ENGINE_SUSPEND_SCAVENGER);
    if (suspend) suspend();
    /* The engine's run loop takes the thread's default context; without one it makes one that nobody could run. */
    e->loop = g_main_context_new();
    g_main_context_push_thread_default(e->loop);
    initialize_main_thread();
    load_icu_files();
    e->js = JSGlobalContextCreate(NULL);
    if (!e->js) return NULL;
    e->config = dlsym(RTLD_DEFAULT, "g_config");
    find_hidden(e);
    watch_signals();
    JSClassDefinition definition = kJSClassDefinitionEmpty;
    definition.className = "Native";
    definition.callAsFunction = call_native;
    e->native_class = JSClassCreate(&definition);
    e->natives = JSObjectMake(e->js, NULL, NULL);
    JSValueProtect(e->js, e->natives);
    int priority, timeout;
    GPollFD fd = {.fd = -1};
    g_main_context_acquire(e->loop);
    g_main_context_prepare(e->loop, &priority);
    g_main_context_query(e->loop, G_MAXINT, &timeout, &fd, 1);
    e->loop_fd = e->wake_fd = fd.fd;
    return engine_native_add(e, "handlers", register_handlers, e) < 0 ? NULL : e;
}

void engine_keep_names(struct engine *e, const char *names) {
    JSStringRef text = string_from_text(names);
    JSValueRef array = JSEvaluateScript(e->js, text, NULL, NULL, 1, NULL);
    if (array) JSValueProtect(e->js, array);
    JSStringRelease(text);
}

int engine_boot(struct engine *e, const char *source, size_t len, char *message, size_t message_len) {
    JSStringRef text = string_from_utf8((const uint8_t *)source, len), url = string_from_text("mayfly:runtime");
    JSValueRef exception = NULL, argument = e->natives;
    JSValueRef function = JSEvaluateScript(e->js, text, NULL, url, 1, &exception);
    if (function && JSValueIsObject(e->js, function)) {
        JSObjectCallAsFunction(e->js, (JSObjectRef)function, NULL, 1, &argument, &exception);
    } else if (!exception) {
        exception = JSValueMakeUndefined(e->js);
    }
    JSStringRelease(text);
    JSStringRelease(url);
    if (!exception) return 0;
    struct buf out = {0};
    describe(e->js, exception, &out);
    snprintf(message, message_len, "%.*s", (int)buf_len(&out), (const char *)buf_bytes(&out));
    buf_done(&out);
    return -EINVAL;
}

static int count_threads(void) {
    DIR *dir = opendir("/proc/self/task");
    if (!dir) return -errno;
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

int engine_settle(struct engine *e) {
    (void)e;
    /* Without pas_scavenger_suspend, or right after some other thread's end, it takes a while. */
    int threads = count_threads();
    for (int waited_ms = 0; threads > 1 && waited_ms < SETTLE_WAIT_MS; waited_ms += 5) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        threads = count_threads();
    }
    return threads;
}

void engine_forked(struct engine *e) {
    e->wake_fd = -1;
}

void engine_allow_threads(struct engine *e) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(fd >= 0);
    if (fd != e->loop_fd) {
        CHECK(dup3(fd, e->loop_fd, O_CLOEXEC) >= 0);
        close(fd);
    }
    e->wake_fd = e->loop_fd;
    own_pid = getpid();
}

/* In the place of libc's: by this each thread of the engine's takes its name. Those of a host worker's cell compile its code while requests
   go on, and on their processor whoever is woken goes first: the scheduler would let one go on until its next tick, up to 4 ms, but
   gives way to those who ask for shorter slices of time (EEVDF; sched_setattr(2), Linux 6.12, before which this changes little). */
#define COMPILERS_NICE     10
#define COMPILERS_SLICE_NS 100000000u

int prctl_for_engine(int option, ...) __asm__("prctl") __attribute__((visibility("default"), used));

int prctl_for_engine(int option, ...) {
    va_list list;
    unsigned long args[4];
    va_start(list, option);
    for (size_t i = 0; i < COUNT_OF(args); i++) args[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_NAME && has_compilers) {
        const struct attributes {
            uint32_t size, policy;
            uint64_t flags;
            int32_t nice;
            uint32_t priority;
            uint64_t slice_ns, deadline_ns, period_ns;
        } long_slices = {.size = sizeof long_slices, .policy = SCHED_OTHER, .nice = COMPILERS_NICE, .slice_ns = COMPILERS_SLICE_NS};
        syscall(SYS_sched_setattr, 0, &long_slices, 0);
    }
    return (int)syscall(SYS_prctl, option, args[0], args[1], args[2], args[3]);
}

/* The engine's options lie with the rest of its configuration, which is read-only once it has started. */
void engine_tune(struct engine *e, double small_mb, double growth, bool has_threads) {
    if (!e->config || mprotect(e->config, CONFIG_BYTES, PROT_READ | PROT_WRITE) < 0) return;
    jsc_options_set_double("smallHeapGrowthFactor", growth);
    jsc_options_set_double("smallHeapRAMFraction", small_mb / RAM_MB);
    if (has_threads) {
        jsc_options_set_boolean("useConcurrentJIT", TRUE);
        has_compilers = true;
    }
    CHECK(mprotect(e->config, CONFIG_BYTES, PROT_READ) == 0);
}

const void *engine_options(const struct engine *e) {
    return e->config;
}

int engine_call(struct engine *e, enum engine_handler handler, const struct engine_value *args, size_t n) {
    CHECK(n <= ENGINE_ARGS_MAX);
    if (!e->handlers[handler]) return -EINVAL;
    JSValueRef argv[ENGINE_ARGS_MAX], exception = NULL;
    for (size_t i = 0; i < n; i++) argv[i] = value_to_js(e->js, &args[i]);
    pkey_close();
    JSObjectCallAsFunction(e->js, e->handlers[handler], NULL, n, argv, &exception);
    pkey_open();
    if (!exception) return 0;
    struct buf out = {0};
    describe(e->js, exception, &out);
    fprintf(stderr, "mayfly-cell: the runtime's %s handler threw: %.*s\n", handler_names[handler], (int)buf_len(&out),
            (const char *)buf_bytes(&out));
    buf_done(&out);
    return -EINVAL;
}

/* A large script of ASCII is run from where it stands, for ever; NULL for others, and those with an error. */
static JSScriptRef script_in_place(struct engine *e, const struct engine_value *source, JSStringRef url) {
    if (!source->block || source->len < ENGINE_GIVEN_BYTES_MIN || !unicode_is_ascii(source->data, source->len)) return NULL;
    return JSScriptCreateReferencingImmortalASCIIText(JSContextGetGroup(e->js), url, 1, source->data, source->len, NULL, NULL);
}

int engine_evaluate(struct engine *e, const struct engine_value *source, const char *url, struct engine_value *ret) {
    JSStringRef name = string_from_text(url);
    JSValueRef exception = NULL, value;
    pkey_close();
    JSScriptRef script = script_in_place(e, source, name);
    if (script) {
        value = JSScriptEvaluate(e->js, script, NULL, &exception);
        JSScriptRelease(script);
    } else {
        JSStringRef text = string_from_utf8(source->data, source->len);
        free(source->block);
        value = JSEvaluateScript(e->js, text, NULL, name, 1, &exception);
        JSStringRelease(text);
    }
    pkey_open();
    JSStringRelease(name);
    *ret = (struct engine_value){.kind = ENGINE_OBJECT, .object = exception ? exception : value};
    return exception ? -EINVAL : 0;
}

bool engine_is_script(struct engine *e, const struct engine_value *source) {
    JSStringRef text = string_from_utf8(source->data, source->len);
    pkey_close();
    bool is_script = JSCheckScriptSyntax(e->js, text, NULL, 1, NULL);
    pkey_open();
    JSStringRelease(text);
    return is_script;
}

/* Rounds of put off work at a time. A timer of the engine's that finds itself early by less than a microsecond is set
   for this very moment again, and would be for ever: time stands still until the next turn (cell/clock.c). */
#define PUMP_ROUNDS 64

void engine_pump(struct engine *e) {
    pkey_close(); /* finalizers are JavaScript */
    for (int i = 0; i < PUMP_ROUNDS && g_main_context_iteration(e->loop, FALSE); i++) {
    }
    pkey_open();
}

int engine_pending_fd(struct engine *e) {
    return e->wake_fd;
}

/* Overwrites the stack below, where the collector's own frames would find pointers that earlier calls left behind. */
static __attribute__((noinline)) void scrub_stack(void) {
    volatile char below[128 * 1024];
    memset((char *)below, 0, sizeof below);
    __asm__ volatile("" : : "r"(below) : "memory");
}

/* What the C API has not, C++ functions that take the engine's lock for held: it collects all or nothing, not the young
   alone, and drops no code. */
static void find_hidden(struct engine *e) {
    e->collect_young = (void (*)(JSContextGroupRef))dlsym(RTLD_DEFAULT, ENGINE_COLLECT_YOUNG);
    e->unlink = (void (*)(JSContextGroupRef, int))dlsym(RTLD_DEFAULT, ENGINE_UNLINK);
    e->lock = (void (*)(void *, JSContextGroupRef))dlsym(RTLD_DEFAULT, ENGINE_LOCK);
    e->unlock = (void (*)(void *))dlsym(RTLD_DEFAULT, ENGINE_UNLOCK);
    if (!e->lock || !e->unlock) e->collect_young = NULL, e->unlink = NULL;
}

static void collect_young(struct engine *e, JSContextGroupRef vm) {
    e->collect_young(vm);
}

static void unlink_all(struct engine *e, JSContextGroupRef vm) {
    e->unlink(vm, 0); /* PreventCollectionAndDeleteAllCode */
}

static void do_locked(struct engine *e, void (*f)(struct engine *e, JSContextGroupRef vm)) {
    void *holder[4]; /* room for a C++ object of one pointer */
    JSContextGroupRef vm = JSContextGetGroup(e->js);
    e->lock(holder, vm);
    f(e, vm);
    e->unlock(holder);
}

void engine_unlink(struct engine *e) {
    if (e->unlink) do_locked(e, unlink_all);
}

void engine_collect(struct engine *e, bool is_full) {
    scrub_stack();
    if (!is_full && e->collect_young)
        do_locked(e, collect_young);
    else
        JSSynchronousGarbageCollectForDebugging(e->js);
}

void engine_forbid_eval(struct engine *e, const char *message) {
    JSStringRef s = string_from_text(message);
    JSGlobalContextSetEvalEnabled(e->js, false, s);
    JSStringRelease(s);
}
