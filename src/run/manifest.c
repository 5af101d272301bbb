/* manifest.c -- writing and reading vq.json. */
#include "run/manifest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_lenient.h"
#include "json/json_make.h"

#define SCHEMA "vq.artifact/1"
#define SELF "self_sha256"
#define DUMP (JSON_INDENT(1) | JSON_SORT_KEYS)

static void put_inputs(vq_json_maker *m, json_t *root, const vq_manifest *f)
{
    json_t *list = vq_put_array(m, root, "inputs");
    for (size_t i = 0; i < f->ninputs; i++) {
        json_t *one = vq_add_object(m, list);
        vq_put_text(m, one, "name", f->inputs[i].name);
        vq_put_text(m, one, "sha256", f->inputs[i].sha256);
    }
}

static void put_dequantized(vq_json_maker *m, json_t *root, const vq_manifest *f)
{
    json_t *o = vq_put_object(m, root, "dequantized");
    vq_put_text(m, o, "method", f->dequantized);
    vq_put_int(m, o, "weights", (int64_t)f->ndequantized);
}

static void put_part(vq_json_maker *m, json_t *list, const vq_sample_part *p, int64_t seqlen)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "kind", p->kind);
    vq_put_text(m, o, "sha256", p->sha256);
    vq_put_int(m, o, "tokens", p->samples * seqlen);
}

void vq_calibrated_put(vq_json_maker *m, json_t *root, const vq_calibrated *c)
{
    json_t *o = vq_put_object(m, root, "calibration");
    vq_put_text(m, o, "kind", c->kind);
    vq_put_text(m, o, "sha256", c->sha256);
    vq_put_int(m, o, "tokens", c->samples * c->seqlen);
    vq_put_int(m, o, "seqlen", c->seqlen);
    if (*c->statistics) vq_put_text(m, o, "statistics_sha256", c->statistics);
    if (!c->nparts) return;
    json_t *list = vq_put_array(m, o, "sources");
    for (int i = 0; i < c->nparts; i++) put_part(m, list, &c->parts[i], c->seqlen);
}

static void put_module(vq_json_maker *m, json_t *all, const vq_manifest_module *of)
{
    json_t *o = vq_put_object(m, all, of->name);
    vq_put_text(m, o, "scheme", of->scheme);
    vq_put_text(m, o, "sha256", of->sha256);
    vq_put_real(m, o, "sqnr_db", of->sqnr_db);
    vq_put_text(m, o, "fallback", of->fallback);
    if (of->hadamard) vq_put_int(m, o, "hadamard", of->hadamard);
    if (of->arc_s) vq_put_int(m, o, "arc_s", of->arc_s);
    if (of->tokens >= 0) vq_put_int(m, o, "tokens", of->tokens);
    if (of->transformed) vq_put_flag(m, o, "transformed", true);
}

static void put_finished(vq_json_maker *m, json_t *root, const vq_manifest *f)
{
    json_t *o = vq_put_object(m, root, f->finish);
    vq_put_real(m, o, "kl_before", f->finished.before);
    vq_put_real(m, o, "kl_after", f->finished.after);
    vq_put_int(m, o, "held_out_tokens", f->finished.tokens);
}

static vq_status manifest_json(const vq_manifest *f, json_t **root, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "schema", SCHEMA);
    vq_put_text(&m, o, "vq", VQ_VERSION);
    json_t *recipe = vq_put_object(&m, o, "recipe");
    vq_put_text(&m, recipe, "name", f->recipe);
    vq_put_text(&m, recipe, "yaml", f->yaml);
    put_inputs(&m, o, f);
    if (f->dequantized) put_dequantized(&m, o, f);
    if (f->ndraft) vq_put_int(&m, o, "draft_weights", f->ndraft);
    vq_calibrated_put(&m, o, &f->calibration);
    json_t *tensors = vq_put_object(&m, o, "tensors");
    for (size_t i = 0; i < f->nmodules; i++) put_module(&m, tensors, &f->modules[i]);
    json_t *files = vq_put_object(&m, o, "files");
    for (size_t i = 0; i < f->nfiles; i++)
        vq_put_text(&m, files, f->files[i].name, f->files[i].sha256);
    if (f->finish) put_finished(&m, o, f);
    return vq_make_done(&m, o, VQ_MANIFEST_NAME, root, e);
}

