/* Reads import and export statements, notes what they say and takes them out of the body. Runs in a cell, on hostile
   source. Between its tokens nothing but lists can grow, so no stack is needed here. */
#include "base/macros.h"
#include "cell/module_scanner.h"
#include <errno.h>
#include <string.h>

static struct token next(struct scanner *s) {
    return scanner_next(s, SLASH_DIVIDES);
}

static struct token peek(struct scanner *s) {
    struct lexer before = s->lexer;
    struct token token = scanner_next(s, SLASH_OPENS_REGEX);
    s->lexer = before;
    return token;
}

static void expect(struct scanner *s, const struct token *token, enum token_kind kind) {
    if (token->kind != kind) scanner_refuse_token(s, token);
}

static bool is_word(const struct scanner *s, const struct token *token, const char *word) {
    uint32_t len = token->end - token->start;
    return token->kind == TOKEN_NAME && len == strlen(word) && memcmp(s->scan.body + token->start, word, len) == 0;
}

static bool is_reserved(const struct token *token) {
    return token->keyword != KEYWORD_NONE && token->keyword <= KEYWORD_RESERVED;
}

static struct module_text constant(const char *text) {
    return (struct module_text){.data = text, .len = (uint32_t)strlen(text)};
}

static struct module_text token_text(struct scanner *s, const struct token *token) {
    return scanner_text(s, (struct name){.start = token->start, .len = token->end - token->start});
}

/* --- Texts ------------------------------------------------------------------------------------------------------ */

static struct module_text string_text(struct scanner *s, const struct token *token, bool *ret_is_whole) {
    struct module_text text = {.data = ""};
    *ret_is_whole = true;
    expect(s, token, TOKEN_STRING);
    if (s->status) return text;
    const char *inside = s->scan.body + token->start + 1;
    int r = module_decode(&s->scan.arena, inside, token->end - token->start - 2, &text, ret_is_whole);
    if (r == -ENOMEM) scanner_no_memory(s);
    if (r == -EINVAL) scanner_refuse(s, token->start, "Invalid escape in string");
    return text;
}

/* The name of an import or export: any word, reserved or not, or a string of whole characters. */
static struct module_text export_name(struct scanner *s, const struct token *token) {
    bool is_whole;
    if (token->kind == TOKEN_NAME) return token_text(s, token);
    struct module_text text = string_text(s, token, &is_whole);
    if (!is_whole) scanner_refuse(s, token->start, "A name in a string must be well-formed Unicode");
    return text;
}

/* The local name of an import: what strict code lets a constant be called. */
static struct module_text binding_name(struct scanner *s, const struct token *token) {
    bool is_fit = token->kind == TOKEN_NAME && !is_reserved(token) && !is_word(s, token, "eval") &&
                  !is_word(s, token, "arguments");
    if (!is_fit) scanner_refuse_token(s, token);
    return s->status ? constant("") : token_text(s, token);
}

/* --- What both statements end with ------------------------------------------------------------------------------ */

/* One `key: "value"` of a `with { }`. */
static void read_attribute(struct scanner *s, const struct token *key, struct module_text *type) {
    bool is_whole;
    struct module_text name = export_name(s, key);
    struct token colon = next(s), value = peek(s);
    expect(s, &colon, TOKEN_COLON);
    next(s);
    struct module_text text = string_text(s, &value, &is_whole);
    if (!module_text_is(name, "type", 4))
        scanner_refuse(s, key->start, "Import attribute '%.*s' is not supported", (int)name.len, name.data);
    else if (type->data)
        scanner_refuse(s, key->start, "Duplicate import attribute 'type'");
    *type = text;
}

static struct module_text read_attributes(struct scanner *s) {
    struct module_text type = {0};
    struct token word = peek(s);
    bool is_old = is_word(s, &word, "assert") && !word.newline_before;
    if (word.keyword != KEYWORD_WITH && !is_old) return type;
    next(s);
    struct token token = next(s);
    expect(s, &token, TOKEN_BRACE_OPEN);
    for (token = next(s); token.kind != TOKEN_BRACE_CLOSE && !s->status; token = next(s)) {
        read_attribute(s, &token, &type);
        token = next(s);
        if (token.kind == TOKEN_BRACE_CLOSE) break;
        expect(s, &token, TOKEN_COMMA);
    }
    return scanner_keep(s, type);
}

