#include "host/terminal.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The length of a control character at `p`, C1 in UTF-8 included, or 0. */
static int control_len(const char *p) {
    uint8_t first = (uint8_t)p[0], second = first ? (uint8_t)p[1] : 0;
    if ((first < 0x20 && first != '\n' && first != '\t') || first == 0x7f) return 1;
    return first == 0xc2 && second >= 0x80 && second < 0xa0 ? 2 : 0;
}

void terminal_print(FILE *to, const char *text) {
    while (*text) {
        int len = control_len(text);
        if (len)
            fprintf(to, "\\x%02x", (uint8_t)text[len - 1]);
        else
            fputc(*text, to);
        text += len ? len : 1;
    }
}

/* Prints a string of a JSON text, with what a terminal would obey as \u escapes. Returns its end. */
static const char *print_string(FILE *to, const char *p) {
    fputc(*p++, to);
    while (*p && *p != '"') {
        int len = control_len(p);
        if (len) {
            fprintf(to, "\\u%04x", (uint8_t)p[len - 1]);
            p += len;
            continue;
        }
        if (*p == '\\' && p[1]) fputc(*p++, to);
        fputc(*p++, to);
    }
    if (*p) fputc(*p++, to);
    return p;
}

static void break_line(FILE *to, int depth) {
    fprintf(to, "\n%*s", depth * 2, "");
}

static void print_indented(FILE *to, const char *p) {
    int depth = 0;
    while (*p) {
        char c = *p;
        if (c == '"') {
            p = print_string(to, p);
            continue;
        }
        p++;
        if (strchr(" \t\r\n", c)) continue;
        if (c == '}' || c == ']') break_line(to, --depth);
        fputc(c, to);
        if (c == ':') fputc(' ', to);
        if (c == ',') break_line(to, depth);
        if (c != '{' && c != '[') continue;
        p += strspn(p, " \t\r\n");
        if (*p == '}' || *p == ']')
            fputc(*p++, to);
        else
            break_line(to, ++depth);
    }
}

void terminal_print_json(FILE *to, const char *json) {
    if (isatty(fileno(to)))
        print_indented(to, json);
    else
        fputs(json, to);
    fputc('\n', to);
}
