/* failing_json.h -- the JSON library with an allocation that fails: for n = 1, 2, 3 ... the n-th
 * one, until the work passes. Call json_set_alloc_funcs(failing_malloc, failing_free) first in
 * main. */
#ifndef VQ_TESTS_FAILING_JSON_H
#define VQ_TESTS_FAILING_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static size_t failing_in; /* 0: off */
static long failing_held; /* blocks that the library holds */

static inline void *failing_malloc(size_t n)
{
    if (failing_in > 0 && --failing_in == 0) return NULL;
    failing_held++;
    return malloc(n);
}

static inline void failing_free(void *p)
{
    if (p) failing_held--;
    free(p);
}

typedef vq_status (*failing_work)(const void *ctx, vq_err *e);

/* failing_json -- every failure is VQ_E_LIMIT with `says` in its text, and holds nothing on to. */
static inline void failing_json(failing_work work, const void *ctx, const char *says)
{
    size_t n = 1;
    for (;; n++) {
        vq_err e = {0};
        const long held = failing_held;
        failing_in = n;
        const vq_status s = work(ctx, &e);
        const bool failed = failing_in == 0;
        failing_in = 0;
        if (failing_held != held)
            fail_msg("allocation %zu: %ld blocks are still held", n, failing_held - held);
        if (!failed) {
            assert_int_equal(s, VQ_OK);
            break;
        }
        if (s != VQ_E_LIMIT || !strstr(e.text, says))
            fail_msg("allocation %zu: status %d: '%s' lacks '%s'", n, (int)s, e.text, says);
    }
    if (n < 5) fail_msg("only %zu allocations: did anything fail?", n);
}

#endif
