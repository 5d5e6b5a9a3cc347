/* Keeps the names that a scan meets, and at its end draws up what it reports. Runs in a cell, on hostile source:
   names are looked up by sorting, which no choice of names can make slow. */
#include "cell/module_scanner.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *scanner_grow(struct scanner *s, void *array, uint32_t len, size_t size) {
    if (len & (len - 1)) return array; /* room is doubled whenever len is a power of two */
    void *grown = realloc(array, (len ? (size_t)len * 2 : 1) * size);
    if (!grown) scanner_no_memory(s);
    return grown;
}

bool scanner_reserve(struct scanner *s, void **array, uint32_t len, uint32_t *capacity, size_t size) {
    if (len < *capacity) return true;
    uint32_t wanted = *capacity ? *capacity * 2 : 64;
    void *grown = realloc(*array, wanted * size);
    if (!grown) {
        scanner_no_memory(s);
        return false;
    }
    *array = grown;
    *capacity = wanted;
    return true;
}

bool scanner_new_body(struct scanner *s, size_t len) {
    size_t room = len >= MODULE_LEN_LARGE ? MODULE_ROOM : 0;
    char *block = malloc(room + len + 1 + room);
    if (!block) {
        scanner_no_memory(s);
        return false;
    }
    s->scan.block = block;
    s->scan.room = room;
    s->scan.body = block + room;
    s->scan.body[len] = '\0';
    s->scan.body_len = len;
    return true;
}

void scanner_add_name(struct scanner *s, struct name_list *list, struct name name) {
    if (scanner_reserve(s, (void **)&list->names, list->len, &list->capacity, sizeof name))
        list->names[list->len++] = name;
}

void scanner_insert(struct scanner *s, uint32_t at, const char *text) {
    struct insertion *insertions = scanner_grow(s, s->insertions, s->insertions_len, sizeof *insertions);
    if (!insertions) return;
    s->insertions = insertions;
    insertions[s->insertions_len++] = (struct insertion){.at = at, .text = text};
}

struct module_place scanner_place(struct scanner *s, uint32_t at) {
    return module_place_at(s->scan.body, at, &s->cursor);
}

/* --- Texts ------------------------------------------------------------------------------------------------------ */

struct module_text scanner_text(struct scanner *s, struct name name) {
    struct module_text text = {.data = s->scan.body + name.start, .len = name.len};
    bool is_whole;
    if (!memchr(text.data, '\\', text.len)) return text;
    if (module_decode(&s->scan.arena, text.data, text.len, &text, &is_whole) < 0) scanner_no_memory(s);
    return text;
}

struct module_text scanner_keep(struct scanner *s, struct module_text text) {
    if (text.len == 0) return (struct module_text){.data = ""};
    char *copy = module_arena_take(&s->scan.arena, text.len);
    if (!copy) {
        scanner_no_memory(s);
        return (struct module_text){.data = ""};
    }
    memcpy(copy, text.data, text.len);
    return (struct module_text){.data = copy, .len = text.len};
}

/* Any order that is total. */
static int compare_texts(struct module_text a, struct module_text b) {
    if (a.len != b.len) return a.len < b.len ? -1 : 1;
    return memcmp(a.data, b.data, a.len);
}

/* --- Exports and declarations ----------------------------------------------------------------------------------- */

struct module_export *scanner_add_export(struct scanner *s, struct module_text exported, uint32_t at) {
    struct module_export *exports = scanner_grow(s, s->scan.exports, s->scan.exports_len, sizeof *exports);
    if (!exports) return NULL;
    s->scan.exports = exports;
    struct module_export *export = &exports[s->scan.exports_len++];
    *export = (struct module_export){
        .exported = scanner_keep(s, exported), .request = MODULE_LOCAL, .place = scanner_place(s, at)};
    return export;
}

