/* test_fuzz_manifest.c -- whatever vq.json says: one line of refusal, or modules and files sorted by
 * name that can be found again. */
#include "replay.h"
#include "run/manifest.h"

static void check(const vq_manifest *m)
{
    for (size_t i = 0; i < m->nmodules; i++) {
        if (i && strcmp(m->modules[i - 1].name, m->modules[i].name) > 0) abort();
        if (!vq_manifest_module_named(m, m->modules[i].name)) abort();
    }
    for (size_t i = 0; i < m->nfiles; i++) {
        if (i && strcmp(m->files[i - 1].name, m->files[i].name) > 0) abort();
        if (!vq_manifest_file_named(m, m->files[i].name)) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    vq_manifest m;
    vq_err e = {0};
    vq_arena a;
    bool intact;
    replay_put(VQ_MANIFEST_NAME, data, n);
    vq_arena_init(&a, NULL);
    const vq_status s = vq_manifest_read(replay_dir(), &m, &intact, &a, &e);
    replay_refused(s, &e);
    if (s == VQ_OK) check(&m);
    vq_arena_done(&a);
    return 0;
}

REPLAY("manifest", 2000, "{", "}", "[", "]", ",", ":", "\"", "null", "true", "0", "-1", "1e308",
       "9223372036854775808", "{}", "[]", "\"tensors\"", "\"files\"", "\"sqnr_db\":null",
       "\"arc_s\":-1", "\"self_sha256\":\"\"", "\\u0000", "\\ud800", "\xff", "\"..\"")
