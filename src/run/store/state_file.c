/* state_file.c -- writing and reading state.json. */
#include "run/store/state_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_load.h"
#include "json/json_make.h"

#define SCHEMA "vq.run/1"
#define SELF "self_sha256"
#define DUMP (JSON_INDENT(1) | JSON_REAL_PRECISION(17))

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

const char *const vq_made_names[VQ_MADE_FIELDS] = {
    "version", "model", "recipe", "isa", "numeric", "BLAS kernel", "data", "statistics"};

vq_status vq_made_note(vq_made_from *made, vq_made_field field, const char *value, vq_arena *a,
                       vq_err *e)
{
    made->of[field] = vq_arena_text(a, e, "%s", value);
    return made->of[field] ? VQ_OK : e->status;
}

static void put_module(vq_json_maker *m, json_t *list, const vq_state_module *of)
{
    json_t *o = vq_add_object(m, list);
    vq_put_text(m, o, "name", of->name);
    vq_put_int(m, o, "arc_s", of->arc_s);
    vq_put_int(m, o, "hadamard", of->hadamard);
    vq_put_real(m, o, "sqnr_db", of->sqnr_db);
    vq_put_real(m, o, "signal", of->signal);
    vq_put_flag(m, o, "transformed", of->transformed);
    vq_put_text(m, o, "fallback", of->fallback);
    vq_put_int(m, o, "tokens", of->tokens);
}

static void put_part(vq_json_maker *m, json_t *list, const vq_state_part *p)
{
    json_t *o = vq_add_object(m, list);
    vq_put_int(m, o, "part", p->part);
    vq_put_text(m, o, "sha256", p->sha256);
    json_t *modules = vq_put_array(m, o, "modules");
    for (size_t i = 0; i < p->nmodules; i++) put_module(m, modules, &p->modules[i]);
}

static vq_status state_json(const vq_state *s, const char *path, json_t **root, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "schema", SCHEMA);
    json_t *made = vq_put_object(&m, o, "made_from");
    for (int i = 0; i < VQ_MADE_FIELDS; i++)
        if (s->made_from.of[i]) vq_put_text(&m, made, vq_made_names[i], s->made_from.of[i]);
    json_t *parts = vq_put_array(&m, o, "parts");
    for (size_t i = 0; i < s->nparts; i++) put_part(&m, parts, &s->parts[i]);
    vq_put_text(&m, o, SELF, zeros);
    return vq_make_done(&m, o, path, root, e);
}

/* Where the file says its own digest, which is that of its bytes with zeros there; NULL: nowhere. */
static char *own_digest(char *text, size_t n, char sha[VQ_SHA256_TEXT])
{
    static const char key[] = "\"" SELF "\": \"";
    char *at = memmem(text, n, key, sizeof key - 1), *digest = at ? at + sizeof key - 1 : NULL;
    if (!at || (size_t)(text + n - digest) < sizeof zeros - 1) return NULL;
    memcpy(sha, digest, VQ_SHA256_TEXT - 1);
    sha[VQ_SHA256_TEXT - 1] = '\0';
    memcpy(digest, zeros, sizeof zeros - 1);
    return digest;
}

void vq_state_sign(char *text, size_t n)
{
    char sha[VQ_SHA256_TEXT];
    char *digest = own_digest(text, n, sha);
    vq_sha256_of(text, n, sha);
    if (digest) memcpy(digest, sha, VQ_SHA256_TEXT - 1);
}

vq_status vq_state_write(const char *path, const vq_state *s, vq_err *e)
{
    char *text;
    json_t *root;
    VQ_TRY(state_json(s, path, &root, e));
    vq_status status = vq_json_dump(root, DUMP, path, &text, e);
    json_decref(root);
    VQ_TRY(status);
    vq_state_sign(text, strlen(text));
    status = vq_write_file(path, text, strlen(text), e);
    free(text);
    return status;
}

/* A copy of a text member; NULL when it is missing or something else. */
static vq_status read_text(const json_t *o, const char *key, const char **out, vq_arena *a,
                           vq_err *e)
{
    const char *text = json_string_value(json_object_get(o, key));
    *out = text ? vq_arena_text(a, e, "%s", text) : NULL;
    return text && !*out ? e->status : VQ_OK;
}

