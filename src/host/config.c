#include "host/config.h"
#include "base/macros.h"
#include "host/config_blob.h"
#include "host/json_text.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <mayfly.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX   (1u << 20)
#define ANSWER_BYTES_MAX (8u << 20)
#define READ_WALL_MS     10000

/* A worker of whose outbound nothing is said may reach what is public, as on Cloudflare. */
#define POLICIES_DEFAULT "{\"mayfly.outbound\":\"public\"}"

static void free_service(struct config_service *service) {
    char *const texts[] = {service->binding, service->entrypoint, service->service, service->at, service->props};
    for (size_t i = 0; i < COUNT_OF(texts); i++) free(texts[i]);
}

void config_done(struct config *c) {
    for (size_t i = 0; i < c->compatibility_flags_len; i++) free(c->compatibility_flags[i]);
    for (size_t i = 0; i < c->crons_len; i++) free(c->crons[i]);
    for (size_t i = 0; i < c->loaders_len; i++) {
        free(c->loaders[i].binding);
        free(c->loaders[i].id);
    }
    for (size_t i = 0; i < c->services_len; i++) free_service(&c->services[i]);
    for (size_t i = 0; i < c->tails_len; i++) free_service(&c->tails[i]);
    for (size_t i = 0; i < c->outbounds_len; i++) free(c->outbounds[i].binding);
    char *const texts[] = {c->name,      c->root_dir, c->main_name,    c->main_path,    c->compatibility_date,
                           c->vars_json, c->warning,  c->secrets_json, c->policies_json};
    for (size_t i = 0; i < COUNT_OF(texts); i++) free(texts[i]);
    free(c->compatibility_flags);
    free(c->crons);
    free(c->loaders);
    free(c->services);
    free(c->tails);
    free(c->outbounds);
    *c = (struct config){0};
}

/* Sets the text for the user and returns `result`. */
__attribute__((format(printf, 3, 4))) static int refuse(char **ret_problems, int result, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (vasprintf(ret_problems, format, args) < 0) *ret_problems = NULL;
    va_end(args);
    return result;
}

static char *copy(const char *text) {
    char *c = strdup(text);
    CHECK(c);
    return c;
}

/* --- Files ------------------------------------------------------------------------------------------------------ */

static int read_all(int fd, struct buf *ret) {
    struct buf in = {0};
    for (;;) {
        uint8_t *room = buf_room(&in, 64 * 1024);
        ssize_t n = room ? read(fd, room, 64 * 1024) : -1;
        if (n < 0 && room && errno == EINTR) continue;
        if (n > 0) buf_add(&in, (size_t)n);
        if (n > 0 && buf_len(&in) <= FILE_BYTES_MAX) continue;
        if (n == 0) {
            *ret = in;
            return 0;
        }
        buf_done(&in);
        return !room ? -ENOMEM : n > 0 ? -EFBIG : -errno;
    }
}

static int read_file(const char *path, struct buf *ret, char **ret_problems) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : read_all(fd, ret);
    if (fd >= 0) close(fd);
    if (r == -EFBIG) return refuse(ret_problems, r, "%s: larger than %u bytes", path, FILE_BYTES_MAX);
    return r < 0 ? refuse(ret_problems, r, "%s: %s", path, strerror(-r)) : 0;
}

/* The absolute directory that `path` is in. */
static int find_root(const char *path, char **ret, char **ret_problems) {
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    char *root = dir ? realpath(dir, NULL) : NULL;
    int r = root ? 0 : -errno;
    free(dir);
    if (!root) return refuse(ret_problems, r, "%s: %s", path, strerror(-r));
    *ret = root;
    return 0;
}

/* Writes a relative path without ".", ".." and empty parts. False if it leads out of the directory. */
static bool normalize(const char *path, char *out, size_t out_len) {
    size_t len = 0;
    if (path[0] == '/') return false;
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && memcmp(path, "..", 2) == 0) {
            if (len == 0) return false;
            while (len > 0 && out[len - 1] != '/') len--;
            if (len > 0) len--;
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (len + part + 2 > out_len) return false;
            if (len) out[len++] = '/';
            memcpy(out + len, path, part);
            len += part;
        }
        path += part;
        if (*path) path++;
    }
    out[len] = 0;
    return len > 0;
}

