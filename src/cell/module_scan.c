/* Runs the scan of a module: the frames, the walk from token to token, the beginning and the end. Runs in a cell, on
   hostile source. Brackets, and what else encloses code, are frames on a stack of our own, so nothing recurses. */
#include "base/macros.h"
#include "cell/module_scanner.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* --- Failures and tokens ---------------------------------------------------------------------------------------- */

void scanner_no_memory(struct scanner *s) {
    if (s->status == 0) s->status = -ENOMEM;
}

static void refuse(struct scanner *s, struct module_place place, const char *format, va_list args) {
    if (s->status) return;
    s->status = -EINVAL;
    s->error->place = place;
    vsnprintf(s->error->message, sizeof s->error->message, format, args);
}

void scanner_refuse_at(struct scanner *s, struct module_place place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    refuse(s, place, format, args);
    va_end(args);
}

void scanner_refuse(struct scanner *s, uint32_t at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    refuse(s, scanner_place(s, at), format, args);
    va_end(args);
}

void scanner_refuse_token(struct scanner *s, const struct token *token) {
    uint32_t len = token->end - token->start;
    if (token->kind == TOKEN_END)
        scanner_refuse(s, token->start, "Unexpected end of module");
    else if (token->kind == TOKEN_STRING || token->kind == TOKEN_TEMPLATE || len > 60)
        scanner_refuse(s, token->start, "Unexpected %s", token->kind == TOKEN_STRING ? "string" : "token");
    else
        scanner_refuse(s, token->start, "Unexpected token '%.*s'", (int)len, s->scan.body + token->start);
}

struct token scanner_next(struct scanner *s, enum slash slash) {
    struct token end = {.kind = TOKEN_END, .start = s->lexer.len, .end = s->lexer.len}, token = end;
    if (s->status) return end;
    if (lexer_next(&s->lexer, slash, &token) == 0) return token;
    scanner_refuse(s, s->lexer.error_at, "%s", s->lexer.message);
    return end;
}

/* --- Frames ----------------------------------------------------------------------------------------------------- */

struct frame *scanner_push(struct scanner *s, enum frame_kind kind, enum position then) {
    if (s->frames_len == MODULE_NESTING_MAX) {
        scanner_refuse(s, s->lexer.at, "Code is nested too deeply");
        return scanner_top(s);
    }
    if (!scanner_reserve(s, (void **)&s->frames, s->frames_len, &s->frames_capacity, sizeof *s->frames))
        return scanner_top(s);
    bool is_list = kind == FRAME_BLOCK || kind == FRAME_CLASS;
    bool is_thin = kind == FRAME_EXPRESSION || kind == FRAME_FUNCTION_HEAD || kind == FRAME_CLASS_HEAD;
    s->frames[s->frames_len] = (struct frame){
        .kind = (uint8_t)kind,
        .then = (uint8_t)then,
        .in_statements = is_list || (is_thin && scanner_top(s)->in_statements),
        .candidates_start = s->candidates.len,
    };
    s->frames_len++;
    return scanner_top(s);
}

struct frame *scanner_push_function(struct scanner *s, enum frame_kind kind, enum position then) {
    struct frame *frame = scanner_push(s, kind, then);
    if (!s->status) {
        frame->is_function = true;
        s->functions++;
    }
    return frame;
}

void scanner_pop(struct scanner *s) {
    CHECK(s->frames_len > 1);
    if (scanner_top(s)->is_function) s->functions--;
    s->frames_len--;
}

void scanner_pop_unbracketed(struct scanner *s) {
    while (scanner_top(s)->kind == FRAME_EXPRESSION || scanner_is_head(scanner_top(s))) scanner_pop(s);
}