static vq_status read_module(const json_t *o, vq_state_module *out, vq_arena *a, vq_err *e)
{
    const json_t *db = json_object_get(o, "sqnr_db");
    *out = (vq_state_module){
        .arc_s = json_integer_value(json_object_get(o, "arc_s")),
        .hadamard = json_integer_value(json_object_get(o, "hadamard")),
        .sqnr_db = json_is_real(db) ? json_real_value(db) : INFINITY,
        .signal = json_real_value(json_object_get(o, "signal")),
        .transformed = json_is_true(json_object_get(o, "transformed")),
        .tokens = json_integer_value(json_object_get(o, "tokens")),
    };
    VQ_TRY(read_text(o, "name", &out->name, a, e));
    return read_text(o, "fallback", &out->fallback, a, e);
}

static vq_status read_part(const json_t *o, vq_state_part *out, vq_arena *a, vq_err *e)
{
    const json_t *part = json_object_get(o, "part"), *list = json_object_get(o, "modules");
    const size_t n = json_array_size(list);
    vq_state_module *modules = VQ_ALLOC(a, vq_state_module, n, "state of the run", e);
    if (!modules) return e->status;
    for (size_t i = 0; i < n; i++) VQ_TRY(read_module(json_array_get(list, i), &modules[i], a, e));
    *out = (vq_state_part){.part = json_is_integer(part) ? json_integer_value(part) : -1,
                           .modules = modules,
                           .nmodules = n};
    return read_text(o, "sha256", &out->sha256, a, e);
}

static vq_status read_root(const json_t *root, const char *path, vq_state *s, vq_arena *a,
                           vq_err *e)
{
    const char *schema = json_string_value(json_object_get(root, "schema"));
    const json_t *parts = json_object_get(root, "parts"),
                 *made = json_object_get(root, "made_from");
    if (!schema || strcmp(schema, SCHEMA) != 0 || !json_is_array(parts))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: not the state of a run; remove the folder and start anew", path);
    for (int i = 0; i < VQ_MADE_FIELDS; i++)
        VQ_TRY(read_text(made, vq_made_names[i], &s->made_from.of[i], a, e));
    s->room = json_array_size(parts);
    s->parts = VQ_ALLOC(a, vq_state_part, s->room, "state of the run", e);
    if (!s->parts) return e->status;
    for (; s->nparts < s->room; s->nparts++)
        VQ_TRY(read_part(json_array_get(parts, s->nparts), &s->parts[s->nparts], a, e));
    return VQ_OK;
}

/* Whatever byte was changed: what a run goes on from is what a run wrote. */
static vq_status check_digest(const vq_map *f, const char *path, vq_arena *a, vq_err *e)
{
    char said[VQ_SHA256_TEXT], sha[VQ_SHA256_TEXT];
    char *copy = vq_arena_alloc(a, f->size, 1, "state of the run", e);
    if (!copy) return e->status;
    memcpy(copy, f->data, f->size);
    const bool found = own_digest(copy, f->size, said) != NULL;
    vq_sha256_of(copy, f->size, sha);
    if (found && strcmp(said, sha) == 0) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: not the state of a run as it was written; start anew with --force", path);
}

static vq_status read_map(const vq_map *f, const char *path, vq_state *s, vq_arena *a, vq_err *e)
{
    json_error_t cause;
    json_t *root;
    VQ_TRY(check_digest(f, path, a, e));
    if (vq_json_load((const char *)f->data, f->size, JSON_REJECT_DUPLICATES, &root, &cause, e) ==
        VQ_E_LIMIT)
        return vq_at(e, "%s", path);
    const vq_status status = read_root(root, path, s, a, e);
    json_decref(root);
    return status;
}

vq_status vq_state_read(const char *path, vq_state *s, vq_arena *a, vq_err *e)
{
    vq_map f;
    *s = (vq_state){0};
    VQ_TRY(vq_map_open(&f, path, e));
    const vq_status status = read_map(&f, path, s, a, e);
    vq_map_close(&f);
    return status;
}
