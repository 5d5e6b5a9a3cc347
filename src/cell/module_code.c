/* Follows the structure of a module's code, token by token: what a slash means, which brace opens a block and which an
   object, where statements end, what is inside a function, what is declared and assigned. Runs in a cell, on hostile
   source.

   Between two tokens `position` says what may come next, and `past` what the last token was; that is enough, since
   line breaks and the token at hand decide the rest (scanner_settle). Code that no engine accepts may be followed
   wrongly, never unboundedly. */
#include "cell/module_scanner.h"
#include <string.h>

/* --- Before a token is taken ------------------------------------------------------------------------------------ */

/* Whether a token at the beginning of a line can go on with the expression before it. */
static bool continues_expression(const struct token *token) {
    switch (token->kind) {
    case TOKEN_NAME: return token->keyword == KEYWORD_IN || token->keyword == KEYWORD_INSTANCEOF;
    case TOKEN_PRIVATE_NAME:
    case TOKEN_NUMBER:
    case TOKEN_STRING:
    case TOKEN_REGEX:
    case TOKEN_BRACE_OPEN:
    case TOKEN_UPDATE:
    case TOKEN_PREFIX: return false;
    default: return true;
    }
}

/* Whether a line break ended the statement, and how an arrow goes on. */
static void settle_position(struct scanner *s, const struct token *token) {
    bool may_end = token->newline_before && scanner_top(s)->in_statements;
    switch (s->position) {
    case POSITION_RESTRICTED:
        s->position = POSITION_OPERAND;
        if (may_end) scanner_end_statement(s);
        break;
    case POSITION_LABEL:
        if (token->kind != TOKEN_NAME || token->newline_before) scanner_end_statement(s);
        break;
    case POSITION_ARROW:
        if (token->kind == TOKEN_BRACE_OPEN) break;
        scanner_push_function(s, FRAME_EXPRESSION, POSITION_OPERATOR);
        s->position = POSITION_OPERAND;
        break;
    case POSITION_PROPERTY: /* ?.[x] and ?.(x) have no name */
        if (token->kind == TOKEN_BRACKET_OPEN || token->kind == TOKEN_PAREN_OPEN) s->position = POSITION_OPERATOR;
        break;
    case POSITION_OPERATOR:
    case POSITION_ARROW_END:
        if (may_end && !scanner_is_head(scanner_top(s)) && !continues_expression(token)) scanner_end_statement(s);
        break;
    default: break;
    }
}

static struct name name_of(const struct token *token) {
    return (struct name){.start = token->start, .len = token->end - token->start};
}

/* Only what functions assign matters: the rest has happened once the module is evaluated. */
static void assign(struct scanner *s, struct name name) {
    if (name.len && s->functions) scanner_add_name(s, &s->assigned, name);
}

static void bind(struct scanner *s, struct frame *frame, struct name name) {
    name.is_constant = frame->declares == DECLARE_CONST;
    if (frame->is_module_level) scanner_declare(s, name);
}

static void add_candidate(struct scanner *s, struct name name) {
    if (s->functions && scanner_top(s)->is_literal) scanner_add_name(s, &s->candidates, name);
}

/* What this token makes of the one before it: a literal may have been a pattern, a member a shorthand. */
static void settle_past(struct scanner *s, const struct token *token) {
    struct frame *top = scanner_top(s);
    if (s->past->closed_literal) {
        bool iterates = top->is_for && (token->keyword == KEYWORD_OF || token->keyword == KEYWORD_IN);
        bool is_pattern = token->kind == TOKEN_EQUAL || iterates;
        for (uint32_t i = s->past->closed_start; is_pattern && i < s->candidates.len; i++)
            assign(s, s->candidates.names[i]);
        if (is_pattern || !top->is_literal) s->candidates.len = s->past->closed_start;
    }
    if (s->past->updated.len) {
        bool is_object = token->kind == TOKEN_DOT || token->kind == TOKEN_BRACKET_OPEN ||
                         token->kind == TOKEN_PAREN_OPEN || token->kind == TOKEN_TEMPLATE;
        if (!is_object) assign(s, s->past->updated);
    }
    if (s->past->member.len) {
        bool is_shorthand =
            token->kind == TOKEN_COMMA || token->kind == TOKEN_BRACE_CLOSE || token->kind == TOKEN_EQUAL;
        if (is_shorthand && top->declares)
            bind(s, top, s->past->member);
        else if (is_shorthand)
            add_candidate(s, s->past->member);
    }
}

