/* The scanner's state, shared by its four parts: module_scan.c runs a scan, module_code.c follows the structure of the
   code, module_syntax.c reads import and export statements, module_tables.c keeps names and draws up the result. Runs
   in a cell. */
#pragma once
#include "cell/module_lexer.h"

/* What encloses the token at hand. */
enum frame_kind {
    FRAME_BLOCK, /* a list of statements: the module, a block, the body of a function, of a switch */
    FRAME_PAREN,
    FRAME_BRACKET,
    FRAME_OBJECT, /* an object literal or an object pattern */
    FRAME_CLASS,
    FRAME_TEMPLATE,      /* inside ${ } */
    FRAME_FUNCTION_HEAD, /* from `function` to its body */
    FRAME_CLASS_HEAD,    /* from `class` to its body */
    FRAME_EXPRESSION,    /* an expression that runs as a function: of an arrow, or of a field of a class */
};

/* What the next token can be. */
enum position {
    POSITION_ITEM,      /* a statement or a declaration */
    POSITION_STATEMENT, /* a statement inside another: behind `else`, `if (...)`, a label */
    POSITION_OPERAND,
    POSITION_OPERATOR,
    POSITION_RESTRICTED, /* an operand on the same line: behind `return`, `yield`, `throw` */
    POSITION_LABEL,      /* a label on the same line: behind `break` */
    POSITION_PROPERTY,   /* any name: behind a dot */
    POSITION_MEMBER,     /* the name of a member of a class or an object, or what surrounds it */
    POSITION_NAME,       /* a name, or none: behind `function` and `class` */
    POSITION_HEAD,       /* parentheses: behind `if`, `for`, `catch` ... */
    POSITION_BODY,       /* a function's body: behind its parameters */
    POSITION_ARROW,      /* a body: behind `=>` */
    POSITION_ARROW_END,  /* an operator, or a new statement on a new line: behind the block of an arrow */
};

enum declaration { DECLARE_NOTHING, DECLARE_VAR, DECLARE_LET, DECLARE_CONST, DECLARE_PARAMETER };

struct frame {
    uint8_t kind;        /* enum frame_kind */
    uint8_t then;        /* enum position behind the closing bracket */
    uint8_t declares;    /* enum declaration that the statement at hand, or this pattern, makes */
    bool is_binding : 1; /* a name here is one that is declared, not one that is used */
    bool is_function : 1;
    bool is_literal : 1;       /* may turn out to be a pattern that is assigned to */
    bool is_for : 1;           /* the head of a for */
    bool in_statements : 1;    /* no bracket stands between here and a list of statements, or of members */
    bool is_module_level : 1;  /* what `declares` declares belongs to the module */
    uint32_t ternaries;        /* `?` that wait for their `:` */
    uint32_t candidates_start; /* of a literal: its names from here on */
};

/* A name as it stands in the source, escapes and all. */
struct name {
    uint32_t start;
    uint32_t len : 31;
    uint32_t is_constant : 1;
};

struct name_list {
    struct name *names;
    uint32_t len, capacity;
};

/* What is remembered of one token while the next is taken. */
struct trace {
    enum token_keyword keyword;
    enum position position; /* in which it stood */
    struct name used;       /* it was this variable; len 0 if it was something else */
    struct name member;     /* it was this name of a member, maybe a shorthand */
    struct name updated;    /* it was this variable, with ++ or -- before it */
    bool updates;           /* it was ++ or -- before an operand */
    bool closed_literal;    /* it closed a literal whose names begin at closed_start */
    uint32_t closed_start;
};

/* Where the body is longer than the source. */
struct insertion {
    uint32_t at;
    const char *text;
};

/* `status` is 0 until something failed; then everything stops at the next token. */
struct scanner {
    int status;
    struct module_scan_error *error;
    struct module_scan scan; /* the result so far; body is the source, changed behind the lexer's back */
    struct lexer lexer;
    struct module_cursor cursor;
    struct insertion *insertions;
    uint32_t insertions_len;

