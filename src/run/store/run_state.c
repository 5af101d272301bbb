/* run_state.c -- the state of a run, written anew after each section. */
#include "run/store/run_state.h"

#include <string.h>

#include "base/exchange/source.h"
#include "base/file.h"
#include "base/num/hadamard_matrix.h"

bool vq_run_state_exists(const char *dir, vq_arena *a)
{
    vq_err ignored;
    const char *path = vq_join(a, dir, VQ_RUN_STATE, &ignored);
    return path && vq_exists(path);
}

vq_status vq_run_state_new(vq_run_state *s, const char *dir, const vq_made_from *made_from,
                           vq_arena *a, vq_err *e)
{
    *s = (vq_run_state){.path = vq_join(a, dir, VQ_RUN_STATE, e), .arena = a};
    s->state.made_from = *made_from;
    return s->path ? VQ_OK : e->status;
}

static vq_status compare(const vq_run_state *s, const vq_made_from *want, vq_err *e)
{
    for (int i = 0; i < VQ_MADE_FIELDS; i++) {
        const char *had = s->state.made_from.of[i], *now = want->of[i];
        if (!now || (had && strcmp(had, now) == 0)) continue;
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: the stopped run had another %s (%.24s, now %.24s); give what it was "
                       "started with, or start anew with --force",
                       s->path, vq_made_names[i], had ? had : "none", now);
    }
    return VQ_OK;
}

vq_status vq_run_state_load(vq_run_state *s, const char *dir, const vq_made_from *made_from,
                            vq_arena *a, vq_err *e)
{
    *s = (vq_run_state){.path = vq_join(a, dir, VQ_RUN_STATE, e), .arena = a};
    if (!s->path) return e->status;
    if (!vq_exists(s->path))
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: there is no stopped run to resume; start without --resume", dir);
    VQ_TRY(vq_state_read(s->path, &s->state, a, e));
    s->saved = true;
    return compare(s, made_from, e);
}

int vq_run_state_sections(const vq_run_state *s)
{
    return (int)s->state.nparts;
}

static vq_status file_sha(const char *path, char sha[VQ_SHA256_TEXT], vq_err *e)
{
    vq_map m;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_sha256_map(&m, sha);
    vq_map_close(&m);
    return VQ_OK;
}

static vq_status write_state(vq_run_state *s, vq_err *e)
{
    VQ_TRY(vq_state_write(s->path, &s->state, e));
    s->saved = true;
    return VQ_OK;
}

vq_status vq_run_state_save(vq_run_state *s, vq_err *e)
{
    return s->saved ? VQ_OK : write_state(s, e);
}

static vq_state_module module_of(const vq_rounded *r, size_t i)
{
    return (vq_state_module){.name = r->modules[i].name,
                             .arc_s = r->modules[i].arc_s,
                             .hadamard = r->modules[i].hadamard,
                             .sqnr_db = r->sqnr_db[i],
                             .signal = r->signal[i],
                             .transformed = r->transformed[i],
                             .fallback = r->fallback[i],
                             .tokens = r->tokens[i]};
}

static vq_status grow(vq_state *s, vq_arena *a, vq_err *e)
{
    if (s->nparts < s->room) return VQ_OK;
    vq_state_part *parts =
        vq_arena_more(a, s->parts, &s->room, sizeof *parts, "state of the run", e);
    if (!parts) return e->status;
    s->parts = parts;
    return VQ_OK;
}

vq_status vq_run_state_add(vq_run_state *s, int section, const char *path, const vq_rounded *r,
                           size_t first, size_t n, vq_err *e)
{
    char sha[VQ_SHA256_TEXT] = "";
    if (path) VQ_TRY(file_sha(path, sha, e));
    VQ_TRY(grow(&s->state, s->arena, e));
    const char *copy = vq_arena_text(s->arena, e, "%s", sha);
    vq_state_module *modules =
        copy ? VQ_ALLOC(s->arena, vq_state_module, n, "state of the run", e) : NULL;
    if (!modules) return e->status;
    for (size_t i = 0; i < n; i++) modules[i] = module_of(r, first + i);
    s->state.parts[s->state.nparts++] =
        (vq_state_part){.part = section, .sha256 = copy, .modules = modules, .nmodules = n};
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

static vq_status restore_module(const vq_state_module *m, const char *path, const vq_plan *p,
                                vq_rounded *r, vq_err *e)
{
    const int at = m->name ? vq_plan_weight_named(p, m->name) : -1;
    if (at < 0 || !p->weights[at].quantized || r->nmodules >= (size_t)p->nweights)
        return vq_fail(e, VQ_E_INPUT, "%s: module %s is not in the plan; start anew", path,
                       m->name ? m->name : "(none)");
    const vq_plan_weight *w = &p->weights[at];
    if (!fits(w, m->arc_s, m->hadamard))
        return vq_fail(e, VQ_E_INPUT,
                       "%s: %s has sizes that cannot be; remove the folder and start anew", path,
                       m->name);
    const size_t i = r->nmodules++;
    r->weights[i] = w;
    r->group[i] = w->group;
    r->modules[i] = vq_plan_module(p, w, m->arc_s);
    r->modules[i].hadamard = m->hadamard;
    r->sqnr_db[i] = m->sqnr_db;
    r->signal[i] = m->signal;
    r->transformed[i] = m->transformed;
    r->fallback[i] = m->fallback;
    r->tokens[i] = m->tokens;
    return VQ_OK;
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
                               vq_rounded *r, bool *empty, vq_err *e)
{
    const vq_state_part *part = &s->state.parts[i];
    const size_t first = r->nmodules;
    char sha[VQ_SHA256_TEXT];
    if (i > p->model->graph.layers || !part->sha256 || part->part != i)
        return vq_fail(e, VQ_E_INPUT,
                       "%s: part %d is not one of this run; remove the folder and start anew",
                       s->path, i);
    *empty = !*part->sha256;
    if (*empty) return check_whole(s, i, p, r, first, e);
    VQ_TRY(file_sha(path, sha, e));
    if (strcmp(part->sha256, sha) != 0)
        return vq_fail(e, VQ_E_INPUT,
                       "%s was changed after the run stopped; remove the folder and start anew",
                       path);
    for (size_t j = 0; j < part->nmodules; j++)
        VQ_TRY(restore_module(&part->modules[j], path, p, r, e));
    return check_whole(s, i, p, r, first, e);
}
