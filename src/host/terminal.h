/* Printing what sandboxed code wrote to a person's terminal, which it must not control. Command line only. */
#pragma once
#include <stdio.h>

/* Prints UTF-8 text; control characters but newline and tab come out as \x1b and the like. */
void terminal_print(FILE *to, const char *text);

/* Prints a JSON text: indented for a terminal, else as it is; either way with a newline. */
void terminal_print_json(FILE *to, const char *json);
