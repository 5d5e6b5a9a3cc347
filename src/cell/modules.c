/* The natives behind runtime/modules: scanning a module's source and compiling what the linker makes of it. Runs in
   cells, on hostile source. A scan lives between `scan` and `compile`, under a small number. */
#include "base/macros.h"
#include "cell/cell.h"
#include "cell/module_scan.h"
#include "cell/pages.h"
#include <errno.h>
#include <string.h>

/* Scans that may wait to be compiled; a worker has no more modules than that. */
#define SCANS_MAX 65536

struct modules {
    struct cell *cell;
    struct module_scan **scans;
    size_t scans_len;
    struct buf text; /* what the last native returned */
};

static struct modules the_modules OF_EACH_CELL;

static int put_text(struct buf *out, const char *key, struct module_text text) {
    int r = buf_printf(out, ",\"%s\":", key);
    return r < 0 ? r : buf_append_json(out, text.data, text.len);
}

static int put_place(struct buf *out, struct module_place place) {
    return buf_printf(out, ",\"line\":%u,\"column\":%u}", place.line, place.column);
}

static void put_requests(const struct module_scan *scan, struct buf *out) {
    for (uint32_t i = 0; i < scan->requests_len; i++) {
        const struct module_request *request = &scan->requests[i];
        buf_append_text(out, i ? ",{\"n\":0" : "{\"n\":0");
        put_text(out, "specifier", request->specifier);
        if (request->type.len) put_text(out, "type", request->type);
        if (request->phase == MODULE_PHASE_SOURCE) buf_append_text(out, ",\"phase\":\"source\"");
        put_place(out, request->place);
    }
}

static void put_imports(const struct module_scan *scan, struct buf *out) {
    for (uint32_t i = 0; i < scan->imports_len; i++) {
        const struct module_import *import = &scan->imports[i];
        buf_printf(out, "%s{\"request\":%u,\"namespace\":%s", i ? "," : "", import->request,
                   import->is_namespace ? "true" : "false");
        put_text(out, "name", import->name);
        put_text(out, "local", import->local);
        put_place(out, import->place);
    }
}

static void put_exports(const struct module_scan *scan, struct buf *out) {
    for (uint32_t i = 0; i < scan->exports_len; i++) {
        const struct module_export *export = &scan->exports[i];
        buf_printf(out, "%s{\"mutable\":%s", i ? "," : "", export->is_mutable ? "true" : "false");
        put_text(out, "exported", export->exported);
        if (export->request == MODULE_LOCAL) {
            put_text(out, "local", export->local);
        } else {
            buf_printf(out, ",\"request\":%u", export->request);
            if (export->is_namespace) buf_append_text(out, ",\"namespace\":true");
            else put_text(out, "name", export->name);
        }
        put_place(out, export->place);
    }
}

static void put_scan(const struct module_scan *scan, size_t handle, struct buf *out) {
    buf_printf(out, "{\"handle\":%zu,\"topLevelAwait\":%s,\"importMeta\":%s,\"dynamicImport\":%s,\"requests\":[", handle,
               scan->has_top_level_await ? "true" : "false", scan->has_import_meta ? "true" : "false",
               scan->has_dynamic_import ? "true" : "false");
    put_requests(scan, out);
    buf_append_text(out, "],\"imports\":[");
    put_imports(scan, out);
    buf_append_text(out, "],\"exports\":[");
    put_exports(scan, out);
    buf_append_text(out, "],\"stars\":[");
    for (uint32_t i = 0; i < scan->stars_len; i++) buf_printf(out, "%s%u", i ? "," : "", scan->stars[i]);
    buf_append_text(out, "]}");
}

/* Keeps a scan under the lowest free number. Returns it or a negative errno. */
static long keep(struct modules *m, struct module_scan *scan) {
    size_t handle = 0;
    while (handle < m->scans_len && m->scans[handle]) handle++;
    if (handle == SCANS_MAX) return -ENFILE;
    if (handle == m->scans_len) {
        size_t len = m->scans_len ? m->scans_len * 2 : 16;
        struct module_scan **scans = realloc(m->scans, len * sizeof *scans);
        if (!scans) return -ENOMEM;
        memset(scans + m->scans_len, 0, (len - m->scans_len) * sizeof *scans);
        m->scans = scans;
        m->scans_len = len;
    }
    m->scans[handle] = scan;
    return (long)handle;
}

static int throw_out_of_memory(struct engine_error *error) {
    error->type = "RangeError";
    snprintf(error->message, sizeof error->message, "Out of memory while a module was read.");
    return -ENOMEM;
}

