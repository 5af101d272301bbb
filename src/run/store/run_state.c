/* run_state.c -- the state of a run as JSON, written anew after each section. */
#include "run/store/run_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/exchange/source.h"
#include "base/file.h"
#include "base/num/hadamard_matrix.h"

#define STATE_NAME "state.json"
#define STATE_SCHEMA "vq.run/1"

bool vq_run_state_exists(const char *dir, vq_arena *a)
{
    vq_err ignored;
    const char *path = vq_join(a, dir, STATE_NAME, &ignored);
    return path && vq_exists(path);
}

vq_status vq_run_state_new(vq_run_state *s, const char *dir, const json_t *made_from, vq_arena *a,
                           vq_err *e)
{
    *s = (vq_run_state){.path = vq_join(a, dir, STATE_NAME, e)};
    if (!s->path) return e->status;
    s->root = json_pack("{s:s, s:O, s:[]}", "schema", STATE_SCHEMA, "made_from",
                        (json_t *)(uintptr_t)made_from, "parts");
    return s->root ? VQ_OK
                   : vq_fail(e, VQ_E_LIMIT, "%s: no memory for the state of the run", s->path);
}

static vq_status compare(const vq_run_state *s, const json_t *want, vq_err *e)
{
    const char *field;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)want, field, value)
    {
        const char *had =
            json_string_value(json_object_get(json_object_get(s->root, "made_from"), field));
        if (had && strcmp(had, json_string_value(value)) == 0) continue;
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: the stopped run had another %s (%.24s, now %.24s); give what it was "
                       "started with, or start anew with --force",
                       s->path, field, had ? had : "none", json_string_value(value));
    }
    return VQ_OK;
}

vq_status vq_run_state_load(vq_run_state *s, const char *dir, const json_t *made_from, vq_arena *a,
                            vq_err *e)
{
    *s = (vq_run_state){.path = vq_join(a, dir, STATE_NAME, e)};
    if (!s->path) return e->status;
    if (!vq_exists(s->path))
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: there is no stopped run to resume; start without --resume", dir);
    json_error_t cause;
    s->root = json_load_file(s->path, JSON_REJECT_DUPLICATES, &cause);
    const char *schema = json_string_value(json_object_get(s->root, "schema"));
    if (!schema || strcmp(schema, STATE_SCHEMA) != 0 ||
        !json_is_array(json_object_get(s->root, "parts")))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: not the state of a run; remove the folder and start anew", s->path);
    s->saved = true;
    return compare(s, made_from, e);
}

void vq_run_state_done(vq_run_state *s)
{
    json_decref(s->root);
    s->root = NULL;
}

int vq_run_state_sections(const vq_run_state *s)
{
    return (int)json_array_size(json_object_get(s->root, "parts"));
}

static vq_status file_sha(const char *path, char sha[VQ_SHA256_TEXT], vq_err *e)
{
    vq_map m;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_sha256_map(&m, sha);
    vq_map_close(&m);
    return VQ_OK;
}

static json_t *module_json(const vq_rounded *r, size_t i)
{
    json_t *db = isfinite(r->sqnr_db[i]) ? json_real(r->sqnr_db[i]) : json_null();
    return json_pack("{s:s, s:I, s:I, s:o, s:f, s:b, s:s?, s:I}", "name", r->modules[i].name,
                     "arc_s", (json_int_t)r->modules[i].arc_s, "hadamard",
                     (json_int_t)r->modules[i].hadamard, "sqnr_db", db, "signal", r->signal[i],
                     "transformed", r->transformed[i], "fallback", r->fallback[i], "tokens",
                     (json_int_t)r->tokens[i]);
}