/* Finds the main module; `at` is the place in the file to blame. */
static int set_main(struct config *c, const char *main, const char *at, char **ret_problems) {
    char name[PATH_MAX];
    struct stat status;
    if (!normalize(main, name, sizeof name)) {
        return refuse(ret_problems, -EINVAL, "%s: main: \"%s\" lies outside of the directory of this file", at, main);
    }
    c->main_name = copy(name);
    const char *separator = strcmp(c->root_dir, "/") == 0 ? "" : "/";
    if (asprintf(&c->main_path, "%s%s%s", c->root_dir, separator, name) < 0) return -ENOMEM;
    int r = access(c->main_path, R_OK) < 0 || stat(c->main_path, &status) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(status.st_mode)) r = -EISDIR;
    if (r < 0) return refuse(ret_problems, r, "%s: main: cannot read \"%s\": %s", at, main, strerror(-r));
    return 0;
}

/* --- The answer of the reading worker --------------------------------------------------------------------------- */

static char *copy_member(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? copy(text) : NULL;
}

/* The strings of a list, to be freed. */
static void take_texts(json_t *list, char ***ret, size_t *ret_len) {
    size_t i;
    json_t *text;
    *ret = calloc(json_array_size(list) + 1, sizeof **ret);
    CHECK(*ret);
    json_array_foreach(list, i, text) {
        if (json_is_string(text)) (*ret)[(*ret_len)++] = copy(json_string_value(text));
    }
}

static int way_of(json_t *binding) {
    json_t *way = json_object_get(binding, "way");
    return json_is_integer(way) ? (int)json_integer_value(way) : WAY_INHERITED;
}

static void take_outbounds(struct config *c, json_t *list) {
    size_t i;
    json_t *outbound;
    c->outbounds = calloc(json_array_size(list) + 1, sizeof *c->outbounds);
    CHECK(c->outbounds);
    json_array_foreach(list, i, outbound) {
        char *binding = copy_member(outbound, "binding");
        if (binding) c->outbounds[c->outbounds_len++] = (struct config_outbound){binding, way_of(outbound)};
    }
}

static void take_loaders(struct config *c, json_t *list) {
    size_t i;
    json_t *loader;
    c->loaders = calloc(json_array_size(list) + 1, sizeof *c->loaders);
    CHECK(c->loaders);
    json_array_foreach(list, i, loader) {
        struct config_loader taken = {copy_member(loader, "binding"), copy_member(loader, "id"), way_of(loader),
                                      json_is_false(json_object_get(loader, "jit"))};
        if (taken.binding)
            c->loaders[c->loaders_len++] = taken;
        else
            free(taken.id);
    }
}

/* Tail consumers are services without a binding. */
static size_t take_services(json_t *list, bool has_binding, struct config_service **ret) {
    size_t i, len = 0;
    json_t *service;
    *ret = calloc(json_array_size(list) + 1, sizeof **ret);
    CHECK(*ret);
    json_array_foreach(list, i, service) {
        struct config_service taken = {.binding = copy_member(service, "binding"),
                                       .entrypoint = copy_member(service, "entrypoint"),
                                       .service = copy_member(service, "service"),
                                       .at = copy_member(service, "at"),
                                       .props = copy_member(service, "props"),
                                       .worker = SERVICE_SELF};
        if (!taken.binding == !has_binding && taken.service && taken.at)
            (*ret)[len++] = taken;
        else
            free_service(&taken);
    }
    return len;
}

static void take_limits(struct config *c, json_t *limits) {
    const char *name;
    json_t *value;
    json_object_foreach(limits, name, value) {
        if (json_is_integer(value)) limits_set(&c->limits, name, json_integer_value(value));
    }
}