void scanner_export_local(struct scanner *s, struct module_text exported, struct module_text local, uint32_t at) {
    struct module_export *export = scanner_add_export(s, exported, at);
    if (export) export->local = scanner_keep(s, local);
}

void scanner_declare(struct scanner *s, struct name name) {
    scanner_add_name(s, &s->declared, name);
    if (!s->exports_declarations) return;
    struct module_text text = scanner_text(s, name);
    scanner_export_local(s, text, text, name.start);
}

/* --- The end ---------------------------------------------------------------------------------------------------- */

/* Refuses the module for a name; `message` holds one %.*s. */
#define REFUSE_NAME(s, place, message, name)                                                                           \
    scanner_refuse_at((s), (place), message, (name).len > 80 ? 80 : (int)(name).len, (name).data)

/* Pointers to the elements of an array, for sorting. */
static void *pointers_to(struct scanner *s, void *array, uint32_t len, size_t size) {
    char **pointers = malloc((len ? len : 1) * sizeof *pointers);
    if (!pointers) scanner_no_memory(s);
    for (uint32_t i = 0; pointers && i < len; i++) pointers[i] = (char *)array + i * size;
    return pointers;
}

static int by_import_local(const void *a, const void *b) {
    const struct module_import *left = *(struct module_import *const *)a, *right = *(struct module_import *const *)b;
    int order = compare_texts(left->local, right->local);
    return order ? order : left < right ? -1 : 1;
}

static int by_exported(const void *a, const void *b) {
    const struct module_export *left = *(struct module_export *const *)a, *right = *(struct module_export *const *)b;
    int order = compare_texts(left->exported, right->exported);
    return order ? order : left < right ? -1 : 1;
}

static int by_export_local(const void *a, const void *b) {
    const struct module_export *left = *(struct module_export *const *)a, *right = *(struct module_export *const *)b;
    return compare_texts(left->local, right->local);
}

static int find_import(const void *name, const void *element) {
    return compare_texts(*(const struct module_text *)name, (*(struct module_import *const *)element)->local);
}

/* An export of an imported binding is an export of the module that it was imported from. */
static void resolve_imported(struct scanner *s) {
    struct module_scan *scan = &s->scan;
    struct module_import **imports = pointers_to(s, scan->imports, scan->imports_len, sizeof *scan->imports);
    if (!imports) return;
    qsort(imports, scan->imports_len, sizeof *imports, by_import_local);
    for (uint32_t i = 1; i < scan->imports_len; i++)
        if (compare_texts(imports[i - 1]->local, imports[i]->local) == 0)
            REFUSE_NAME(s, imports[i]->place, "Cannot declare an imported binding name twice: '%.*s'",
                        imports[i]->local);
    for (uint32_t i = 0; i < scan->exports_len; i++) {
        struct module_export *export = &scan->exports[i];
        if (export->request != MODULE_LOCAL) continue;
        struct module_import **found =
            bsearch(&export->local, imports, scan->imports_len, sizeof *imports, find_import);
        if (!found) continue;
        export->request = (*found)->request;
        export->name = (*found)->name;
        export->is_namespace = (*found)->is_namespace;
        export->local = (struct module_text){.data = ""};
    }
    free(imports);
}

static void refuse_doubled(struct scanner *s) {
    uint32_t len = s->scan.exports_len;
    struct module_export **exports = pointers_to(s, s->scan.exports, len, sizeof **exports);
    if (!exports) return;
    qsort(exports, len, sizeof *exports, by_exported);
    for (uint32_t i = 1; i < len; i++)
        if (compare_texts(exports[i - 1]->exported, exports[i]->exported) == 0)
            REFUSE_NAME(s, exports[i]->place, "Duplicate export of '%.*s'", exports[i]->exported);
    free(exports);
}

/* One exported local binding, and what became known of it. */
struct local {
    struct module_text name;
    bool is_declared, is_constant, is_assigned;
};

