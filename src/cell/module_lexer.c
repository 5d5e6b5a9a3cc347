/* Cuts a module into tokens; see module_lexer.h. Runs in a cell, on hostile source: every loop moves forward and
   stops at the NUL behind the text. */
#include "cell/module_lexer.h"
#include <errno.h>
#include <string.h>

#define IS(byte, classes) (module_char[(uint8_t)(byte)] & (classes))

static int refuse(struct lexer *lexer, uint32_t at, const char *message) {
    lexer->message = message;
    lexer->error_at = at;
    return -EINVAL;
}

/* Length of the line break or wide space at `at`, 0 if there is none. */
static uint32_t space_at(const struct lexer *lexer, uint32_t at, bool *ret_break) {
    char c = lexer->source[at];
    *ret_break = IS(c, CHAR_BREAK);
    if (*ret_break) return 1;
    return IS(c, CHAR_WIDE) ? module_wide_space(lexer->source + at, lexer->len - at, ret_break) : 0;
}

/* Moves `at` to the end of its line. */
static void skip_line(struct lexer *lexer) {
    for (; lexer->at < lexer->len; lexer->at++) {
        bool is_break = false;
        space_at(lexer, lexer->at, &is_break);
        if (is_break) return;
    }
}

static int skip_block_comment(struct lexer *lexer, bool *newline) {
    uint32_t start = lexer->at;
    for (lexer->at += 2; lexer->at < lexer->len; lexer->at++) {
        if (lexer->source[lexer->at] == '*' && lexer->source[lexer->at + 1] == '/') {
            lexer->at += 2;
            return 0;
        }
        bool is_break = false;
        space_at(lexer, lexer->at, &is_break);
        *newline |= is_break;
    }
    return refuse(lexer, start, "Unterminated comment");
}

/* `<!--` begins a comment in a script, and `-->` does at the beginning of a line. */
static bool is_html_comment(const struct lexer *lexer, bool begins_line) {
    const char *at = lexer->source + lexer->at;
    return lexer->is_script && (strncmp(at, "<!--", 4) == 0 || (begins_line && strncmp(at, "-->", 3) == 0));
}

/* Skips spaces, line breaks and comments. */
static int skip_space(struct lexer *lexer, bool *newline) {
    uint32_t start = lexer->at;
    for (;;) {
        const char *at = lexer->source + lexer->at;
        if (!IS(*at, CHAR_SPACE | CHAR_BREAK | CHAR_WIDE) && *at != '/' && !lexer->is_script) return 0;
        if (IS(*at, CHAR_SPACE)) {
            lexer->at++;
        } else if ((at[0] == '/' && at[1] == '/') || is_html_comment(lexer, *newline || start == 0)) {
            skip_line(lexer);
        } else if (at[0] == '/' && at[1] == '*') {
            if (skip_block_comment(lexer, newline) < 0) return -EINVAL;
        } else {
            bool is_break = false;
            uint32_t len = space_at(lexer, lexer->at, &is_break);
            if (len == 0) return 0;
            *newline |= is_break;
            lexer->at += len;
        }
    }
}

/* --- Names ------------------------------------------------------------------------------------------------------ */

struct word {
    const char *text;
    enum token_keyword keyword;
};