static int take_errors(const char *path, json_t *errors, char **ret_problems) {
    struct buf out = {0};
    size_t i;
    json_t *error;
    json_array_foreach(errors, i, error) {
        if (json_is_string(error)) CHECK(buf_printf(&out, "%s%s", i ? "\n" : "", json_string_value(error)) == 0);
    }
    int r = refuse(ret_problems, -EINVAL, "%.*s", (int)buf_len(&out), buf_len(&out) ? (char *)buf_bytes(&out) : "");
    if (buf_len(&out) == 0) r = refuse(ret_problems, -EINVAL, "%s: cannot be read", path);
    buf_done(&out);
    return r;
}

static int take_answer(struct config *c, const char *path, json_t *answer, char **ret_problems) {
    json_t *errors = json_object_get(answer, "errors");
    if (errors) return take_errors(path, errors, ret_problems);
    c->name = copy_member(answer, "name");
    c->compatibility_date = copy_member(answer, "compatibilityDate");
    c->vars_json = copy_member(answer, "vars");
    c->warning = copy_member(answer, "warning");
    const char *main = json_string_value(json_object_get(answer, "main"));
    const char *main_at = json_string_value(json_object_get(answer, "mainAt"));
    struct json_slice vars;
    if (!c->name || !c->compatibility_date || !main || !main_at || !c->vars_json ||
        json_text_check(c->vars_json, strlen(c->vars_json), &vars) < 0 || !json_text_is_object(vars)) {
        return refuse(ret_problems, -EBADMSG, "%s: the worker that reads it gave an answer without sense", path);
    }
    take_texts(json_object_get(answer, "compatibilityFlags"), &c->compatibility_flags, &c->compatibility_flags_len);
    take_texts(json_object_get(answer, "crons"), &c->crons, &c->crons_len);
    take_loaders(c, json_object_get(answer, "loaders"));
    take_limits(c, json_object_get(answer, "limits"));
    c->services_len = take_services(json_object_get(answer, "services"), true, &c->services);
    c->tails_len = take_services(json_object_get(answer, "tails"), false, &c->tails);
    take_outbounds(c, json_object_get(answer, "outbounds"));
    c->secrets_json = copy_member(answer, "secrets");
    c->policies_json = copy_member(answer, "policies");
    if (!c->policies_json) c->policies_json = copy(POLICIES_DEFAULT);
    c->has_policies = json_is_true(json_object_get(answer, "hasPolicies"));
    c->is_closed = json_is_true(json_object_get(answer, "isClosed"));
    return set_main(c, main, main_at, ret_problems);
}

/* --- The reading worker ----------------------------------------------------------------------------------------- */

/* Calls the worker with the file; *ret is its answer as JSON. */
static int ask(const char *args, char **ret, struct mf_error *error) {
    struct mf_config config;
    struct mf_code code;
    struct mf_module module = {"config.js", MF_KIND_JS, config_source, (size_t)(config_source_end - config_source)};
    struct mf_loader *loader = NULL;
    struct mf_worker *worker = NULL;
    mf_config_init(&config);
    mf_code_init(&code);
    config.idle_cells = 1;
    config.brief = 1;
    code.modules = &module;
    code.modules_len = 1;
    code.limits.wall_ms = READ_WALL_MS;
    int r = mf_loader_new(&config, &loader, error);
    if (r == 0) r = mf_worker_load(loader, &code, &worker, error);
    if (r == 0) r = mf_worker_call(worker, NULL, "", args, ret, error);
    mf_worker_free(worker);
    mf_loader_free(loader);
    return r;
}

static int make_args(const char *path, const struct buf *text, struct buf *args) {
    int r = buf_append_text(args, "[");
    if (r == 0) r = buf_append_json(args, path, strlen(path));
    if (r == 0) r = buf_append_text(args, ",");
    if (r == 0) r = buf_append_json(args, (const char *)buf_bytes(text), buf_len(text));
    if (r == 0) r = buf_append(args, "]", 2);
    return r;
}