static int find_local(const void *name, const void *element) {
    return compare_texts(*(const struct module_text *)name, ((const struct local *)element)->name);
}

/* Local exports, sorted by local name, and one struct local a name; both arrays have room for all exports. */
struct locals {
    struct module_export **exports;
    struct local *locals;
    uint32_t exports_len, locals_len;
};

static void locals_init(struct scanner *s, struct locals *set) {
    uint32_t len = s->scan.exports_len;
    set->exports = malloc((len ? len : 1) * sizeof *set->exports);
    set->locals = calloc(len ? len : 1, sizeof *set->locals);
    if (!set->exports || !set->locals) {
        scanner_no_memory(s);
        return;
    }
    for (uint32_t i = 0; i < len; i++)
        if (s->scan.exports[i].request == MODULE_LOCAL) set->exports[set->exports_len++] = &s->scan.exports[i];
    qsort(set->exports, set->exports_len, sizeof *set->exports, by_export_local);
    for (uint32_t i = 0; i < set->exports_len; i++) {
        struct module_text name = set->exports[i]->local;
        bool is_default = module_text_is(name, MODULE_DEFAULT, (uint32_t)strlen(MODULE_DEFAULT));
        if (i > 0 && by_export_local(&set->exports[i - 1], &set->exports[i]) == 0) continue;
        set->locals[set->locals_len++] =
            (struct local){.name = name, .is_declared = is_default, .is_constant = is_default};
    }
}

static struct local *local_of(struct scanner *s, const struct locals *set, struct name name) {
    struct module_text text = scanner_text(s, name);
    return bsearch(&text, set->locals, set->locals_len, sizeof *set->locals, find_local);
}

/* Notes for every local export whether it is declared, constant, assigned. */
static void judge_locals(struct scanner *s, struct locals *set) {
    for (uint32_t i = 0; i < s->declared.len && !s->status; i++) {
        struct local *local = local_of(s, set, s->declared.names[i]);
        if (!local) continue;
        local->is_declared = true;
        local->is_constant |= s->declared.names[i].is_constant;
    }
    for (uint32_t i = 0; i < s->assigned.len && !s->status; i++) {
        struct local *local = local_of(s, set, s->assigned.names[i]);
        if (local) local->is_assigned = true;
    }
    for (uint32_t i = 0; i < set->exports_len && !s->status; i++) {
        struct module_export *export = set->exports[i];
        struct local *local = bsearch(&export->local, set->locals, set->locals_len, sizeof *local, find_local);
        if (!local->is_declared) REFUSE_NAME(s, export->place, "Export '%.*s' is not defined in module", export->local);
        export->is_mutable = (local->is_assigned || s->has_eval) && !local->is_constant;
    }
}

static void resolve_locals(struct scanner *s) {
    struct locals set = {0};
    locals_init(s, &set);
    if (!s->status && set.exports_len > 0) judge_locals(s, &set);
    free(set.exports);
    free(set.locals);
}

/* Puts the insertions in, which are in order. */
static void lengthen_body(struct scanner *s) {
    struct module_scan old = s->scan;
    size_t len = old.body_len, from = 0;
    for (uint32_t i = 0; i < s->insertions_len; i++) len += strlen(s->insertions[i].text);
    if (!scanner_new_body(s, len)) return;
    char *to = s->scan.body;
    for (uint32_t i = 0; i < s->insertions_len; i++) {
        const struct insertion *insertion = &s->insertions[i];
        memcpy(to, old.body + from, insertion->at - from);
        to = stpcpy(to + (insertion->at - from), insertion->text);
        from = insertion->at;
    }
    memcpy(to, old.body + from, old.body_len - from);
    free(old.block);
}

void scanner_finish(struct scanner *s) {
    resolve_imported(s);
    if (!s->status) refuse_doubled(s);
    if (!s->status) resolve_locals(s);
    if (!s->status && s->insertions_len > 0) lengthen_body(s);
}