void scanner_settle(struct scanner *s, const struct token *token) {
    settle_position(s, token);
    settle_past(s, token);
}

/* --- Names ------------------------------------------------------------------------------------------------------ */

static void take_identifier(struct scanner *s, const struct token *token) {
    struct frame *top = scanner_top(s);
    struct name name = name_of(token);
    if (s->position == POSITION_OPERATOR && token->keyword == KEYWORD_OF && top->is_for) {
        assign(s, s->past->used);
        s->position = POSITION_OPERAND;
        return;
    }
    if (s->position == POSITION_OPERATOR && s->past->keyword == KEYWORD_USING) {
        top->declares = DECLARE_CONST;
        top->is_binding = true;
        top->is_module_level = s->frames_len == 1;
    }
    if (top->is_binding) {
        top->is_binding = false;
        bind(s, top, name);
    } else {
        s->now->used = name;
        if (s->past->updates) s->now->updated = name;
        add_candidate(s, name);
    }
    s->position = POSITION_OPERATOR;
}

static void take_declaration(struct scanner *s, enum declaration declaration) {
    struct frame *top = scanner_top(s);
    top->declares = (uint8_t)declaration;
    top->is_binding = true;
    top->is_module_level = s->functions == 0 && (declaration == DECLARE_VAR || s->frames_len == 1);
    s->position = POSITION_OPERAND;
}

static bool begins_statement(enum position position) {
    return position == POSITION_ITEM || position == POSITION_STATEMENT;
}

static void take_function(struct scanner *s) {
    bool is_async = s->past->keyword == KEYWORD_ASYNC && s->position == POSITION_OPERATOR;
    bool is_declaration = begins_statement(is_async ? s->past->position : s->position);
    scanner_push(s, FRAME_FUNCTION_HEAD, is_declaration ? POSITION_ITEM : POSITION_OPERATOR);
    s->position = POSITION_NAME;
}

/* The name behind `function` or `class`; only declarations put it into the scope around them. */
static void take_head_name(struct scanner *s, const struct token *token) {
    struct frame *top = scanner_top(s);
    if (token->keyword == KEYWORD_EXTENDS) {
        s->position = POSITION_OPERAND;
        return;
    }
    if (s->frames_len == 2 && top->then == POSITION_ITEM) scanner_declare(s, name_of(token));
    s->position = POSITION_OPERATOR;
}

static void take_await(struct scanner *s, const struct token *token) {
    if (s->functions == 0 && s->lexer.is_script) {
        take_identifier(s, token); /* a name like any other */
        return;
    }
    if (s->functions == 0) s->scan.has_top_level_await = true;
    if (s->position != POSITION_HEAD) s->position = POSITION_OPERAND;
}

/* `import` and `export` are statements where the module's own statements begin. */
static bool is_at_module_item(const struct scanner *s) {
    return s->frames_len == 1 && s->position == POSITION_ITEM && !s->lexer.is_script;
}

