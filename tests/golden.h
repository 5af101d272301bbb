/* golden.h -- where reference data lies: VQ_GOLDEN, or VQ_SHARED/golden; tests without it exit 77
 * with the reason. */
#ifndef VQ_TESTS_GOLDEN_H
#define VQ_TESTS_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* golden_path -- "ROOT/rest" in buf; leaves the program with 77 when there is no root or no such
 * file. */
static inline const char *golden_path(char *buf, size_t len, const char *rest)
{
    const char *root = getenv("VQ_GOLDEN"), *shared = getenv("VQ_SHARED");
    if (root)
        snprintf(buf, len, "%s/%s", root, rest);
    else if (shared)
        snprintf(buf, len, "%s/golden/%s", shared, rest);
    if ((!root && !shared) || access(buf, R_OK) != 0) {
        printf("SKIP: reference data %s not found (set VQ_SHARED or VQ_GOLDEN)\n", rest);
        exit(77);
    }
    return buf;
}

/* shared_path -- "VQ_SHARED/rest" in buf, or exit 77. */
static inline const char *shared_path(char *buf, size_t len, const char *rest)
{
    const char *shared = getenv("VQ_SHARED");
    if (shared) snprintf(buf, len, "%s/%s", shared, rest);
    if (!shared || access(buf, R_OK) != 0) {
        printf("SKIP: %s not found (set VQ_SHARED)\n", rest);
        exit(77);
    }
    return buf;
}

#endif
