/* Small helpers that every room uses. */
#pragma once
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* For what cannot happen, in release builds too: names the place and aborts. */
#define CHECK(x)                                                                                                       \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #x);                                      \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Of a variable that every cell writes: those lie together, so that they are one page of a cell's own. */
#define OF_EACH_CELL __attribute__((section("of_each_cell")))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