static int read_wrangler(struct config *c, const char *path, char **ret_problems) {
    struct buf text = {0}, args = {0};
    struct mf_error error;
    char *json = NULL;
    int r = read_file(path, &text, ret_problems);
    if (r < 0) return r;
    r = make_args(path, &text, &args);
    if (r == 0)
        r = ask((const char *)buf_bytes(&args), &json, &error);
    else
        error = (struct mf_error){.message = "out of memory"};
    buf_done(&text);
    buf_done(&args);
    if (r < 0) return refuse(ret_problems, r, "%s: cannot be read: %s", path, error.message);
    json_t *answer = strlen(json) <= ANSWER_BYTES_MAX ? json_loads(json, 0, NULL) : NULL;
    mf_free(json);
    r = take_answer(c, path, answer, ret_problems);
    json_decref(answer);
    return r;
}

/* --- Bare modules ----------------------------------------------------------------------------------------------- */

static bool ends_with_one_of(const char *path, const char *const *endings) {
    const char *dot = strrchr(path, '.');
    for (; dot && *endings; endings++) {
        if (strcmp(dot, *endings) == 0) return true;
    }
    return false;
}

static int describe_bare(struct config *c, const char *path, char **ret_problems) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    c->name = copy(file);
    *strrchr(c->name, '.') = 0;
    for (char *p = c->name; *p; p++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *p)) *p = '-';
    }
    c->compatibility_date = copy("2026-01-01");
    c->vars_json = copy("{}");
    c->compatibility_flags = calloc(1, sizeof *c->compatibility_flags);
    c->loaders = calloc(1, sizeof *c->loaders);
    CHECK(c->loaders && c->compatibility_flags);
    c->loaders[c->loaders_len++] = (struct config_loader){.binding = copy("LOADER"), .way = WAY_INHERITED};
    c->policies_json = copy(POLICIES_DEFAULT);
    return set_main(c, file, path, ret_problems);
}

/* --- Reading ---------------------------------------------------------------------------------------------------- */

static int read_path(struct config *c, const char *path, char **ret_problems) {
    static const char *const modules[] = {".js", ".mjs", ".jsx", ".ts", ".mts", ".tsx", NULL};
    static const char *const formats[] = {".jsonc", ".json", ".toml", NULL};
    bool is_module = ends_with_one_of(path, modules);
    if (!is_module && !ends_with_one_of(path, formats)) {
        return refuse(ret_problems, -EINVAL, "%s: neither a wrangler.jsonc, .json or .toml nor a .js, .mjs or .ts file",
                      path);
    }
    int r = find_root(path, &c->root_dir, ret_problems);
    if (r < 0) return r;
    return is_module ? describe_bare(c, path, ret_problems) : read_wrangler(c, path, ret_problems);
}

static int read_directory(struct config *c, const char *path, char **ret_problems) {
    static const char *const names[] = {"wrangler.json", "wrangler.jsonc", "wrangler.toml"};
    size_t len = strlen(path);
    const char *separator = len && path[len - 1] == '/' ? "" : "/";
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char file[PATH_MAX];
        int n = snprintf(file, sizeof file, "%s%s%s", path, separator, names[i]);
        if (n > 0 && n < (int)sizeof file && access(file, F_OK) == 0) return read_path(c, file, ret_problems);
    }
    return refuse(ret_problems, -ENOENT, "%s: this directory has no wrangler.json, wrangler.jsonc or wrangler.toml",
                  path);
}

int config_read(const char *path, struct config *ret, char **ret_problems) {
    struct config c = {0};
    struct stat status;
    bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    int r = is_directory ? read_directory(&c, path, ret_problems) : read_path(&c, path, ret_problems);
    if (r < 0) {
        config_done(&c);
        return r;
    }
    *ret = c;
    return 0;
}

int config_take(const char *root_dir, const char *answer, struct config *ret, char **ret_problems) {
    struct config c = {.root_dir = copy(root_dir)};
    json_t *said = json_loads(answer, 0, NULL);
    int r = take_answer(&c, root_dir, said, ret_problems);
    json_decref(said);
    if (r < 0) {
        config_done(&c);
        return r;
    }
    *ret = c;
    return 0;
}