/* Digest of the manifest's text with an empty self_sha256; the JSON library gives one text for one
 * value. */
static vq_status digest_of(json_t *root, char sha[VQ_SHA256_TEXT], vq_err *e)
{
    vq_json_maker m = {0};
    json_t *blank;
    char *text;
    json_t *copy = json_copy(root);
    vq_put_text(&m, copy, SELF, "");
    VQ_TRY(vq_make_done(&m, copy, VQ_MANIFEST_NAME, &blank, e));
    const vq_status s = vq_json_dump(blank, DUMP, VQ_MANIFEST_NAME, &text, e);
    json_decref(blank);
    VQ_TRY(s);
    vq_sha256_of(text, strlen(text), sha);
    free(text);
    return VQ_OK;
}

static vq_status sign_and_save(json_t *root, const char *path, vq_err *e)
{
    char sha[VQ_SHA256_TEXT];
    vq_json_maker m = {0};
    json_t *signed_root;
    VQ_TRY(digest_of(root, sha, e));
    vq_put_text(&m, root, SELF, sha);
    VQ_TRY(vq_make_done(&m, json_incref(root), path, &signed_root, e));
    const vq_status s = vq_json_save(signed_root, DUMP, path, e);
    json_decref(signed_root);
    return s;
}

static vq_status path_of(const char *dir, char path[4096], vq_err *e)
{
    if (snprintf(path, 4096, "%s/%s", dir, VQ_MANIFEST_NAME) < 4096) return VQ_OK;
    return vq_fail(e, VQ_E_IO, "%s: the path is too long", dir);
}

vq_status vq_manifest_write(const char *dir, const vq_manifest *m, vq_err *e)
{
    char path[4096];
    json_t *root;
    VQ_TRY(path_of(dir, path, e));
    VQ_TRY(manifest_json(m, &root, e));
    const vq_status s = sign_and_save(root, path, e);
    json_decref(root);
    return s;
}

/* A copy of a text member; NULL when it is missing or something else. */
static vq_status read_text(const json_t *value, const char **out, vq_arena *a, vq_err *e)
{
    const char *text = json_string_value(value);
    *out = text ? vq_arena_text(a, e, "%s", text) : NULL;
    return text && !*out ? e->status : VQ_OK;
}

static vq_status read_module(const char *name, const json_t *o, vq_manifest_module *out,
                             vq_arena *a, vq_err *e)
{
    const json_t *db = json_object_get(o, "sqnr_db"), *tokens = json_object_get(o, "tokens");
    *out = (vq_manifest_module){
        .name = vq_arena_text(a, e, "%s", name),
        .sqnr_db = json_is_real(db) ? json_real_value(db) : INFINITY,
        .hadamard = json_integer_value(json_object_get(o, "hadamard")),
        .arc_s = json_integer_value(json_object_get(o, "arc_s")),
        .tokens = json_is_integer(tokens) ? json_integer_value(tokens) : -1,
        .transformed = json_is_true(json_object_get(o, "transformed")),
    };
    if (!out->name) return e->status;
    VQ_TRY(read_text(json_object_get(o, "scheme"), &out->scheme, a, e));
    VQ_TRY(read_text(json_object_get(o, "sha256"), &out->sha256, a, e));
    return read_text(json_object_get(o, "fallback"), &out->fallback, a, e);
}