void scanner_end_statement(struct scanner *s) {
    scanner_pop_unbracketed(s);
    struct frame *top = scanner_top(s);
    top->declares = DECLARE_NOTHING;
    top->is_binding = false;
    top->ternaries = 0;
    s->position = top->kind == FRAME_CLASS ? POSITION_MEMBER : POSITION_ITEM;
    if (s->frames_len == 1) s->exports_declarations = s->is_default_export = false;
}

/* --- The whole -------------------------------------------------------------------------------------------------- */

static enum slash slash_at(enum position position) {
    switch (position) {
    case POSITION_ITEM:
    case POSITION_STATEMENT:
    case POSITION_OPERAND:
    case POSITION_RESTRICTED:
    case POSITION_LABEL:
    case POSITION_ARROW: return SLASH_OPENS_REGEX;
    case POSITION_ARROW_END: return SLASH_OPENS_REGEX_ON_NEW_LINE;
    default: return SLASH_DIVIDES;
    }
}

static void scan_code(struct scanner *s) {
    struct token token;
    do {
        if (lexer_next(&s->lexer, slash_at(s->position), &token) < 0) {
            scanner_refuse(s, s->lexer.error_at, "%s", s->lexer.message);
            return;
        }
        struct trace *past = s->now;
        s->now = s->past;
        s->past = past;
        scanner_settle(s, &token);
        *s->now = (struct trace){.keyword = token.keyword, .position = s->position};
        scanner_take(s, &token);
    } while (token.kind != TOKEN_END && !s->status);
    scanner_pop_unbracketed(s);
    if (s->frames_len > 1) scanner_refuse_token(s, &token);
}

/* The body begins as a copy of the source; the first frame is the module. */
static int scanner_init(struct scanner *s, const char *source, size_t len, struct module_scan_error *error) {
    *s = (struct scanner){.error = error, .position = POSITION_ITEM};
    if (!scanner_reserve(s, (void **)&s->frames, 0, &s->frames_capacity, sizeof *s->frames)) return -ENOMEM;
    if (!scanner_new_body(s, len)) return -ENOMEM;
    memcpy(s->scan.body, source, len);
    s->frames[0] = (struct frame){.kind = FRAME_BLOCK, .in_statements = true};
    s->frames_len = 1;
    s->now = &s->traces[0];
    s->past = &s->traces[1];
    s->lexer = (struct lexer){.source = s->scan.body, .len = (uint32_t)len};
    if (len >= 2 && memcmp(source, "#!", 2) == 0) memcpy(s->scan.body, "//", 2);
    return 0;
}

static void scanner_done(struct scanner *s) {
    free(s->frames);
    free(s->insertions);
    free(s->declared.names);
    free(s->assigned.names);
    free(s->candidates.names);
}

static int scan(const char *source, size_t len, bool is_script, struct module_scan *ret_scan,
                struct module_scan_error *ret_error) {
    struct scanner s;
    if (len > MODULE_SOURCE_BYTES_MAX) return -EFBIG;
    if (len >= 3 && memcmp(source, "\xef\xbb\xbf", 3) == 0) {
        source += 3;
        len -= 3;
    }
    s.status = scanner_init(&s, source, len, ret_error);
    s.lexer.is_script = is_script;
    if (!s.status) scan_code(&s);
    if (!s.status) scanner_finish(&s);
    scanner_done(&s);
    if (s.status)
        module_scan_done(&s.scan);
    else
        *ret_scan = s.scan;
    return s.status;
}

int module_scan(const char *source, size_t len, struct module_scan *ret_scan, struct module_scan_error *ret_error) {
    return scan(source, len, false, ret_scan, ret_error);
}

int module_scan_script(const char *source, size_t len, struct module_scan *ret_scan,
                       struct module_scan_error *ret_error) {
    return scan(source, len, true, ret_scan, ret_error);
}

void module_scan_done(struct module_scan *scan) {
    free(scan->block);
    free(scan->requests);
    free(scan->imports);
    free(scan->exports);
    free(scan->stars);
    module_arena_free(scan->arena);
    *scan = (struct module_scan){0};
}
