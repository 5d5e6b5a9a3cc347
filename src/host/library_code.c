/* Part of libmayfly: from struct mf_code to a LOAD frame. Pure: checks, then writes; no cell is needed for an error. */
#include "base/macros.h"
#include "host/library_private.h"
#include <errno.h>
#include <string.h>

#define CODE_BYTES_MAX      (64u << 20)
#define VARIABLES_BYTES_MAX (1u << 20)
#define MODULES_MAX         4096
#define BINDINGS_MAX        1024
#define NAME_BYTES_MAX      1024

static const char *const kind_names[] = {
    [MF_KIND_JS] = "js",     [MF_KIND_TS] = "ts",     [MF_KIND_CJS] = "cjs",   [MF_KIND_TEXT] = "text",
    [MF_KIND_DATA] = "data", [MF_KIND_JSON] = "json", [MF_KIND_WASM] = "wasm", [MF_KIND_SNIPPET] = "snippet",
};

#define KINDS_LEN ((int)(sizeof kind_names / sizeof kind_names[0]))

static enum mf_kind kind_by_name(const char *name) {
    static const struct {
        const char *ending;
        enum mf_kind kind;
    } endings[] = {
        {".js", MF_KIND_JS},    {".mjs", MF_KIND_JS},    {".ts", MF_KIND_TS},     {".tsx", MF_KIND_TS},
        {".mts", MF_KIND_TS},   {".jsx", MF_KIND_TS},    {".cjs", MF_KIND_CJS},   {".json", MF_KIND_JSON},
        {".txt", MF_KIND_TEXT}, {".html", MF_KIND_TEXT}, {".wasm", MF_KIND_WASM}, {".bin", MF_KIND_DATA},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcmp(dot, endings[i].ending) == 0) return endings[i].kind;
    }
    return MF_KIND_BY_NAME;
}

static bool is_name(const char *name) {
    return name && name[0] && strnlen(name, NAME_BYTES_MAX + 1) <= NAME_BYTES_MAX;
}

static int check_module(const struct mf_code *code, size_t i, struct mf_error *error) {
    const struct mf_module *module = &code->modules[i];
    if (!is_name(module->name)) {
        return library_fail(error, -EINVAL, "modules[%zu].name: 1 to %d bytes are needed", i, NAME_BYTES_MAX);
    }
    if ((int)module->kind < 0 || (int)module->kind >= KINDS_LEN) {
        return library_fail(error, -EINVAL, "module \"%s\": %d is no kind", module->name, (int)module->kind);
    }
    if (module->kind == MF_KIND_BY_NAME && kind_by_name(module->name) == MF_KIND_BY_NAME) {
        return library_fail(error, -EINVAL, "module \"%s\": its name does not tell its kind; name one", module->name);
    }
    if (module->kind == MF_KIND_SNIPPET && code->modules_len != 1) {
        return library_fail(error, -EINVAL, "module \"%s\": a snippet must be the only module", module->name);
    }
    if (!module->data && module->len) return library_fail(error, -EINVAL, "module \"%s\": no data", module->name);
    for (size_t j = 0; j < i; j++) {
        if (strcmp(module->name, code->modules[j].name) == 0) {
            return library_fail(error, -EINVAL, "module \"%s\" is there twice", module->name);
        }
    }
    return 0;
}

static int check_modules(const struct mf_code *code, struct mf_error *error) {
    size_t bytes = 0;
    if (!code->modules || code->modules_len == 0) return library_fail(error, -EINVAL, "modules: one is needed");
    if (code->modules_len > MODULES_MAX) {
        return library_fail(error, -EINVAL, "modules: %zu are more than %d", code->modules_len, MODULES_MAX);
    }
    for (size_t i = 0; i < code->modules_len; i++) {
        int r = check_module(code, i, error);
        if (r < 0) return r;
        if (code->modules[i].len > CODE_BYTES_MAX - bytes) {
            return library_fail(error, -EINVAL, "modules: they are larger than %u bytes together", CODE_BYTES_MAX);
        }
        bytes += code->modules[i].len;
    }
    return 0;
}

/* Variables and capabilities share the names of env. */
static const char *env_name(const struct mf_code *code, size_t i) {
    return i < code->variables_len ? code->variables[i].name : code->capabilities[i - code->variables_len].name;
}

static int check_env(const struct mf_code *code, struct mf_error *error) {
    size_t bytes = 0, len = code->variables_len + code->capabilities_len;
    if (code->variables_len > BINDINGS_MAX || code->capabilities_len > BINDINGS_MAX) {
        return library_fail(error, -EINVAL, "variables, capabilities: there may be %d of each", BINDINGS_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        const char *name = env_name(code, i);
        if (!is_name(name))
            return library_fail(error, -EINVAL, "a name in env must have 1 to %d bytes", NAME_BYTES_MAX);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(name, env_name(code, j)) == 0) {
                return library_fail(error, -EINVAL, "the name \"%s\" is twice in env", name);
            }
        }
    }
    for (size_t i = 0; i < code->variables_len; i++) {
        const struct mf_variable *variable = &code->variables[i];
        struct json_slice value;
        if (!variable->json || json_text_check(variable->json, strlen(variable->json), &value) < 0) {
            return library_fail(error, -EINVAL, "the variable \"%s\" is not JSON", variable->name);
        }
        bytes += value.len;
    }
    if (bytes > VARIABLES_BYTES_MAX) {
        return library_fail(error, -EINVAL, "variables: %zu bytes are more than %u", bytes, VARIABLES_BYTES_MAX);
    }
    struct json_slice outbound;
    if (code->outbound_json && json_text_check(code->outbound_json, strlen(code->outbound_json), &outbound) < 0) {
        return library_fail(error, -EINVAL, "outbound_json is not JSON");
    }
    for (size_t i = 0; i < code->capabilities_len; i++) {
        if (!code->capabilities[i].handler) {
            return library_fail(error, -EINVAL, "the capability \"%s\" has no handler", code->capabilities[i].name);
        }
    }
    return 0;
}