static void take_keyword(struct scanner *s, const struct token *token) {
    switch (token->keyword) {
    case KEYWORD_NONE:
    case KEYWORD_OF:
    case KEYWORD_ASYNC:
    case KEYWORD_USING: take_identifier(s, token); break;
    case KEYWORD_IMPORT: is_at_module_item(s) ? scanner_import(s, token) : scanner_import_expression(s, token); break;
    case KEYWORD_EXPORT:
        if (is_at_module_item(s)) scanner_export(s, token);
        break;
    case KEYWORD_FUNCTION: take_function(s); break;
    case KEYWORD_CLASS:
        scanner_push(s, FRAME_CLASS_HEAD, begins_statement(s->position) ? POSITION_ITEM : POSITION_OPERATOR);
        s->position = POSITION_NAME;
        break;
    case KEYWORD_VAR: take_declaration(s, DECLARE_VAR); break;
    case KEYWORD_LET: take_declaration(s, DECLARE_LET); break;
    case KEYWORD_CONST: take_declaration(s, DECLARE_CONST); break;
    case KEYWORD_AWAIT: take_await(s, token); break;
    case KEYWORD_CATCH:
    case KEYWORD_FOR:
    case KEYWORD_IF:
    case KEYWORD_SWITCH:
    case KEYWORD_WHILE:
    case KEYWORD_WITH: s->position = POSITION_HEAD; break;
    case KEYWORD_DO:
    case KEYWORD_ELSE:
    case KEYWORD_FINALLY:
    case KEYWORD_TRY: s->position = POSITION_STATEMENT; break;
    case KEYWORD_RETURN:
    case KEYWORD_YIELD:
        if (s->functions == 0 && !s->lexer.is_script) scanner_refuse_token(s, token);
        s->position = POSITION_RESTRICTED;
        break;
    case KEYWORD_THROW: s->position = POSITION_RESTRICTED; break;
    case KEYWORD_BREAK:
    case KEYWORD_CONTINUE: s->position = POSITION_LABEL; break;
    case KEYWORD_DEBUGGER: s->position = POSITION_ITEM; break;
    case KEYWORD_IN:
        if (scanner_top(s)->is_for) assign(s, s->past->used);
        s->position = POSITION_OPERAND;
        break;
    case KEYWORD_CASE:
    case KEYWORD_DELETE:
    case KEYWORD_EXTENDS:
    case KEYWORD_INSTANCEOF:
    case KEYWORD_NEW:
    case KEYWORD_TYPEOF:
    case KEYWORD_VOID: s->position = POSITION_OPERAND; break;
    case KEYWORD_DEFAULT:
    case KEYWORD_RESERVED: s->position = POSITION_OPERATOR; break;
    }
}

static void take_name(struct scanner *s, const struct token *token) {
    switch (s->position) {
    case POSITION_PROPERTY: s->position = POSITION_OPERATOR; break;
    case POSITION_MEMBER: s->now->member = name_of(token); break;
    case POSITION_NAME: take_head_name(s, token); break;
    case POSITION_LABEL: s->position = POSITION_ITEM; break;
    default: take_keyword(s, token);
    }
}

/* --- Brackets --------------------------------------------------------------------------------------------------- */

/* A literal, or a pattern where a name would be declared. */
static struct frame *open_literal(struct scanner *s, enum frame_kind kind) {
    struct frame around = *scanner_top(s);
    scanner_top(s)->is_binding = false;
    struct frame *frame = scanner_push(s, kind, POSITION_OPERATOR);
    frame->is_literal = !around.is_binding;
    if (around.is_binding) {
        frame->declares = around.declares;
        frame->is_module_level = around.is_module_level;
    }
    return frame;
}

static void open_body(struct scanner *s, enum position then) {
    scanner_push_function(s, FRAME_BLOCK, then);
    s->position = POSITION_ITEM;
}

static void open_brace(struct scanner *s) {
    struct frame top = *scanner_top(s);
    switch (s->position) {
    case POSITION_MEMBER: open_body(s, POSITION_MEMBER); break; /* static { } */
    case POSITION_ARROW: open_body(s, POSITION_ARROW_END); break;
    case POSITION_BODY:
        if (top.kind == FRAME_FUNCTION_HEAD) scanner_pop(s);
        open_body(s, top.kind == FRAME_FUNCTION_HEAD ? top.then : POSITION_MEMBER);
        break;
    case POSITION_OPERAND:
        open_literal(s, FRAME_OBJECT);
        s->position = POSITION_MEMBER;
        break;
    default:
        if (top.kind == FRAME_CLASS_HEAD) {
            scanner_pop(s);
            scanner_push(s, FRAME_CLASS, top.then);
            s->position = POSITION_MEMBER;
        } else {
            scanner_push(s, FRAME_BLOCK, POSITION_ITEM);
            s->position = POSITION_ITEM;
        }
    }
}

static void open_parameters(struct scanner *s) {
    struct frame *frame = scanner_push_function(s, FRAME_PAREN, POSITION_BODY);
    frame->declares = DECLARE_PARAMETER;
    frame->is_binding = true;
}

