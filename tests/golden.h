/* golden.h -- where reference data lies: VQ_GOLDEN, or VQ_SHARED/golden. Where neither is named,
 * tests exit 77 with the reason; where one is, what is missing or empty there is a failure. A
 * program with several groups of tests asks golden_named and shared_named before each group, so
 * that a skip never hides a failure. */
#ifndef VQ_TESTS_GOLDEN_H
#define VQ_TESTS_GOLDEN_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static inline bool shared_named(void)
{
    return getenv("VQ_SHARED") != NULL;
}

static inline bool golden_named(void)
{
    return getenv("VQ_GOLDEN") || shared_named();
}

/* reference_there -- a file with something in it, or a folder with something in it. */
static inline bool reference_there(const char *path)
{
    struct stat s;
    const char *const *names;
    size_t n = 0;
    if (access(path, R_OK) != 0 || stat(path, &s) != 0) return false;
    if (!S_ISDIR(s.st_mode)) return s.st_size > 0;
    vq_arena a;
    vq_arena_init(&a, NULL);
    const bool listed = vq_list_dir(path, &a, &names, &n, NULL) == VQ_OK;
    vq_arena_done(&a);
    return listed && n > 0;
}

static inline const char *reference_path(char *buf, bool named, const char *rest)
{
    if (named && reference_there(buf)) return buf;
    if (named)
        printf("FAIL: %s is missing or empty, and its root is named\n", buf);
    else
        printf("SKIP: no reference data %s (set VQ_SHARED or VQ_GOLDEN)\n", rest);
    exit(named ? 1 : 77);
}

/* golden_path, shared_path -- "ROOT/rest" and "VQ_SHARED/rest" in buf; leave the program with 77
 * where no root is named, with 1 where one is and there is nothing. */
static inline const char *golden_path(char *buf, size_t len, const char *rest)
{
    const char *root = getenv("VQ_GOLDEN"), *shared = getenv("VQ_SHARED");
    if (root)
        snprintf(buf, len, "%s/%s", root, rest);
    else
        snprintf(buf, len, "%s/golden/%s", shared ? shared : "", rest);
    return reference_path(buf, golden_named(), rest);
}

static inline const char *shared_path(char *buf, size_t len, const char *rest)
{
    const char *shared = getenv("VQ_SHARED");
    snprintf(buf, len, "%s/%s", shared ? shared : "", rest);
    return reference_path(buf, shared_named(), rest);
}

/* group_skipped -- says that a group of tests is left out; 0 failures. */
static inline int group_skipped(const char *what)
{
    printf("SKIP: %s (set VQ_SHARED)\n", what);
    return 0;
}

#endif