/* Reads the specifier and its attributes, and adds the request. */
static void read_request(struct scanner *s, enum module_phase phase) {
    bool is_whole;
    struct token token = next(s);
    struct module_request request = {.phase = phase};
    request.specifier = string_text(s, &token, &is_whole);
    if (s->status) return;
    request.place = scanner_place(s, token.start);
    request.type = read_attributes(s);
    struct module_request *requests = scanner_grow(s, s->scan.requests, s->scan.requests_len, sizeof *s->scan.requests);
    if (!requests) return;
    s->scan.requests = requests;
    requests[s->scan.requests_len++] = request;
}

static void read_from(struct scanner *s, enum module_phase phase) {
    struct token token = next(s);
    if (!is_word(s, &token, "from")) scanner_refuse_token(s, &token);
    read_request(s, phase);
}

/* Overwrites from `start` to where the lexer stands. */
static void blank(struct scanner *s, uint32_t start) {
    module_blank(s->scan.body + start, s->lexer.at - start);
    s->scan.body[start] = ';';
    s->position = POSITION_ITEM;
}

static void end_clause(struct scanner *s, uint32_t start) {
    struct token token = peek(s);
    bool ends = token.kind == TOKEN_SEMICOLON || token.kind == TOKEN_END || token.newline_before;
    if (!ends) scanner_refuse_token(s, &token);
    if (!s->status) blank(s, start);
}

/* --- Import ----------------------------------------------------------------------------------------------------- */

/* Adds an import of the request that is going to be read. `name` is not kept yet. */
static void add_import(struct scanner *s, struct module_text name, const struct token *local, uint32_t at) {
    struct module_import import = {.request = s->scan.requests_len, .is_namespace = name.len == 0};
    import.name = scanner_keep(s, name);
    import.local = scanner_keep(s, binding_name(s, local));
    if (s->status) return;
    import.place = scanner_place(s, at);
    struct module_import *imports = scanner_grow(s, s->scan.imports, s->scan.imports_len, sizeof *imports);
    if (!imports) return;
    s->scan.imports = imports;
    imports[s->scan.imports_len++] = import;
}

/* `name`, `name as local` or `"name" as local`. */
static void read_import_specifier(struct scanner *s, const struct token *name) {
    struct module_text text = export_name(s, name);
    struct token word = peek(s);
    if (!is_word(s, &word, "as")) {
        add_import(s, text, name, name->start);
        return;
    }
    next(s);
    struct token local = next(s);
    add_import(s, text, &local, name->start);
}

static void read_import_list(struct scanner *s) {
    for (struct token token = next(s); token.kind != TOKEN_BRACE_CLOSE && !s->status; token = next(s)) {
        read_import_specifier(s, &token);
        token = next(s);
        if (token.kind == TOKEN_BRACE_CLOSE) return;
        expect(s, &token, TOKEN_COMMA);
    }
}

static void read_import_namespace(struct scanner *s) {
    struct token word = next(s), local = next(s);
    if (!is_word(s, &word, "as")) scanner_refuse_token(s, &word);
    add_import(s, constant(""), &local, local.start);
}

/* Whether `source`, just read, is a phase and no default import: another name must follow, and be no `from` unless
   there are two of them. */
static bool is_phase(struct scanner *s, const struct token *source) {
    if (!is_word(s, source, "source")) return false;
    struct lexer before = s->lexer;
    struct token local = next(s), word = {0};
    if (is_word(s, &local, "from")) word = next(s);
    s->lexer = before;
    return local.kind == TOKEN_NAME && (!is_word(s, &local, "from") || is_word(s, &word, "from"));
}

/* What stands between `import` and `from`; `first` is already read. */
static void read_import_clause(struct scanner *s, struct token first) {
    if (first.kind == TOKEN_NAME) {
        add_import(s, constant("default"), &first, first.start);
        first = peek(s);
        if (first.kind != TOKEN_COMMA) return;
        next(s);
        first = next(s);
    }
    if (first.kind == TOKEN_STAR)
        read_import_namespace(s);
    else if (first.kind == TOKEN_BRACE_OPEN)
        read_import_list(s);
    else
        scanner_refuse_token(s, &first);
}