/* The parentheses of `if`, `for`, `catch` ... */
static void open_head(struct scanner *s, enum token_keyword keyword) {
    bool may_end_loop = keyword == KEYWORD_WHILE; /* of do ... while */
    struct frame *frame = scanner_push(s, FRAME_PAREN, may_end_loop ? POSITION_ITEM : POSITION_STATEMENT);
    frame->is_for = keyword == KEYWORD_FOR || keyword == KEYWORD_AWAIT;
    frame->is_binding = keyword == KEYWORD_CATCH;
    frame->declares = keyword == KEYWORD_CATCH ? DECLARE_PARAMETER : DECLARE_NOTHING;
}

static void open_paren(struct scanner *s) {
    struct frame *top = scanner_top(s);
    if (s->position == POSITION_MEMBER || top->kind == FRAME_FUNCTION_HEAD) {
        open_parameters(s);
    } else if (s->position == POSITION_HEAD) {
        open_head(s, s->past->keyword);
    } else {
        bool is_call = s->position == POSITION_OPERATOR;
        bool in_literal = top->is_literal && !is_call;
        if (is_call && s->past->used.len && module_text_is(scanner_text(s, s->past->used), "eval", 4))
            s->has_eval = true;
        scanner_push(s, FRAME_PAREN, POSITION_OPERATOR)->is_literal = in_literal;
        s->now->updates = s->past->updates;
    }
    s->position = POSITION_OPERAND;
}

static void open_bracket(struct scanner *s) {
    if (s->position == POSITION_MEMBER) {
        scanner_push(s, FRAME_BRACKET, POSITION_MEMBER);
    } else if (s->position == POSITION_OPERATOR || s->position == POSITION_ARROW_END) {
        scanner_push(s, FRAME_BRACKET, POSITION_OPERATOR);
    } else {
        struct frame *frame = open_literal(s, FRAME_BRACKET);
        frame->is_binding = frame->declares != DECLARE_NOTHING;
    }
    s->position = POSITION_OPERAND;
}

static void take_template(struct scanner *s, const struct token *token) {
    if (token->is_open) scanner_push(s, FRAME_TEMPLATE, POSITION_OPERATOR);
    s->position = token->is_open ? POSITION_OPERAND : POSITION_OPERATOR;
}

/* Goes on with a template behind the } of a ${. */
static void resume_template(struct scanner *s) {
    struct token token;
    scanner_pop(s);
    if (lexer_template(&s->lexer, &token) < 0)
        scanner_refuse(s, s->lexer.error_at, "%s", s->lexer.message);
    else
        take_template(s, &token);
}

static bool closes(enum token_kind token, const struct frame *frame) {
    switch (frame->kind) {
    case FRAME_PAREN: return token == TOKEN_PAREN_CLOSE;
    case FRAME_BRACKET: return token == TOKEN_BRACKET_CLOSE;
    default: return token == TOKEN_BRACE_CLOSE;
    }
}

static void close_bracket(struct scanner *s, const struct token *token) {
    scanner_pop_unbracketed(s);
    struct frame frame = *scanner_top(s);
    if (s->frames_len == 1 || !closes(token->kind, &frame)) {
        scanner_refuse_token(s, token);
        return;
    }
    if (frame.kind == FRAME_TEMPLATE) {
        resume_template(s);
        return;
    }
    scanner_pop(s);
    s->position = frame.then;
    if (frame.then == POSITION_ITEM) scanner_end_statement(s);
    if (frame.kind == FRAME_PAREN) s->now->used = s->past->used; /* (x) = 1 assigns to x */
    s->now->closed_literal = frame.is_literal && frame.kind != FRAME_PAREN;
    s->now->closed_start = frame.candidates_start;
}

/* --- Punctuators ------------------------------------------------------------------------------------------------ */

static void take_semicolon(struct scanner *s, const struct token *token) {
    scanner_pop_unbracketed(s);
    struct frame *top = scanner_top(s);
    if (top->in_statements) {
        scanner_end_statement(s);
    } else if (top->is_for) {
        top->declares = DECLARE_NOTHING;
        top->is_binding = false;
        top->ternaries = 0;
        s->position = POSITION_OPERAND;
    } else {
        scanner_refuse_token(s, token);
    }
}