static int scan(void *context, const struct engine_value *args, struct engine_value *ret, struct engine_error *error) {
    struct modules *m = context;
    bool is_source = args[1].kind == ENGINE_TEXT || args[1].kind == ENGINE_BYTES;
    struct module_scan *result = is_source ? calloc(1, sizeof *result) : NULL;
    if (!result) return throw_out_of_memory(error);
    struct module_scan_error wrong = {0};
    bool is_script = args[2].kind == ENGINE_BOOLEAN && args[2].number != 0;
    int r = (is_script ? module_scan_script : module_scan)(args[1].data, args[1].len, result, &wrong);
    long handle = r < 0 ? r : keep(m, result);
    if (handle < 0) {
        if (r == 0) module_scan_done(result);
        free(result);
        if (r != -EINVAL) return throw_out_of_memory(error);
        error->type = "SyntaxError";
        snprintf(error->message, sizeof error->message, "%s", wrong.message);
        error->line = (int)wrong.place.line;
        error->column = (int)wrong.place.column;
        return -EINVAL;
    }
    buf_consume(&m->text, buf_len(&m->text));
    put_scan(result, (size_t)handle, &m->text);
    *ret = (struct engine_value){.kind = ENGINE_JSON, .data = buf_bytes(&m->text), .len = buf_len(&m->text)};
    return 0;
}

static struct module_scan *find(const struct modules *m, const struct engine_value *handle) {
    bool is_index = handle->kind == ENGINE_NUMBER && handle->number >= 0 && handle->number < (double)m->scans_len;
    return is_index ? m->scans[(size_t)handle->number] : NULL;
}

static int refuse(struct engine_error *error, const char *text) {
    error->type = "TypeError";
    snprintf(error->message, sizeof error->message, "%s", text);
    return -EINVAL;
}

static int body(void *context, const struct engine_value *args, struct engine_value *ret, struct engine_error *error) {
    const struct module_scan *found = find(context, &args[0]);
    if (!found) return refuse(error, "body: no such scan");
    *ret = (struct engine_value){.kind = ENGINE_TEXT, .data = found->body, .len = found->body_len};
    return 0;
}

static int mentions(void *context, const struct engine_value *args, struct engine_value *ret,
                    struct engine_error *error) {
    (void)context;
    if (args[0].kind != ENGINE_BYTES || args[1].kind != ENGINE_TEXT) return refuse(error, "mentions: bytes and words");
    bool has = args[0].len && memmem(args[0].data, args[0].len, args[1].data, args[1].len);
    *ret = (struct engine_value){.kind = ENGINE_BOOLEAN, .number = has};
    return 0;
}

static void drop(struct modules *m, size_t handle) {
    module_scan_done(m->scans[handle]);
    free(m->scans[handle]);
    m->scans[handle] = NULL;
}

static int discard(void *context, const struct engine_value *args, struct engine_value *ret,
                   struct engine_error *error) {
    (void)ret, (void)error;
    if (find(context, &args[0])) drop(context, (size_t)args[0].number);
    return 0;
}

/* The body with a prefix and a suffix around it, where it stands if there is room. The block is the caller's, the scan
   without a body. */
static int surround(struct module_scan *scan, const struct engine_value *prefix, const struct engine_value *suffix,
                    struct engine_value *ret) {
    size_t len = prefix->len + scan->body_len + suffix->len;
    char *block = scan->block, *text = scan->body - prefix->len;
    if (prefix->len > scan->room || suffix->len > scan->room) {
        text = block = malloc(len);
        if (!block) return -ENOMEM;
        memcpy(text + prefix->len, scan->body, scan->body_len);
        free(scan->block);
    }
    memcpy(text, prefix->data, prefix->len);
    memcpy(text + len - suffix->len, suffix->data, suffix->len);
    scan->block = scan->body = NULL;
    *ret = (struct engine_value){.kind = ENGINE_TEXT, .data = text, .len = len, .block = block};
    return 0;
}

static int compile(void *context, const struct engine_value *args, struct engine_value *ret,
                   struct engine_error *error) {
    struct modules *m = context;
    struct module_scan *found = find(m, &args[0]);
    for (int i = 1; i <= 3; i++) {
        if (args[i].kind != ENGINE_TEXT) found = NULL;
    }
    if (!found) return refuse(error, "compile: a scan and three strings are needed");
    struct engine_value source;
    int r = surround(found, &args[1], &args[2], &source);
    drop(m, (size_t)args[0].number);
    return r < 0 ? throw_out_of_memory(error) : engine_evaluate(m->cell->engine, &source, args[3].data, ret);
}

void cell_modules_add(struct cell *cell) {
    the_modules.cell = cell;
    CHECK(engine_native_add(cell->engine, "scan", scan, &the_modules) == 0);
    CHECK(engine_native_add(cell->engine, "body", body, &the_modules) == 0);
    CHECK(engine_native_add(cell->engine, "compile", compile, &the_modules) == 0);
    CHECK(engine_native_add(cell->engine, "mentions", mentions, &the_modules) == 0);
    CHECK(engine_native_add(cell->engine, "discard", discard, &the_modules) == 0);
}