/* By length, from 2 on. What only strict code reserves is reserved in every module. */
static const struct word words[][13] = {
    {{"do", KEYWORD_DO}, {"if", KEYWORD_IF}, {"in", KEYWORD_IN}, {"of", KEYWORD_OF}},
    {{"for", KEYWORD_FOR}, {"let", KEYWORD_LET}, {"new", KEYWORD_NEW}, {"try", KEYWORD_TRY}, {"var", KEYWORD_VAR}},
    {{"case", KEYWORD_CASE},
     {"else", KEYWORD_ELSE},
     {"enum", KEYWORD_RESERVED},
     {"null", KEYWORD_RESERVED},
     {"this", KEYWORD_RESERVED},
     {"true", KEYWORD_RESERVED},
     {"void", KEYWORD_VOID},
     {"with", KEYWORD_WITH}},
    {{"async", KEYWORD_ASYNC},
     {"await", KEYWORD_AWAIT},
     {"break", KEYWORD_BREAK},
     {"catch", KEYWORD_CATCH},
     {"class", KEYWORD_CLASS},
     {"const", KEYWORD_CONST},
     {"false", KEYWORD_RESERVED},
     {"super", KEYWORD_RESERVED},
     {"throw", KEYWORD_THROW},
     {"using", KEYWORD_USING},
     {"while", KEYWORD_WHILE},
     {"yield", KEYWORD_YIELD}},
    {{"delete", KEYWORD_DELETE},
     {"export", KEYWORD_EXPORT},
     {"import", KEYWORD_IMPORT},
     {"public", KEYWORD_RESERVED},
     {"return", KEYWORD_RETURN},
     {"static", KEYWORD_RESERVED},
     {"switch", KEYWORD_SWITCH},
     {"typeof", KEYWORD_TYPEOF}},
    {{"default", KEYWORD_DEFAULT},
     {"extends", KEYWORD_EXTENDS},
     {"finally", KEYWORD_FINALLY},
     {"package", KEYWORD_RESERVED},
     {"private", KEYWORD_RESERVED}},
    {{"continue", KEYWORD_CONTINUE}, {"debugger", KEYWORD_DEBUGGER}, {"function", KEYWORD_FUNCTION}},
    {{"interface", KEYWORD_RESERVED}, {"protected", KEYWORD_RESERVED}},
    {{"implements", KEYWORD_RESERVED}, {"instanceof", KEYWORD_INSTANCEOF}},
};

static enum token_keyword keyword_of(const char *text, uint32_t len) {
    if (len < 2 || len > 10) return KEYWORD_NONE;
    for (const struct word *word = words[len - 2]; word->text; word++)
        if (word->text[0] == text[0] && memcmp(word->text, text, len) == 0) return word->keyword;
    return KEYWORD_NONE;
}

/* Moves `at` behind a name's letters and escapes; `start` is its first letter. */
static int skip_name(struct lexer *lexer, bool *is_escaped) {
    uint32_t start = lexer->at;
    for (;;) {
        char c = lexer->source[lexer->at];
        bool is_break;
        if (IS(c, CHAR_NAME_PART)) {
            lexer->at++;
        } else if (IS(c, CHAR_WIDE) && space_at(lexer, lexer->at, &is_break) == 0) {
            lexer->at++;
        } else if (c == '\\') {
            uint32_t code = 0;
            uint32_t len = module_unicode_escape(lexer->source + lexer->at, lexer->len - lexer->at, &code);
            if (len == 0 || !module_code_in_name(code, lexer->at == start))
                return refuse(lexer, lexer->at, "Invalid escape in identifier");
            *is_escaped = true;
            lexer->at += len;
        } else {
            return 0;
        }
    }
}

static int lex_name(struct lexer *lexer, struct token *token) {
    token->kind = TOKEN_NAME;
    if (skip_name(lexer, &token->is_escaped) < 0) return -EINVAL;
    uint32_t len = lexer->at - token->start;
    if (len == 0) return refuse(lexer, lexer->at, "Invalid character");
    if (!token->is_escaped) token->keyword = keyword_of(lexer->source + token->start, len);
    return 0;
}

static int lex_private_name(struct lexer *lexer, struct token *token) {
    lexer->at++;
    if (lex_name(lexer, token) < 0) return -EINVAL;
    token->kind = TOKEN_PRIVATE_NAME;
    token->keyword = KEYWORD_NONE;
    return 0;
}

/* --- Literals --------------------------------------------------------------------------------------------------- */

/* Any letters belong to a number; one dot does, too, unless the number is hexadecimal or the like. */
static int lex_number(struct lexer *lexer, struct token *token) {
    const char *source = lexer->source;
    token->kind = TOKEN_NUMBER;
    bool has_dot = source[lexer->at] == '0' && IS(source[lexer->at + 1], CHAR_NAME_START);
    for (;; lexer->at++) {
        char c = source[lexer->at];
        if (c == '.' && !has_dot)
            has_dot = true;
        else if (!IS(c, CHAR_NAME_PART))
            return 0;
    }
}

