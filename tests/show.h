/* show.h -- comparisons that show both values when they fail, for numbers of any type, texts and
 * pointers. Each argument is evaluated once; NaN fails all but assert_ne. */
#ifndef VQ_TESTS_SHOW_H
#define VQ_TESTS_SHOW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

/* show_* -- a value as text, in one of a few buffers. */
static inline char *show_buffer(void)
{
    static char buffers[4][64];
    static unsigned next;
    return buffers[next++ % 4];
}

#define SHOW_AS(name, type, format)                                                                \
    static inline const char *name(type x)                                                         \
    {                                                                                              \
        char *text = show_buffer();                                                                \
        snprintf(text, 64, format, x);                                                             \
        return text;                                                                               \
    }
SHOW_AS(show_double, double, "%.17g")
SHOW_AS(show_signed, long long, "%lld")
SHOW_AS(show_unsigned, unsigned long long, "%llu")
SHOW_AS(show_pointer, const volatile void *, "%p")

static inline const char *show_float(float x)
{
    char *text = show_buffer();
    snprintf(text, 64, "%.9g", (double)x);
    return text;
}

static inline const char *show_text(const char *text)
{
    return text ? text : "(null)";
}

/* clang-format off */
#define SHOW(x)                                                                                    \
    _Generic((x), float: show_float, double: show_double,                                          \
        _Bool: show_signed, char: show_signed, signed char: show_signed, short: show_signed,       \
        int: show_signed, long: show_signed, long long: show_signed,                               \
        unsigned char: show_unsigned, unsigned short: show_unsigned, unsigned: show_unsigned,      \
        unsigned long: show_unsigned, unsigned long long: show_unsigned,                           \
        char *: show_text, const char *: show_text, default: show_pointer)(x)
/* clang-format on */

static inline void show_failure(const char *what, const char *a, const char *b, const char *file,
                                int line)
{
    print_error("%s: %s and %s\n", what, a, b);
    _fail(file, line);
}

/* Literals are ints beside sizes: the comparison is the one that the test writes. */
#define SHOW_COMPARE(a, op, b)                                                                     \
    do {                                                                                           \
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wsign-compare\"")        \
            const __typeof__(a) show_a = (a);                                                      \
        const __typeof__(b) show_b = (b);                                                          \
        if (!(show_a op show_b))                                                                   \
            show_failure(#a " " #op " " #b, SHOW(show_a), SHOW(show_b), __FILE__, __LINE__);       \
        _Pragma("GCC diagnostic pop")                                                              \
    } while (0)

#define assert_le(a, b) SHOW_COMPARE(a, <=, b)
#define assert_lt(a, b) SHOW_COMPARE(a, <, b)
#define assert_ge(a, b) SHOW_COMPARE(a, >=, b)
#define assert_gt(a, b) SHOW_COMPARE(a, >, b)
#define assert_eq(a, b) SHOW_COMPARE(a, ==, b)
#define assert_ne(a, b) SHOW_COMPARE(a, !=, b)

static inline void show_near(double got, double want, double most, const char *what,
                             const char *file, int line)
{
    if (fabs(got - want) <= most) return;
    print_error("%s: %.17g and %.17g differ by %g, more than %g\n", what, got, want,
                fabs(got - want), most);
    _fail(file, line);
}

/* assert_near -- |got - want| <= most, in f64. */
#define assert_near(got, want, most)                                                               \
    show_near((double)(got), (double)(want), (double)(most), #got " near " #want, __FILE__,        \
              __LINE__)

#endif
