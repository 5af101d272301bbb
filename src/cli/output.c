/* output.c -- hashed inputs, and the object of --json on stdout. */
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/show.h"

#define HASH_STEP ((size_t)64 << 20)

static vq_status hash_file(const char *path, char sha[VQ_SHA256_TEXT], const vq_reporter *w,
                           vq_err *e)
{
    vq_map m;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_sha256 *h = vq_sha256_new();
    vq_status s = h ? VQ_OK : vq_fail(e, VQ_E_LIMIT, "%s: no memory for its hash", path);
    for (size_t at = 0; s == VQ_OK && at < m.size; at += HASH_STEP) {
        vq_sha256_add(h, m.data + at, m.size - at < HASH_STEP ? m.size - at : HASH_STEP);
        if (m.size > HASH_STEP) s = vq_step(w, "hashing inputs", (int64_t)at, (int64_t)m.size, e);
    }
    if (h) vq_sha256_done(h, sha);
    vq_map_close(&m);
    return s;
}

static vq_status add_file(vq_envelope *o, const char *path, bool headers_only, const vq_reporter *w,
                          vq_err *e)
{
    char sha[VQ_SHA256_TEXT] = "";
    const bool skip = headers_only && vq_ends_with(path, ".safetensors");
    if (!skip) VQ_TRY(hash_file(path, sha, w, e));
    vq_envelope_input(o, path, skip ? NULL : sha);
    return VQ_OK;
}

static vq_status add_beside(vq_envelope *o, const char *path, const char *name,
                            const vq_reporter *w, vq_arena *a, vq_err *e)
{
    const char *slash = strrchr(path, '/');
    const char *beside =
        vq_arena_text(a, e, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name);
    if (!beside) return e->status;
    return vq_exists(beside) && !vq_is_dir(beside) ? add_file(o, beside, false, w, e) : VQ_OK;
}

static vq_status add_folder(vq_envelope *o, const char *path, bool headers_only,
                            const vq_reporter *w, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    VQ_TRY(vq_list_dir(path, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (!vq_ends_with(names[i], ".json") && !vq_ends_with(names[i], ".safetensors")) continue;
        const char *file = vq_join(a, path, names[i], e);
        if (!file) return e->status;
        if (!vq_is_dir(file)) VQ_TRY(add_file(o, file, headers_only, w, e));
    }
    return VQ_OK;
}

vq_status vq_output_input(vq_envelope *o, const char *path, bool headers_only, const vq_reporter *w,
                          vq_arena *a, vq_err *e)
{
    if (!path || !vq_exists(path)) return VQ_OK;
    if (vq_is_dir(path)) return add_folder(o, path, headers_only, w, a, e);
    VQ_TRY(add_file(o, path, headers_only, w, e));
    if (!vq_ends_with(path, ".safetensors")) return VQ_OK;
    VQ_TRY(add_beside(o, path, "config.json", w, a, e));
    return add_beside(o, path, "tokenizer.json", w, a, e);
}

/* Without memory for the object: the same by hand. */
static void print_by_hand(const vq_envelope *o, int exit_code, const char *error)
{
    printf("{\"schema\":\"vq.%s/1\",\"vq\":\"%s\",\"ok\":false,\"exit\":%d,\"inputs\":[],"
           "\"warnings\":[],\"error\":",
           o->command, VQ_VERSION, exit_code);
    vq_show_quoted(stdout, error);
    puts(",\"result\":null}");
}

int vq_output_print(const vq_envelope *o, int exit_code, const char *error, json_t *result,
                    vq_err *e)
{
    char *text;
    const vq_status s = vq_envelope_text(o, exit_code, error, result, &text, e);
    if (s == VQ_OK) {
        puts(text);
        free(text);
        return exit_code;
    }
    const int code = exit_code > 1 ? exit_code : (int)s; /* "no" is an answer, and was not given */
    print_by_hand(o, code, error ? error : e->text);
    return code;
}