static int lex_string(struct lexer *lexer, struct token *token) {
    const char *source = lexer->source;
    char quote = source[lexer->at];
    token->kind = TOKEN_STRING;
    for (uint32_t i = lexer->at + 1; i < lexer->len; i++) {
        if (source[i] == quote) {
            lexer->at = i + 1;
            return 0;
        }
        if (IS(source[i], CHAR_BREAK)) break;
        if (source[i] == '\\' && source[++i] == '\r' && source[i + 1] == '\n') i++;
    }
    return refuse(lexer, token->start, "Unterminated string");
}

int lexer_template(struct lexer *lexer, struct token *ret_token) {
    const char *source = lexer->source;
    *ret_token = (struct token){.kind = TOKEN_TEMPLATE, .start = lexer->at - 1};
    for (uint32_t i = lexer->at; i < lexer->len; i++) {
        if (source[i] == '\\') {
            i++;
        } else if (source[i] == '`' || (source[i] == '$' && source[i + 1] == '{')) {
            ret_token->is_open = source[i] == '$';
            ret_token->end = lexer->at = i + (ret_token->is_open ? 2 : 1);
            return 0;
        }
    }
    return refuse(lexer, ret_token->start, "Unterminated template");
}

static int lex_regex(struct lexer *lexer, struct token *token) {
    const char *source = lexer->source;
    bool in_class = false, is_escaped = false;
    token->kind = TOKEN_REGEX;
    for (uint32_t i = lexer->at + 1; i < lexer->len; i++) {
        bool is_break;
        space_at(lexer, i, &is_break);
        if (source[i] == '\\')
            space_at(lexer, ++i, &is_break);
        else if (source[i] == '[')
            in_class = true;
        else if (source[i] == ']')
            in_class = false;
        else if (source[i] == '/' && !in_class) {
            lexer->at = i + 1;
            return skip_name(lexer, &is_escaped);
        }
        if (is_break) break;
    }
    return refuse(lexer, token->start, "Unterminated regular expression");
}

/* --- Punctuators ------------------------------------------------------------------------------------------------ */

static int punctuator(struct lexer *lexer, struct token *token, enum token_kind kind, uint32_t len) {
    token->kind = kind;
    lexer->at += len;
    return 0;
}

/* Operators that may be doubled or end in `=`: most of them. `*`, `**` and `<` come here, too. */
static int lex_operator(struct lexer *lexer, struct token *token) {
    const char *at = lexer->source + lexer->at;
    uint32_t len = 1;
    while (len < 3 && at[len] == at[0]) len++;
    if (at[0] == '>' && len == 3 && at[3] == '=') return punctuator(lexer, token, TOKEN_ASSIGN, 4);
    if (len == 3 && at[0] != '>') len = 2;
    if (at[len] != '=') return punctuator(lexer, token, at[0] == '*' && len == 1 ? TOKEN_STAR : TOKEN_OPERATOR, len);
    bool compares = len == 1 && (at[0] == '<' || at[0] == '>');
    return punctuator(lexer, token, compares ? TOKEN_OPERATOR : TOKEN_ASSIGN, len + 1);
}

static int lex_minus_or_plus(struct lexer *lexer, struct token *token) {
    const char *at = lexer->source + lexer->at;
    bool begins_line = token->newline_before || token->start == 0;
    if (at[0] == '-' && at[1] == '-' && at[2] == '>' && begins_line)
        return refuse(lexer, lexer->at, "A module has no HTML comments: unexpected '-->'");
    if (at[1] == at[0]) return punctuator(lexer, token, TOKEN_UPDATE, 2);
    return at[1] == '=' ? punctuator(lexer, token, TOKEN_ASSIGN, 2) : punctuator(lexer, token, TOKEN_OPERATOR, 1);
}

static int lex_equal_or_not(struct lexer *lexer, struct token *token) {
    const char *at = lexer->source + lexer->at;
    if (at[1] == '=') return punctuator(lexer, token, TOKEN_OPERATOR, at[2] == '=' ? 3 : 2);
    if (at[0] == '!') return punctuator(lexer, token, TOKEN_PREFIX, 1);
    return at[1] == '>' ? punctuator(lexer, token, TOKEN_ARROW, 2) : punctuator(lexer, token, TOKEN_EQUAL, 1);
}