void scanner_import(struct scanner *s, const struct token *keyword) {
    struct lexer before = s->lexer;
    struct token first = next(s);
    if (first.kind == TOKEN_PAREN_OPEN || first.kind == TOKEN_DOT) {
        s->lexer = before;
        scanner_import_expression(s, keyword);
        return;
    }
    if (first.kind == TOKEN_STRING) {
        s->lexer = before;
        read_request(s, MODULE_PHASE_EVALUATION);
    } else if (is_phase(s, &first)) {
        struct token local = next(s);
        add_import(s, constant("default"), &local, local.start);
        read_from(s, MODULE_PHASE_SOURCE);
    } else {
        read_import_clause(s, first);
        read_from(s, MODULE_PHASE_EVALUATION);
    }
    end_clause(s, keyword->start);
}

void scanner_import_expression(struct scanner *s, const struct token *keyword) {
    struct lexer before = s->lexer;
    struct token first = next(s), second = {0};
    if (first.kind == TOKEN_DOT) second = next(s);
    s->lexer = before;
    s->position = POSITION_OPERATOR;
    bool is_meta = is_word(s, &second, "meta") && !s->lexer.is_script;
    bool is_call = first.kind == TOKEN_PAREN_OPEN || is_word(s, &second, "source");
    if (!is_meta && !is_call) return; /* the engine will say what is wrong with it */
    s->scan.has_import_meta |= is_meta;
    s->scan.has_dynamic_import |= is_call;
    memcpy(s->scan.body + keyword->start, MODULE_IMPORT, strlen(MODULE_IMPORT));
}

/* --- Export ----------------------------------------------------------------------------------------------------- */

/* `name`, `name as exported`; until the list's end nobody knows whether `name` is local. The first one that cannot
   be is remembered. */
static void read_export_specifier(struct scanner *s, const struct token *name, struct token *unfit) {
    struct module_text text = export_name(s, name), exported = text;
    struct token word = peek(s), as = *name;
    if (unfit->kind == TOKEN_END && (name->kind == TOKEN_STRING || is_reserved(name))) *unfit = *name;
    if (is_word(s, &word, "as")) {
        next(s);
        as = next(s);
        exported = export_name(s, &as);
    }
    scanner_export_local(s, exported, text, as.start);
}

static void read_export_list(struct scanner *s) {
    uint32_t first = s->scan.exports_len;
    struct token unfit = {.kind = TOKEN_END};
    for (struct token token = next(s); token.kind != TOKEN_BRACE_CLOSE && !s->status; token = next(s)) {
        read_export_specifier(s, &token, &unfit);
        token = next(s);
        if (token.kind == TOKEN_BRACE_CLOSE) break;
        expect(s, &token, TOKEN_COMMA);
    }
    struct token word = peek(s);
    if (!is_word(s, &word, "from")) {
        if (unfit.kind != TOKEN_END) scanner_refuse_token(s, &unfit);
        return;
    }
    for (uint32_t i = first; i < s->scan.exports_len; i++) {
        struct module_export *export = &s->scan.exports[i];
        export->request = s->scan.requests_len;
        export->name = export->local;
        export->local = (struct module_text){0};
    }
    read_from(s, MODULE_PHASE_EVALUATION);
}

static void read_export_star(struct scanner *s) {
    struct token word = peek(s);
    if (is_word(s, &word, "as")) {
        next(s);
        struct token name = next(s);
        struct module_export *export = scanner_add_export(s, export_name(s, &name), name.start);
        if (!export) return;
        export->request = s->scan.requests_len;
        export->is_namespace = true;
    } else {
        uint32_t *stars = scanner_grow(s, s->scan.stars, s->scan.stars_len, sizeof *stars);
        if (!stars) return;
        s->scan.stars = stars;
        stars[s->scan.stars_len++] = s->scan.requests_len;
    }
    read_from(s, MODULE_PHASE_EVALUATION);
}

/* Writes words into a stretch of the body from its beginning, over spaces only. Returns false if they do not fit. */
static bool write_words(struct scanner *s, uint32_t start, uint32_t end, const char *const words[]) {
    uint32_t at = start;
    for (; *words; words++) {
        uint32_t len = (uint32_t)strlen(*words), room = 0;
        for (; at < end && room < len; at++) room = s->scan.body[at] == ' ' ? room + 1 : 0;
        if (room < len) return false;
        memcpy(s->scan.body + at - len, *words, len);
        if (at < end && s->scan.body[at] == ' ' && **words != '*') at++; /* a space between words */
    }
    return true;
}

static void export_default_expression(struct scanner *s, uint32_t start, const struct token *keyword) {
    static const char *const words[] = {"let", MODULE_DEFAULT "=", NULL};
    uint32_t end = keyword->end;
    module_blank(s->scan.body + start, end - start);
    CHECK(write_words(s, start, end, words)); /* `let` fits into `export`, the rest into `default` */
    scanner_export_local(s, constant("default"), constant(MODULE_DEFAULT), keyword->start);
    s->is_default_export = true;
    s->position = POSITION_OPERAND;
}

