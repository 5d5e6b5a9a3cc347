/* The tokens of a module. Whether a slash divides or opens a regular expression, and where a template goes on, only
   the scanner knows: it says so call by call. Runs in a cell, on hostile source. */
#pragma once
#include "cell/module_text.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME, /* identifiers and reserved words; `keyword` tells */
    TOKEN_PRIVATE_NAME,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_TEMPLATE, /* from ` or } to ` or ${ */
    TOKEN_REGEX,
    TOKEN_BRACE_OPEN,
    TOKEN_BRACE_CLOSE,
    TOKEN_PAREN_OPEN,
    TOKEN_PAREN_CLOSE,
    TOKEN_BRACKET_OPEN,
    TOKEN_BRACKET_CLOSE,
    TOKEN_SEMICOLON,
    TOKEN_COMMA,
    TOKEN_COLON,
    TOKEN_QUESTION,
    TOKEN_DOT, /* also ?. */
    TOKEN_SPREAD,
    TOKEN_ARROW,
    TOKEN_EQUAL,
    TOKEN_ASSIGN, /* += and its like */
    TOKEN_UPDATE, /* ++ and -- */
    TOKEN_STAR,
    TOKEN_PREFIX,    /* ! and ~ */
    TOKEN_HTML_OPEN, /* <!-- */
    TOKEN_OPERATOR,  /* every other */
};

/* Words that steer the scanner. Those from KEYWORD_OF on are ordinary names elsewhere. */
enum token_keyword {
    KEYWORD_NONE,
    KEYWORD_AWAIT,
    KEYWORD_BREAK,
    KEYWORD_CASE,
    KEYWORD_CATCH,
    KEYWORD_CLASS,
    KEYWORD_CONST,
    KEYWORD_CONTINUE,
    KEYWORD_DEBUGGER,
    KEYWORD_DEFAULT,
    KEYWORD_DELETE,
    KEYWORD_DO,
    KEYWORD_ELSE,
    KEYWORD_EXPORT,
    KEYWORD_EXTENDS,
    KEYWORD_FINALLY,
    KEYWORD_FOR,
    KEYWORD_FUNCTION,
    KEYWORD_IF,
    KEYWORD_IMPORT,
    KEYWORD_IN,
    KEYWORD_INSTANCEOF,
    KEYWORD_LET,
    KEYWORD_NEW,
    KEYWORD_RETURN,
    KEYWORD_SWITCH,
    KEYWORD_THROW,
    KEYWORD_TRY,
    KEYWORD_TYPEOF,
    KEYWORD_VAR,
    KEYWORD_VOID,
    KEYWORD_WHILE,
    KEYWORD_WITH,
    KEYWORD_YIELD,
    KEYWORD_RESERVED, /* every other word that cannot name a binding in a module */
    KEYWORD_OF,
    KEYWORD_ASYNC,
    KEYWORD_USING,
};

struct token {
    enum token_kind kind;
    enum token_keyword keyword;
    uint32_t start, end;
    bool newline_before;
    bool is_escaped; /* a name with \u in it */
    bool is_open;    /* a template that stops at ${ */
};

enum slash { SLASH_DIVIDES, SLASH_OPENS_REGEX, SLASH_OPENS_REGEX_ON_NEW_LINE };

/* source[len] is NUL. `message` and `error_at` are set by a call that fails. A script has HTML comments. */
struct lexer {
    const char *source;
    uint32_t len, at;
    bool is_script;
    const char *message;
    uint32_t error_at;
};

/* Reads the next token. Returns 0, or -EINVAL for text that is no token. */
int lexer_next(struct lexer *lexer, enum slash slash, struct token *ret_token);

/* Reads on in a template, behind the } that closed a ${. Returns as lexer_next does. */
int lexer_template(struct lexer *lexer, struct token *ret_token);