static void take_comma(struct scanner *s, const struct token *token) {
    scanner_pop_unbracketed(s);
    struct frame *top = scanner_top(s);
    if (s->frames_len == 1 && s->is_default_export) scanner_refuse_token(s, token);
    top->is_binding = top->declares && top->kind != FRAME_OBJECT;
    s->position = top->kind == FRAME_OBJECT ? POSITION_MEMBER : POSITION_OPERAND;
}

static void take_colon(struct scanner *s) {
    while (scanner_top(s)->kind == FRAME_EXPRESSION && scanner_top(s)->ternaries == 0) scanner_pop(s);
    struct frame *top = scanner_top(s);
    bool is_label = top->kind == FRAME_BLOCK && top->ternaries == 0;
    if (s->position == POSITION_MEMBER)
        top->is_binding = top->declares;
    else if (top->ternaries > 0)
        top->ternaries--;
    s->position = is_label ? POSITION_STATEMENT : POSITION_OPERAND;
}

static void take_equal(struct scanner *s) {
    bool is_field = s->position == POSITION_MEMBER && scanner_top(s)->kind == FRAME_CLASS;
    assign(s, s->past->used);
    scanner_top(s)->is_binding = false;
    if (is_field) scanner_push_function(s, FRAME_EXPRESSION, POSITION_OPERATOR);
    s->position = POSITION_OPERAND;
}

static void take_update(struct scanner *s) {
    if (s->position == POSITION_OPERATOR) {
        assign(s, s->past->used);
        return;
    }
    s->now->updates = true;
    s->position = POSITION_OPERAND;
}

/* Keeps `<!--` from becoming a comment: a space goes into it, taken from before it if there is one. */
static void take_html_open(struct scanner *s, const struct token *token) {
    char *text = s->scan.body + token->start;
    if (token->start > 0 && text[-1] == ' ')
        memcpy(text - 1, "< ", 2);
    else
        scanner_insert(s, token->start + 1, " ");
    s->now->updates = true;
    s->position = POSITION_OPERAND;
}

void scanner_take(struct scanner *s, const struct token *token) {
    switch (token->kind) {
    case TOKEN_END: break;
    case TOKEN_NAME: take_name(s, token); break;
    case TOKEN_PRIVATE_NAME:
    case TOKEN_NUMBER:
    case TOKEN_STRING:
        if (s->position != POSITION_MEMBER) s->position = POSITION_OPERATOR;
        break;
    case TOKEN_TEMPLATE: take_template(s, token); break;
    case TOKEN_REGEX: s->position = POSITION_OPERATOR; break;
    case TOKEN_BRACE_OPEN: open_brace(s); break;
    case TOKEN_PAREN_OPEN: open_paren(s); break;
    case TOKEN_BRACKET_OPEN: open_bracket(s); break;
    case TOKEN_BRACE_CLOSE:
    case TOKEN_PAREN_CLOSE:
    case TOKEN_BRACKET_CLOSE: close_bracket(s, token); break;
    case TOKEN_SEMICOLON: take_semicolon(s, token); break;
    case TOKEN_COMMA: take_comma(s, token); break;
    case TOKEN_COLON: take_colon(s); break;
    case TOKEN_QUESTION:
        scanner_top(s)->ternaries++;
        s->position = POSITION_OPERAND;
        break;
    case TOKEN_DOT: s->position = POSITION_PROPERTY; break;
    case TOKEN_SPREAD:
        if (scanner_top(s)->declares) scanner_top(s)->is_binding = true;
        s->position = POSITION_OPERAND;
        break;
    case TOKEN_ARROW: s->position = POSITION_ARROW; break;
    case TOKEN_EQUAL:
    case TOKEN_ASSIGN: take_equal(s); break;
    case TOKEN_UPDATE: take_update(s); break;
    case TOKEN_STAR:
        if (s->position != POSITION_MEMBER && s->position != POSITION_NAME) s->position = POSITION_OPERAND;
        break;
    case TOKEN_HTML_OPEN: take_html_open(s, token); break;
    case TOKEN_PREFIX:
    case TOKEN_OPERATOR: s->position = POSITION_OPERAND; break;
    }
}