/* Gives a function that is exported as default a name; the lexer stands behind `function` or its star. */
static void name_default_function(struct scanner *s, uint32_t start, const struct token *async,
                                  const struct token *function, const struct token *star) {
    const char *words[] = {async ? "async function" : "function", star ? "*" : MODULE_DEFAULT,
                           star ? MODULE_DEFAULT : NULL, NULL};
    uint32_t end = s->lexer.at;
    char *body = s->scan.body;
    module_blank(body + start, end - start);
    if (!write_words(s, start, end, words)) {
        module_blank(body + start, end - start);
        if (async) memcpy(body + async->start, "async", 5);
        memcpy(body + function->start, "function", 8);
        if (star) body[star->start] = '*';
        scanner_insert(s, end, " " MODULE_DEFAULT);
    }
    scanner_push(s, FRAME_FUNCTION_HEAD, POSITION_ITEM);
    s->position = POSITION_NAME;
}

static void name_default_class(struct scanner *s, uint32_t start) {
    static const char *const words[] = {"class", MODULE_DEFAULT, NULL};
    module_blank(s->scan.body + start, s->lexer.at - start);
    CHECK(write_words(s, start, s->lexer.at, words)); /* `class` fits into `export`, the name into `default` */
    scanner_push(s, FRAME_CLASS_HEAD, POSITION_ITEM);
    s->position = POSITION_NAME;
}

/* A function or class behind `export default`; `first` is its first token, the lexer stands behind it. */
static void export_default_declaration(struct scanner *s, uint32_t start, const struct token *keyword,
                                       struct token first) {
    struct lexer before = s->lexer;
    struct token function = first.keyword == KEYWORD_ASYNC ? next(s) : first;
    struct token star = peek(s);
    if (star.kind == TOKEN_STAR) next(s);
    struct token name = peek(s);
    bool is_named = name.kind == TOKEN_NAME && name.keyword != KEYWORD_EXTENDS;
    struct module_text local = is_named ? token_text(s, &name) : constant(MODULE_DEFAULT);
    scanner_export_local(s, constant("default"), local, keyword->start);
    if (is_named) {
        s->lexer = before;
        s->lexer.at = keyword->end;
        blank(s, start);
    } else if (first.keyword == KEYWORD_CLASS) {
        name_default_class(s, start);
    } else {
        name_default_function(s, start, first.keyword == KEYWORD_ASYNC ? &first : NULL, &function,
                              star.kind == TOKEN_STAR ? &star : NULL);
    }
}

/* `async` begins a function only if `function` follows on the same line. */
static bool is_async_function(struct scanner *s, const struct token *token) {
    if (token->keyword != KEYWORD_ASYNC) return false;
    struct token function = peek(s);
    return function.keyword == KEYWORD_FUNCTION && !function.newline_before;
}

static void export_default(struct scanner *s, uint32_t start, const struct token *keyword) {
    struct lexer before = s->lexer;
    struct token first = next(s);
    bool is_class = first.keyword == KEYWORD_CLASS;
    if (is_class || first.keyword == KEYWORD_FUNCTION || is_async_function(s, &first)) {
        export_default_declaration(s, start, keyword, first);
    } else {
        s->lexer = before;
        export_default_expression(s, start, keyword);
    }
}

void scanner_export(struct scanner *s, const struct token *keyword) {
    struct lexer before = s->lexer;
    struct token first = next(s);
    bool declares = first.keyword == KEYWORD_VAR || first.keyword == KEYWORD_LET || first.keyword == KEYWORD_CONST ||
                    first.keyword == KEYWORD_FUNCTION || first.keyword == KEYWORD_CLASS || is_async_function(s, &first);
    if (declares) {
        s->lexer = before;
        blank(s, keyword->start);
        s->exports_declarations = true;
    } else if (first.keyword == KEYWORD_DEFAULT) {
        export_default(s, keyword->start, &first);
    } else if (first.kind == TOKEN_BRACE_OPEN) {
        read_export_list(s);
        end_clause(s, keyword->start);
    } else if (first.kind == TOKEN_STAR) {
        read_export_star(s);
        end_clause(s, keyword->start);
    } else {
        scanner_refuse_token(s, &first);
    }
}