static vq_status write_state(vq_run_state *s, vq_err *e)
{
    char *text = json_dumps(s->root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    if (!text) return vq_fail(e, VQ_E_LIMIT, "%s: no memory for the state of the run", s->path);
    const vq_status status = vq_write_file(s->path, text, strlen(text), e);
    free(text);
    s->saved = status == VQ_OK;
    return status;
}

vq_status vq_run_state_save(vq_run_state *s, vq_err *e)
{
    return s->saved ? VQ_OK : write_state(s, e);
}

vq_status vq_run_state_add(vq_run_state *s, int section, const char *path, const vq_rounded *r,
                           size_t first, size_t n, vq_err *e)
{
    char sha[VQ_SHA256_TEXT] = "";
    if (path) VQ_TRY(file_sha(path, sha, e));
    json_t *modules = json_array();
    for (size_t i = first; i < first + n; i++)
        (void)json_array_append_new(modules, module_json(r, i));
    json_t *one = json_pack("{s:i, s:s, s:o}", "part", section, "sha256", sha, "modules", modules);
    if (!one || json_array_append_new(json_object_get(s->root, "parts"), one) != 0)
        return vq_fail(e, VQ_E_LIMIT, "%s: no memory for the state of the run", s->path);
    return write_state(s, e);
}

/* Are these sizes possible? arc_s and hadamard are read by the runtime alone, so no other check
 * would find a wrong one. */
static bool fits(const vq_plan_weight *w, int64_t arc_s, int64_t hadamard)
{
    const int64_t k = w->tensor->shape[1];
    return arc_s >= 0 && arc_s <= k &&
           (hadamard == 0 || (vq_hadamard_block(hadamard) && k % hadamard == 0));
}

static vq_status restore_module(const json_t *m, const char *path, const vq_plan *p, vq_rounded *r,
                                vq_arena *a, vq_err *e)
{
    const char *name = json_string_value(json_object_get(m, "name"));
    const int at = name ? vq_plan_weight_named(p, name) : -1;
    if (at < 0 || !p->weights[at].quantized || r->nmodules >= (size_t)p->nweights)
        return vq_fail(e, VQ_E_INPUT, "%s: module %s is not in the plan; start anew", path,
                       name ? name : "(none)");
    const vq_plan_weight *w = &p->weights[at];
    const int64_t arc_s = json_integer_value(json_object_get(m, "arc_s")),
                  hadamard = json_integer_value(json_object_get(m, "hadamard"));
    const json_t *db = json_object_get(m, "sqnr_db");
    if (!fits(w, arc_s, hadamard))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %s has sizes that cannot be; remove the folder and start anew", path,
                       name);
    const char *fallback = json_string_value(json_object_get(m, "fallback"));
    const size_t i = r->nmodules++;
    r->weights[i] = w;
    r->group[i] = w->group;
    r->modules[i] = vq_plan_module(p, w, arc_s);
    r->modules[i].hadamard = hadamard;
    r->sqnr_db[i] = json_is_real(db) ? json_real_value(db) : INFINITY;
    r->signal[i] = json_real_value(json_object_get(m, "signal"));
    r->transformed[i] = json_is_true(json_object_get(m, "transformed"));
    r->tokens[i] = json_integer_value(json_object_get(m, "tokens"));
    r->fallback[i] = fallback ? vq_arena_text(a, e, "%s", fallback) : NULL;
    return fallback && !r->fallback[i] ? e->status : VQ_OK;
}

/* Every module that the plan quantizes in a section, each once, and no other. */
static vq_status check_whole(const vq_run_state *s, int section, const vq_plan *p,
                             const vq_rounded *r, size_t first, vq_err *e)
{
    const int layer = section < p->model->graph.layers ? section : -1;
    size_t planned = 0;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        size_t at = first;
        if (!w->quantized || w->layer != layer) continue;
        while (at < r->nmodules && r->weights[at] != w) at++;
        if (at == r->nmodules)
            return vq_fail(e, VQ_E_INPUT, "%s: part %d lacks %s; remove the folder and start anew",
                           s->path, section, w->module);
        planned++;
    }
    if (r->nmodules - first == planned) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: part %d has modules that are not its own; remove the folder and start anew",
                   s->path, section);
}

vq_status vq_run_state_restore(const vq_run_state *s, int i, const char *path, const vq_plan *p,
                               vq_rounded *r, bool *empty, vq_arena *a, vq_err *e)
{
    const json_t *part = json_array_get(json_object_get(s->root, "parts"), (size_t)i), *m;
    const char *want = json_string_value(json_object_get(part, "sha256"));
    const size_t first = r->nmodules;
    char sha[VQ_SHA256_TEXT];
    if (i > p->model->graph.layers || !want ||
        json_integer_value(json_object_get(part, "part")) != i)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: part %d is not one of this run; remove the folder and start anew",
                       s->path, i);
    *empty = !*want;
    if (*empty) return check_whole(s, i, p, r, first, e);
    VQ_TRY(file_sha(path, sha, e));
    if (strcmp(want, sha) != 0)
        return vq_fail(e, VQ_E_INPUT,
                       "%s was changed after the run stopped; remove the folder and start anew",
                       path);
    size_t j;
    json_array_foreach(json_object_get(part, "modules"), j, m)
        VQ_TRY(restore_module(m, path, p, r, a, e));
    return check_whole(s, i, p, r, first, e);
}
