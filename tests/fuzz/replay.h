/* replay.h -- one source, two programs: a libFuzzer target (VQ_FUZZ, scripts/fuzz.sh), or a test
 * that feeds every file of tests/fuzz/corpus/NAME and seeded mutations of it to the target.
 * REPLAY("name", rounds, dictionary...) stands at the end of the target's file. */
#ifndef VQ_TESTS_REPLAY_H
#define VQ_TESTS_REPLAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* replay_file -- the bytes as a file without a place on disk; path gets its name. Close the
 * descriptor after use. */
static inline int replay_file(const uint8_t *data, size_t n, char path[32])
{
    const int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || (n && write(fd, data, n) != (ssize_t)n)) abort();
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* replay_dir -- a folder of this process for targets that read folders; it goes at exit. */
static char replay_folder[64];
static inline void replay_remove_dir(void)
{
    (void)vq_remove(replay_folder, NULL);
}
static inline const char *replay_dir(void)
{
    if (replay_folder[0]) return replay_folder;
    snprintf(replay_folder, sizeof replay_folder, "%s/vq-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* thousands of small files */
    if (!mkdtemp(replay_folder)) abort();
    atexit(replay_remove_dir);
    return replay_folder;
}

static inline void replay_put(const char *name, const void *data, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", replay_dir(), name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) abort();
}

/* replay_split -- where the first zero byte is, n where there is none: an input of two texts. */
static inline size_t replay_split(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n ? memchr(data, 0, n) : NULL;
    return zero ? (size_t)(zero - data) : n;
}

/* replay_refused -- what every parser owes for bad input: its class, and one line that says why. */
static inline void replay_refused(vq_status s, const vq_err *e)
{
    if (s == VQ_OK) return;
    if (s != VQ_E_INPUT && s != VQ_E_LIMIT && s != VQ_E_RECIPE) abort();
    if (!e->text[0] || strchr(e->text, '\n')) abort();
}

#ifdef VQ_FUZZ
#define REPLAY(name, rounds, ...)
#else
typedef struct replay_buf {
    uint8_t *data;
    size_t n, room;
    uint64_t rng;
} replay_buf;

static inline size_t replay_below(replay_buf *b, size_t limit)
{
    b->rng ^= b->rng << 13;
    b->rng ^= b->rng >> 7;
    b->rng ^= b->rng << 17;
    return limit ? (size_t)(b->rng >> 11) % limit : 0;
}

/* Replace `cut` bytes at `at` by `n` bytes of text. */
static inline void replay_splice(replay_buf *b, size_t at, size_t cut, const void *text, size_t n)
{
    if (cut > b->n - at) cut = b->n - at;
    if (b->n - cut + n > b->room) return;
    memmove(b->data + at + n, b->data + at + cut, b->n - at - cut);
    memcpy(b->data + at, text, n);
    b->n += n - cut;
}

static inline void replay_mutate(replay_buf *b, const char *const *words, size_t nwords)
{
    const size_t at = replay_below(b, b->n), len = replay_below(b, 24);
    uint8_t some[24];
    for (size_t i = 0; i < sizeof some; i++) some[i] = (uint8_t)replay_below(b, 256);
    const char *word = words[replay_below(b, nwords)];
    switch (replay_below(b, 7)) {
    case 0:
        if (b->n) b->data[at] ^= (uint8_t)(1u << replay_below(b, 8));
        break;
    case 1:
        replay_splice(b, at, len, some, len);
        break;
    case 2:
        replay_splice(b, at, 0, some, len);
        break;
    case 3:
        replay_splice(b, at, len, some, 0);
        break;
    case 4:
        replay_splice(b, at, replay_below(b, 8), word, strlen(word));
        break;
    case 5: /* a piece twice */
        if (at + len <= b->n) {
            memcpy(some, b->data + at, len);
            replay_splice(b, replay_below(b, b->n), 0, some, len);
        }
        break;
    default:
        b->n = at;
        break; /* the rest is missing */
    }
}

static inline void replay_one(const char *path, size_t seed, size_t rounds,
                              const char *const *words, size_t nwords)
{
    vq_map m;
    if (vq_map_open(&m, path, NULL) != VQ_OK) abort();
    replay_buf b = {.room = 2 * m.size + 4096, .rng = 0x9e3779b97f4a7c15u * (seed + 1)};
    b.data = malloc(b.room);
    if (!b.data) abort();
    for (size_t i = 0; i <= rounds; i++) { /* round 0 is the file itself */
        memcpy(b.data, m.data, b.n = m.size);
        for (size_t k = i ? 1 + replay_below(&b, 4) : 0; k > 0; k--)
            replay_mutate(&b, words, nwords);
        uint8_t *exact = malloc(b.n + 1); /* so that reading past the end is seen */
        if (!exact) abort();
        memcpy(exact, b.data, b.n);
        (void)LLVMFuzzerTestOneInput(exact, b.n);
        free(exact);
    }
    free(b.data);
    vq_map_close(&m);
}

static inline int replay_corpus(const char *name, size_t rounds, const char *const *words,
                                size_t nwords)
{
    vq_arena a;
    vq_arena_init(&a, NULL);
    const char *const *files,
        *dir = vq_arena_text(&a, NULL, VQ_SOURCE_DIR "/tests/fuzz/corpus/%s", name);
    size_t n = 0;
    if (!dir || vq_list_dir(dir, &a, &files, &n, NULL) != VQ_OK || n == 0) abort();
    for (size_t i = 0; i < n; i++)
        replay_one(vq_join(&a, dir, files[i], NULL), i, rounds, words, nwords);
    printf("%zu files of %s, %zu mutations of each\n", n, name, rounds);
    vq_arena_done(&a);
    return 0;
}

#define REPLAY(name, rounds, ...)                                                                  \
    int main(void)                                                                                 \
    {                                                                                              \
        static const char *const words[] = {__VA_ARGS__};                                          \
        return replay_corpus((name), (rounds), words, sizeof words / sizeof *words);               \
    }
#endif

#endif