/* Both lists begin with the name. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static vq_status read_modules(const json_t *all, vq_manifest *m, vq_arena *a, vq_err *e)
{
    vq_manifest_module *list =
        VQ_ALLOC(a, vq_manifest_module, json_object_size(all), "modules of vq.json", e);
    const char *name;
    json_t *value;
    if (!list) return e->status;
    json_object_foreach((json_t *)(uintptr_t)all, name, value)
        VQ_TRY(read_module(name, value, &list[m->nmodules++], a, e));
    qsort(list, m->nmodules, sizeof *list, by_name);
    m->modules = list;
    return VQ_OK;
}

static vq_status read_files(const json_t *all, vq_manifest *m, vq_arena *a, vq_err *e)
{
    vq_file_digest *list = VQ_NEW(a, vq_file_digest, json_object_size(all), "files of vq.json", e);
    const char *name;
    json_t *value;
    if (!list) return e->status;
    json_object_foreach((json_t *)(uintptr_t)all, name, value)
    {
        vq_file_digest *one = &list[m->nfiles++];
        one->name = vq_arena_text(a, e, "%s", name);
        if (!one->name) return e->status;
        VQ_TRY(read_text(value, &one->sha256, a, e));
    }
    qsort(list, m->nfiles, sizeof *list, by_name);
    m->files = list;
    return VQ_OK;
}

static vq_status read_inputs(const json_t *all, vq_manifest *m, vq_arena *a, vq_err *e)
{
    vq_file_digest *list = VQ_NEW(a, vq_file_digest, json_array_size(all), "inputs of vq.json", e);
    size_t i;
    const json_t *one;
    if (!list) return e->status;
    json_array_foreach(all, i, one)
    {
        VQ_TRY(read_text(json_object_get(one, "name"), &list[i].name, a, e));
        VQ_TRY(read_text(json_object_get(one, "sha256"), &list[i].sha256, a, e));
    }
    m->inputs = list;
    m->ninputs = json_array_size(all);
    return VQ_OK;
}

/* The sources of a mix, as put_part wrote them. */
static vq_status read_parts(const json_t *all, vq_calibrated *c, vq_arena *a, vq_err *e)
{
    size_t i;
    const json_t *one;
    const size_t n = json_array_size(all) < VQ_SOURCES_MAX ? json_array_size(all) : VQ_SOURCES_MAX;
    vq_sample_part *parts = VQ_NEW(a, vq_sample_part, n, VQ_MANIFEST_NAME, e);
    if (!parts) return e->status;
    json_array_foreach(all, i, one)
    {
        const char *sha = json_string_value(json_object_get(one, "sha256"));
        if (i == n) break;
        VQ_TRY(read_text(json_object_get(one, "kind"), &parts[i].kind, a, e));
        (void)snprintf(parts[i].sha256, sizeof parts[i].sha256, "%s", sha ? sha : "");
        if (c->seqlen > 0)
            parts[i].samples = json_integer_value(json_object_get(one, "tokens")) / c->seqlen;
    }
    c->parts = parts;
    c->nparts = (int)n;
    return VQ_OK;
}

/* A member of another type counts as not recorded. */
static vq_status read_origin(const json_t *root, vq_manifest *m, vq_arena *a, vq_err *e)
{
    const json_t *recipe = json_object_get(root, "recipe"),
                 *c = json_object_get(root, "calibration");
    const char *sha = json_string_value(json_object_get(c, "sha256"));
    m->calibration.seqlen = json_integer_value(json_object_get(c, "seqlen"));
    if (m->calibration.seqlen > 0)
        m->calibration.samples =
            json_integer_value(json_object_get(c, "tokens")) / m->calibration.seqlen;
    (void)snprintf(m->calibration.sha256, sizeof m->calibration.sha256, "%s", sha ? sha : "");
    VQ_TRY(read_text(json_object_get(c, "kind"), &m->calibration.kind, a, e));
    VQ_TRY(read_parts(json_object_get(c, "sources"), &m->calibration, a, e));
    VQ_TRY(read_text(json_object_get(recipe, "name"), &m->recipe, a, e));
    return read_text(json_object_get(recipe, "yaml"), &m->yaml, a, e);
}

/* Any changed byte must show: the file has to be exactly the text that its value gives. */
static vq_status same_text(const vq_map *f, const json_t *root, bool *same, vq_err *e)
{
    char *text;
    VQ_TRY(vq_json_dump(root, DUMP, VQ_MANIFEST_NAME, &text, e));
    *same = strlen(text) == f->size && memcmp(text, f->data, f->size) == 0;
    free(text);
    return VQ_OK;
}