    enum position position;
    struct trace traces[2];
    struct trace *now, *past; /* of the token at hand, of the one before */
    struct frame *frames;     /* frames[0] is the module */
    uint32_t frames_len, frames_capacity;
    uint32_t functions;        /* frames that are functions */
    bool exports_declarations; /* the statement at hand began with `export` */
    bool is_default_export;    /* it is `export default` and an expression */
    bool has_eval;             /* a function calls eval, which can assign to anything */

    struct name_list declared;   /* of the module's scope */
    struct name_list assigned;   /* by functions */
    struct name_list candidates; /* names in literals that are not yet known to be patterns */
};

/* --- module_scan.c --- */

static inline struct frame *scanner_top(struct scanner *s) {
    return &s->frames[s->frames_len - 1];
}

static inline bool scanner_is_head(const struct frame *frame) {
    return frame->kind == FRAME_FUNCTION_HEAD || frame->kind == FRAME_CLASS_HEAD;
}

/* Opens a frame; `then` is the position behind its end. What is inside a function runs when it is called. */
struct frame *scanner_push(struct scanner *s, enum frame_kind kind, enum position then);
struct frame *scanner_push_function(struct scanner *s, enum frame_kind kind, enum position then);
void scanner_pop(struct scanner *s);

/* Leaves the frames that no bracket closes. */
void scanner_pop_unbracketed(struct scanner *s);

/* Ends the statement, or the member of a class, in which the next token would stand. */
void scanner_end_statement(struct scanner *s);

/* Reads a token, END after a failure. */
struct token scanner_next(struct scanner *s, enum slash slash);

/* Fail with a message, at an offset or at a place already counted; the first failure is kept. */
__attribute__((format(printf, 3, 4))) void scanner_refuse(struct scanner *s, uint32_t at, const char *format, ...);
__attribute__((format(printf, 3, 4))) void scanner_refuse_at(struct scanner *s, struct module_place place,
                                                             const char *format, ...);
void scanner_refuse_token(struct scanner *s, const struct token *token);
void scanner_no_memory(struct scanner *s);

/* --- module_code.c --- */

/* Decides what was open until this token came: whether a line break ended the statement, how an arrow goes on,
   whether a literal was a pattern. Then the token itself is taken. */
void scanner_settle(struct scanner *s, const struct token *token);
void scanner_take(struct scanner *s, const struct token *token);

/* --- module_syntax.c --- */

/* Read a whole import statement, or an export statement up to where ordinary code begins; `keyword` is their first
   token, already read. An `import` that turns out to be an expression is taken as such. */
void scanner_import(struct scanner *s, const struct token *keyword);
void scanner_export(struct scanner *s, const struct token *keyword);

/* Takes `import` as the beginning of an expression. */
void scanner_import_expression(struct scanner *s, const struct token *keyword);

/* --- module_tables.c --- */

/* Makes room for one more element in an array that never shrinks and has `len` of them. Returns NULL without memory,
   the array being intact. */
void *scanner_grow(struct scanner *s, void *array, uint32_t len, size_t size);

/* The same for an array that may shrink, and so knows its capacity. Returns false without memory. */
bool scanner_reserve(struct scanner *s, void **array, uint32_t len, uint32_t *capacity, size_t size);

/* A body of `len` bytes yet to be written, in the place of the one there is, which the caller frees. Returns false without memory. */
bool scanner_new_body(struct scanner *s, size_t len);

void scanner_add_name(struct scanner *s, struct name_list *list, struct name name);

/* A name of the module's scope; in an export statement it is exported, too. */
void scanner_declare(struct scanner *s, struct name name);
void scanner_insert(struct scanner *s, uint32_t at, const char *text);

/* Add an export. Texts need not live on. */
void scanner_export_local(struct scanner *s, struct module_text exported, struct module_text local, uint32_t at);
struct module_export *scanner_add_export(struct scanner *s, struct module_text exported, uint32_t at);

/* A name of the source, decoded. It lives as long as the body. */
struct module_text scanner_text(struct scanner *s, struct name name);
/* A copy that lives as long as the result. */
struct module_text scanner_keep(struct scanner *s, struct module_text text);
struct module_place scanner_place(struct scanner *s, uint32_t at);

/* Resolves what is known only at the end: exports that are imports, that are undeclared, doubled or mutable. */
void scanner_finish(struct scanner *s);
