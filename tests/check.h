/* What the tests in C are written with: one executable a file, one line a case (`ok NAME` or `not ok NAME: why`), exit
   code 1 when a case failed. An argument runs only the cases whose names contain it.

       TEST(adds) { EXPECT_INT(1 + 1, 2); }
       TEST_MAIN()

   Cases run in the order of the file. A failed EXPECT ends its case, so it stands in functions that return void. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct check_case {
    const char *name;
    void (*run)(void);
    struct check_case *next;
};

static struct check_case *check_first, **check_last = &check_first;
static bool check_case_failed;

__attribute__((format(printf, 3, 4))) static inline void check_fail(const char *file, int line, const char *format,
                                                                    ...) {
    char why[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (!check_case_failed) printf("not ok %s: %s:%d: %s\n", check_first->name, file, line, why);
    check_case_failed = true;
}

static inline int check_main(int argc, char **argv) {
    int failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; check_first; check_first = check_first->next) {
        if (argc > 1 && !strstr(check_first->name, argv[1])) continue;
        check_case_failed = false;
        check_first->run();
        failed += check_case_failed;
        if (!check_case_failed) printf("ok %s\n", check_first->name);
    }
    return failed > 0;
}

#define TEST(test)                                                                                                     \
    static void test_##test(void);                                                                                     \
    __attribute__((constructor)) static void check_add_##test(void) {                                                  \
        static struct check_case added = {#test, test_##test, NULL};                                                   \
        *check_last = &added;                                                                                          \
        check_last = &added.next;                                                                                      \
    }                                                                                                                  \
    static void test_##test(void)

#define CHECK_OR_RETURN(cond, ...)                                                                                     \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            check_fail(__FILE__, __LINE__, __VA_ARGS__);                                                               \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

#define EXPECT(cond) CHECK_OR_RETURN(cond, "%s", #cond)
#define EXPECT_INT(a, b)                                                                                               \
    do {                                                                                                               \
        long long check_a = (long long)(a), check_b = (long long)(b);                                                  \
        CHECK_OR_RETURN(check_a == check_b, "%s is %lld, not %lld", #a, check_a, check_b);                             \
    } while (0)
#define EXPECT_STR(a, b)                                                                                               \
    do {                                                                                                               \
        const char *check_a = (a), *check_b = (b);                                                                     \
        CHECK_OR_RETURN(check_a &&check_b && !strcmp(check_a, check_b), "%s is \"%.300s\", not \"%.300s\"", #a,        \
                        check_a ? check_a : "(null)", check_b ? check_b : "(null)");                                   \
    } while (0)

#define TEST_MAIN()                                                                                                    \
    int main(int argc, char **argv) {                                                                                  \
        return check_main(argc, argv);                                                                                 \
    }
