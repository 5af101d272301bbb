/* output.c -- the envelope of --json. */
#include "cli/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/show.h"

#define HASH_STEP ((size_t)64 << 20)

void vq_output_init(vq_output *o, const char *command)
{
    *o = (vq_output){command, json_array(), json_array()};
}

void vq_output_done(vq_output *o)
{
    json_decref(o->inputs);
    json_decref(o->warnings);
}

void vq_output_warning(vq_output *o, const char *code, const char *where, const char *text)
{
    json_t *w = json_pack("{s:o, s:o, s:o}", "code", vq_text_json(code), "where",
                          vq_text_json(where), "text", vq_text_json(text));
    json_array_append_new(o->warnings, w);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

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

static vq_status add_file(vq_output *o, const char *path, bool headers_only, const vq_reporter *w,
                          vq_err *e)
{
    char sha[VQ_SHA256_TEXT] = "";
    const bool skip = headers_only && ends_with(path, ".safetensors");
    if (!skip) VQ_TRY(hash_file(path, sha, w, e));
    json_array_append_new(o->inputs, json_pack("{s:o, s:o}", "path", vq_text_json(path), "sha256",
                                               skip ? json_null() : json_string(sha)));
    return VQ_OK;
}

static vq_status add_beside(vq_output *o, const char *path, const char *name, const vq_reporter *w,
                            vq_arena *a, vq_err *e)
{
    const char *slash = strrchr(path, '/');
    const char *beside =
        vq_arena_text(a, e, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name);
    if (!beside) return e->status;
    return vq_exists(beside) && !vq_is_dir(beside) ? add_file(o, beside, false, w, e) : VQ_OK;
}

static vq_status add_folder(vq_output *o, const char *path, bool headers_only, const vq_reporter *w,
                            vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    VQ_TRY(vq_list_dir(path, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (!ends_with(names[i], ".json") && !ends_with(names[i], ".safetensors")) continue;
        const char *file = vq_join(a, path, names[i], e);
        if (!file) return e->status;
        if (!vq_is_dir(file)) VQ_TRY(add_file(o, file, headers_only, w, e));
    }
    return VQ_OK;
}

vq_status vq_output_input(vq_output *o, const char *path, bool headers_only, const vq_reporter *w,
                          vq_arena *a, vq_err *e)
{
    if (!path || !vq_exists(path)) return VQ_OK;
    if (vq_is_dir(path)) return add_folder(o, path, headers_only, w, a, e);
    VQ_TRY(add_file(o, path, headers_only, w, e));
    if (!ends_with(path, ".safetensors")) return VQ_OK;
    VQ_TRY(add_beside(o, path, "config.json", w, a, e));
    return add_beside(o, path, "tokenizer.json", w, a, e);
}

void vq_output_print(vq_output *o, int exit_code, const char *error, json_t *result)
{
    json_t *inputs = json_object_get(result, "inputs");
    char schema[40];
    snprintf(schema, sizeof schema, "vq.%s/1", o->command);
    json_t *all = json_pack("{s:s, s:s, s:b, s:i, s:O, s:O}", "schema", schema, "vq", VQ_VERSION,
                            "ok", exit_code == 0, "exit", exit_code, "inputs",
                            json_is_array(inputs) ? inputs : o->inputs, "warnings", o->warnings);
    if (error) json_object_set_new(all, "error", vq_text_json(error));
    if (json_is_array(inputs)) json_object_del(result, "inputs");
    json_object_set(all, "result", result ? result : json_null());
    char *text = json_dumps(all, JSON_COMPACT);
    if (text) puts(text);
    free(text);
    json_decref(all);
}