static vq_status read_root(const vq_map *f, json_t *root, vq_manifest *m, bool *intact, vq_arena *a,
                           vq_err *e)
{
    const char *self = json_string_value(json_object_get(root, SELF));
    char sha[VQ_SHA256_TEXT];
    VQ_TRY(digest_of(root, sha, e));
    VQ_TRY(same_text(f, root, intact, e));
    *intact = *intact && self && strcmp(self, sha) == 0;
    VQ_TRY(read_origin(root, m, a, e));
    VQ_TRY(read_inputs(json_object_get(root, "inputs"), m, a, e));
    VQ_TRY(read_modules(json_object_get(root, "tensors"), m, a, e));
    return read_files(json_object_get(root, "files"), m, a, e);
}

static vq_status read_map(const vq_map *f, const char *path, vq_manifest *m, bool *intact,
                          vq_arena *a, vq_err *e)
{
    json_t *root;
    if (vq_json_parse((const char *)f->data, f->size, &root, e) != VQ_OK)
        return vq_at(e, "%s", path);
    const char *schema = json_string_value(json_object_get(root, "schema"));
    const vq_status s =
        schema && strcmp(schema, SCHEMA) == 0
            ? read_root(f, root, m, intact, a, e)
            : vq_fail(e, VQ_E_INPUT,
                      "%s: schema is not " SCHEMA "; this file is not an artifact's manifest",
                      path);
    json_decref(root);
    return s;
}

vq_status vq_manifest_read(const char *dir, vq_manifest *m, bool *intact, vq_arena *a, vq_err *e)
{
    char path[4096];
    *m = (vq_manifest){0};
    *intact = false;
    VQ_TRY(path_of(dir, path, e));
    vq_map f;
    VQ_TRY(vq_map_open(&f, path, e));
    const vq_status s = read_map(&f, path, m, intact, a, e);
    vq_map_close(&f);
    return s;
}

const vq_manifest_module *vq_manifest_module_named(const vq_manifest *m, const char *name)
{
    return m->nmodules ? bsearch(&name, m->modules, m->nmodules, sizeof *m->modules, by_name)
                       : NULL;
}

const vq_file_digest *vq_manifest_file_named(const vq_manifest *m, const char *name)
{
    return m->nfiles ? bsearch(&name, m->files, m->nfiles, sizeof *m->files, by_name) : NULL;
}

static vq_status digest_file(const char *path, const char *name, vq_file_digest *out, vq_arena *a,
                             vq_err *e)
{
    vq_map m;
    char sha[VQ_SHA256_TEXT];
    VQ_TRY(vq_map_open(&m, path, e));
    vq_sha256_map(&m, sha);
    *out =
        (vq_file_digest){.name = name, .sha256 = vq_arena_text(a, e, "%s", sha), .bytes = m.size};
    vq_map_close(&m);
    return out->sha256 ? VQ_OK : e->status;
}

vq_status vq_folder_digests(const char *dir, const vq_file_digest **files, size_t *n, vq_arena *a,
                            vq_err *e)
{
    const char *const *names;
    size_t count;
    VQ_TRY(vq_list_tree(dir, a, &names, &count, e));
    vq_file_digest *list = VQ_ALLOC(a, vq_file_digest, count, "digests", e);
    if (!list) return e->status;
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        const char *path = vq_join(a, dir, names[i], e);
        if (!path) return e->status;
        if (strcmp(names[i], VQ_MANIFEST_NAME) == 0 || vq_is_dir(path)) continue;
        VQ_TRY(digest_file(path, names[i], &list[(*n)++], a, e));
    }
    *files = list;
    return VQ_OK;
}

vq_status vq_manifest_changed(const char *dir, const vq_manifest *m, const char **name, vq_arena *a,
                              vq_err *e)
{
    *name = NULL;
    for (size_t i = 0; i < m->nfiles && !*name; i++) {
        const vq_file_digest *f = &m->files[i];
        const char *path = vq_join(a, dir, f->name, e);
        vq_file_digest now;
        if (!path) return e->status;
        if (!vq_exists(path)) continue;
        VQ_TRY(digest_file(path, f->name, &now, a, e));
        if (vq_is_link(path) || !f->sha256 || strcmp(f->sha256, now.sha256) != 0) *name = f->name;
    }
    return VQ_OK;
}