/* --- Use -------------------------------------------------------------------------------------------------------- */

static json_t *pack_service(const struct config_service *service) {
    bool is_self = service->worker == SERVICE_SELF;
    json_t *binding = json_pack("{s:s, s:s*, s:s*}", "type", is_self ? "self" : "service", "entrypoint",
                                service->entrypoint, "props", service->props);
    if (is_self) return binding;
    json_object_set_new(binding, "worker", json_integer(service->worker));
    json_object_set_new(binding, "service", json_string(service->service));
    return binding;
}

/* NULL where there is none. */
static json_t *pack_tails(const struct config *c) {
    if (c->tails_len == 0) return NULL;
    json_t *tails = json_array();
    for (size_t i = 0; i < c->tails_len; i++) json_array_append_new(tails, pack_service(&c->tails[i]));
    return tails;
}

static json_t *pack_bindings(const struct config *c) {
    json_t *bindings = json_object();
    for (size_t i = 0; i < c->loaders_len; i++) {
        json_t *binding = json_pack("{s:s, s:s*}", "type", "loader", "namespace", c->loaders[i].id);
        if (c->loaders[i].way >= 0) json_object_set_new(binding, "way", json_integer(c->loaders[i].way));
        if (c->loaders[i].way == WAY_CLOSED) json_object_set_new(binding, "way", json_null());
        if (c->loaders[i].is_jitless) json_object_set_new(binding, "jit", json_false());
        json_object_set_new(bindings, c->loaders[i].binding, binding);
    }
    for (size_t i = 0; i < c->outbounds_len; i++) {
        json_t *binding = json_pack("{s:s, s:i}", "type", "outbound", "way", c->outbounds[i].way);
        json_object_set_new(bindings, c->outbounds[i].binding, binding);
    }
    for (size_t i = 0; i < c->services_len; i++) {
        json_object_set_new(bindings, c->services[i].binding, pack_service(&c->services[i]));
    }
    return bindings;
}

static json_t *pack_texts(char *const *texts, size_t len) {
    json_t *list = json_array();
    for (size_t i = 0; i < len; i++) json_array_append_new(list, json_string(texts[i]));
    return list;
}

/* NULL where there is none. */
static json_t *pack_rpc(const struct config *c) {
    return c->rpc_path ? json_pack("{s:s, s:s*}", "path", c->rpc_path, "entrypoint", c->rpc_entrypoint) : NULL;
}

/* Everything but vars, which stay the text that they are: jansson would change numbers. */
static char *dump_load(const struct config *c, const char *main_kind, size_t main_bytes) {
    json_t *head = json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:b, s:o*, s:s?, s:o, s:o*, s:[{s:s, s:s, s:I}]}", "name", c->name, "mainModule",
        c->main_name, "compatibilityDate", c->compatibility_date, "compatibilityFlags",
        pack_texts(c->compatibility_flags, c->compatibility_flags_len), "crons", pack_texts(c->crons, c->crons_len),
        "testScheduled", c->has_test_scheduled, "tails", pack_tails(c), "outbound", c->is_closed ? NULL : "egress",
        "bindings", pack_bindings(c), "rpc", pack_rpc(c), "modules", "name", c->main_name, "kind", main_kind, "size",
        (json_int_t)main_bytes);
    char *text = head ? json_dumps(head, JSON_COMPACT) : NULL;
    json_decref(head);
    return text;
}

int config_put_load(const struct config *c, const char *main_kind, size_t main_bytes, struct buf *out) {
    char *text = dump_load(c, main_kind, main_bytes);
    if (!text) return -ENOMEM;
    int r = buf_append_text(out, "{\"limits\":");
    if (r == 0) r = limits_put(&c->limits, out);
    if (r == 0) r = buf_printf(out, ",\"vars\":%s,%s", c->vars_json, text + 1);
    free(text);
    return r;
}
