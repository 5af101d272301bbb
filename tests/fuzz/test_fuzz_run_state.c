/* test_fuzz_run_state.c -- whatever state.json says: one line of refusal, or a state that is
 * written and read again as it is. */
#include "replay.h"
#include "run/store/state_file.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_again(const vq_state *s, vq_arena *a)
{
    char path[128];
    vq_state again;
    snprintf(path, sizeof path, "%s/again.json", replay_dir());
    for (size_t i = 0; i < s->nparts; i++) {
        if (!s->parts[i].sha256) return;
        for (size_t k = 0; k < s->parts[i].nmodules; k++)
            if (!s->parts[i].modules[k].name) return; /* refused by whoever restores it */
    }
    if (vq_state_write(path, s, NULL) != VQ_OK || vq_state_read(path, &again, a, NULL) != VQ_OK)
        abort();
    if (again.nparts != s->nparts) abort();
    for (int i = 0; i < VQ_MADE_FIELDS; i++)
        if (!same_text(again.made_from.of[i], s->made_from.of[i])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[32];
    const int fd = replay_file(data, n, path);
    vq_state s;
    vq_err e = {0};
    vq_arena a;
    vq_arena_init(&a, NULL);
    const vq_status status = vq_state_read(path, &s, &a, &e);
    (void)close(fd);
    replay_refused(status, &e);
    if (status == VQ_OK) check_again(&s, &a);
    vq_arena_done(&a);
    return 0;
}

REPLAY("run_state", 1500, "{", "}", "[", "]", ",", ":", "\"", "null", "true", "0", "-1", "1e308",
       "9223372036854775808", "{}", "[]", "\"parts\"", "\"modules\"", "\"made_from\"",
       "\"part\":-1", "\"sqnr_db\":null", "\\u0000", "\\ud800", "\xff")