static int lex_question(struct lexer *lexer, struct token *token) {
    const char *at = lexer->source + lexer->at;
    if (at[1] == '?')
        return at[2] == '=' ? punctuator(lexer, token, TOKEN_ASSIGN, 3) : punctuator(lexer, token, TOKEN_OPERATOR, 2);
    bool is_chain = at[1] == '.' && !(at[2] >= '0' && at[2] <= '9');
    return is_chain ? punctuator(lexer, token, TOKEN_DOT, 2) : punctuator(lexer, token, TOKEN_QUESTION, 1);
}

static int lex_dot(struct lexer *lexer, struct token *token) {
    const char *at = lexer->source + lexer->at;
    if (at[1] >= '0' && at[1] <= '9') return lex_number(lexer, token);
    return at[1] == '.' && at[2] == '.' ? punctuator(lexer, token, TOKEN_SPREAD, 3)
                                        : punctuator(lexer, token, TOKEN_DOT, 1);
}

/* The tokens that are one byte and begin no other. */
static const uint8_t single[256] = {
    ['{'] = TOKEN_BRACE_OPEN,   ['}'] = TOKEN_BRACE_CLOSE,   ['('] = TOKEN_PAREN_OPEN, [')'] = TOKEN_PAREN_CLOSE,
    ['['] = TOKEN_BRACKET_OPEN, [']'] = TOKEN_BRACKET_CLOSE, [';'] = TOKEN_SEMICOLON,  [','] = TOKEN_COMMA,
    [':'] = TOKEN_COLON,        ['~'] = TOKEN_PREFIX,        ['@'] = TOKEN_OPERATOR,
};

static int lex_punctuator(struct lexer *lexer, struct token *token) {
    const char *at = lexer->source + lexer->at;
    switch (*at) {
    case '.': return lex_dot(lexer, token);
    case '?': return lex_question(lexer, token);
    case '=':
    case '!': return lex_equal_or_not(lexer, token);
    case '+':
    case '-': return lex_minus_or_plus(lexer, token);
    case '<':
        if (strncmp(at, "<!--", 4) == 0) return punctuator(lexer, token, TOKEN_HTML_OPEN, 4);
        return lex_operator(lexer, token);
    case '>':
    case '&':
    case '|':
    case '^':
    case '%':
    case '*':
    case '/': return lex_operator(lexer, token);
    default: return refuse(lexer, lexer->at, "Invalid character");
    }
}

static int lex(struct lexer *lexer, enum slash slash, struct token *token) {
    char c = lexer->source[lexer->at];
    if (single[(uint8_t)c]) return punctuator(lexer, token, single[(uint8_t)c], 1);
    if (IS(c, CHAR_NAME_START | CHAR_WIDE) || c == '\\') return lex_name(lexer, token);
    if (IS(c, CHAR_NAME_PART)) return lex_number(lexer, token);
    switch (c) {
    case '"':
    case '\'': return lex_string(lexer, token);
    case '#': return lex_private_name(lexer, token);
    case '/':
        if (slash == SLASH_OPENS_REGEX || (slash == SLASH_OPENS_REGEX_ON_NEW_LINE && token->newline_before))
            return lex_regex(lexer, token);
        return lex_punctuator(lexer, token);
    case '`': {
        bool newline_before = token->newline_before;
        lexer->at++;
        if (lexer_template(lexer, token) < 0) return -EINVAL;
        token->newline_before = newline_before;
        return 0;
    }
    default: return lex_punctuator(lexer, token);
    }
}

int lexer_next(struct lexer *lexer, enum slash slash, struct token *ret_token) {
    *ret_token = (struct token){.kind = TOKEN_END};
    if (skip_space(lexer, &ret_token->newline_before) < 0) return -EINVAL;
    ret_token->start = ret_token->end = lexer->at;
    if (lexer->at == lexer->len) return 0;
    if (lex(lexer, slash, ret_token) < 0) return -EINVAL;
    ret_token->end = lexer->at;
    return 0;
}