/* --- Writing ---------------------------------------------------------------------------------------------------- */

static int append_string(struct buf *out, const char *text) {
    return buf_append_json(out, text, strlen(text));
}

static int append_flags(const struct mf_code *code, struct buf *out) {
    int r = 0;
    for (size_t i = 0; i < code->compatibility_flags_len && r == 0; i++) {
        r = i ? buf_append_text(out, ",") : 0;
        if (r == 0) r = append_string(out, code->compatibility_flags[i]);
    }
    return r;
}

static int append_env(const struct mf_code *code, struct buf *out) {
    int r = buf_printf(out, "],\"outbound\":%s,\"vars\":{", code->outbound_json ? "\"owner\"" : "null");
    for (size_t i = 0; i < code->variables_len && r == 0; i++) {
        r = i ? buf_append_text(out, ",") : 0;
        if (r == 0) r = append_string(out, code->variables[i].name);
        if (r == 0) r = buf_printf(out, ":%s", code->variables[i].json);
    }
    if (r == 0) r = buf_append_text(out, "},\"bindings\":{");
    for (size_t i = 0; i < code->capabilities_len && r == 0; i++) {
        r = i ? buf_append_text(out, ",") : 0;
        if (r == 0) r = append_string(out, code->capabilities[i].name);
        if (r == 0) r = buf_append_text(out, ":{\"type\":\"host\"}");
    }
    return r;
}

static int append_limits(const struct mf_code *code, struct buf *out) {
    return buf_printf(out, "},\"limits\":{\"cpuMs\":%u,\"memoryMb\":%u",
                      code_limit(code->limits.cpu_ms, LIMIT_CPU_MS_DEFAULT),
                      code_limit(code->limits.memory_mb, LIMIT_MEMORY_MB_DEFAULT));
}

static int append_modules(const struct mf_code *code, struct buf *out, struct buf *tail) {
    int r = buf_append_text(out, "},\"modules\":[");
    for (size_t i = 0; i < code->modules_len && r == 0; i++) {
        const struct mf_module *module = &code->modules[i];
        enum mf_kind kind = module->kind == MF_KIND_BY_NAME ? kind_by_name(module->name) : module->kind;
        r = buf_append_text(out, i ? ",{\"name\":" : "{\"name\":");
        if (r == 0) r = append_string(out, module->name);
        if (r == 0) r = buf_printf(out, ",\"kind\":\"%s\",\"size\":%zu}", kind_names[kind], module->len);
        if (r == 0) r = buf_append(tail, module->data, module->len);
    }
    return r == 0 ? buf_append_text(out, "]}") : r;
}

static int encode(const struct mf_code *code, struct buf *head, struct buf *tail) {
    const char *date = code->compatibility_date ? code->compatibility_date : "2026-01-01";
    int r = buf_append_text(head, "{\"mainModule\":");
    if (r == 0) r = append_string(head, code->modules[0].name);
    if (r == 0) r = buf_append_text(head, ",\"compatibilityDate\":");
    if (r == 0) r = append_string(head, date);
    if (r == 0) r = buf_append_text(head, ",\"compatibilityFlags\":[");
    if (r == 0) r = append_flags(code, head);
    if (r == 0) r = append_env(code, head);
    if (r == 0) r = append_limits(code, head);
    return r == 0 ? append_modules(code, head, tail) : r;
}

/* HTMLRewriter is WebAssembly, too, and the engine compiles what it validates. */
static bool needs_thread(const struct mf_module *module) {
    static const char *const names[] = {"HTMLRewriter", "WebAssembly.validate"};
    for (size_t i = 0; i < COUNT_OF(names) && module->len; i++) {
        if (memmem(module->data, module->len, names[i], strlen(names[i]))) return true;
    }
    return false;
}

bool code_is_threaded(const struct mf_code *code) {
    for (size_t i = 0; i < code->modules_len; i++) {
        const struct mf_module *module = &code->modules[i];
        enum mf_kind kind = module->kind == MF_KIND_BY_NAME ? kind_by_name(module->name) : module->kind;
        if (kind == MF_KIND_WASM) return true;
        bool is_data = kind == MF_KIND_DATA || kind == MF_KIND_TEXT || kind == MF_KIND_JSON;
        if (!is_data && needs_thread(module)) return true;
    }
    return false;
}

int code_encode(const struct mf_code *code, struct buf *head, struct buf *tail, struct mf_error *error) {
    int r = check_modules(code, error);
    if (r == 0) r = check_env(code, error);
    if (r < 0) return r;
    r = encode(code, head, tail);
    if (r < 0) {
        buf_done(head);
        buf_done(tail);
        return library_fail(error, r, "out of memory");
    }
    return 0;
}
