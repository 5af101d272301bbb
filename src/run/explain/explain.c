/* explain.c -- a recipe in words, and what its rules take of a model. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "calib/stats/stats_file.h"
#include "plan/plan_make.h"
#include "run/explain/scheme_words.h"
#include "run/recipe_open.h"
#include "run/run.h"

enum { TEXT = 1024 };

static void add(char *buf, const char *fmt, ...) VQ_PRINTF(2, 3);
static void add(char *buf, const char *fmt, ...)
{
    const size_t used = strlen(buf);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(buf + used, TEXT - used, fmt, args);
    va_end(args);
}

static void add_list(char *buf, const char *what, const char *const *list, int n)
{
    if (n) add(buf, "%s%s", *buf ? "; " : "", what);
    for (int i = 0; i < n; i++) add(buf, "%s%s", i ? ", " : " ", list[i]);
}

static const char *takes(const vq_rule_recipe *r, vq_arena *a, vq_err *e)
{
    char text[TEXT] = "";
    add_list(text, "role", r->roles, r->nroles);
    add_list(text, "name", r->names, r->nnames);
    if (r->layer_first >= 0)
        add(text, "%slayers %d to %d", *text ? "; " : "", r->layer_first, r->layer_last);
    return vq_arena_text(a, e, "%s", *text ? text : "everything");
}

static vq_status explain_rule(const vq_rule_recipe *r, const vq_target *t, vq_explained_rule *out,
                              vq_arena *a, vq_err *e)
{
    char words[TEXT];
    *out = (vq_explained_rule){
        .rule = vq_arena_text(a, e, "%s", r->text),
        .takes = takes(r, a, e),
        .scheme = vq_arena_text(a, e, "%s", r->keep ? "keep" : r->scheme->id),
        .means = vq_arena_text(a, e, "%s",
                               r->keep ? "stays as it is"
                                       : vq_scheme_words(r->scheme, t, words, sizeof words)),
        .optional = r->optional};
    return out->rule && out->takes && out->scheme && out->means ? VQ_OK : e->status;
}

static const char *pass_doc(const vq_pass_recipe *p)
{
    if (p->round) return vq_rounder_find(p->name)->doc;
    return p->finish ? vq_finish_find(p->name)->doc : vq_transform_find(p->name)->doc;
}

static vq_status explain_pass(const vq_pass_recipe *p, vq_explained_pass *out, vq_arena *a,
                              vq_err *e)
{
    char text[TEXT] = "";
    const vq_option *table = p->options.table;
    for (int i = 0; table && table[i].name; i++) {
        const vq_option_value *v = &p->options.value[i];
        add(text, "%s%s=", i ? " " : "", table[i].name);
        if (table[i].type == VQ_OPT_INT) add(text, "%lld", (long long)v->i);
        if (table[i].type == VQ_OPT_REAL) add(text, "%g", v->r);
        if (table[i].type == VQ_OPT_BOOL) add(text, "%s", v->b ? "true" : "false");
        if (table[i].type == VQ_OPT_CHOICE) add(text, "%s", v->s);
    }
    *out = (vq_explained_pass){.name = vq_arena_text(a, e, "%s", p->name),
                               .doc = pass_doc(p),
                               .options = vq_arena_text(a, e, "%s", text)};
    return out->name && out->options ? VQ_OK : e->status;
}

/* What has to be given, as the recipe says it. */
static const char *data_words(const vq_calib_recipe *c, vq_arena *a, vq_err *e)
{
    char size[96];
    (void)snprintf(size, sizeof size, "%lld samples of %lld tokens", (long long)c->samples,
                   (long long)c->seqlen);
    if (c->data == VQ_DATA_NONE) return vq_arena_text(a, e, "none");
    if (c->data == VQ_DATA_GIVEN && c->sources.n > 1)
        return vq_arena_text(a, e, "%s from %d sources", size, c->sources.n);
    if (c->data == VQ_DATA_GIVEN)
        return vq_arena_text(a, e, "%s from %s", size,
                             c->sources.list->path ? c->sources.list->path : "the model itself");
    return vq_arena_text(a, e, "%s %s", size,
                         c->data == VQ_DATA_SELF ? "that the model writes itself, or of --data"
                                                 : "that have to be given with --data");
}

static vq_status explain_recipe(const vq_recipe *r, vq_explain_result *out, vq_arena *a, vq_err *e)
{
    vq_explained_rule *rules = VQ_ALLOC(a, vq_explained_rule, r->nrules, "rules", e);
    vq_explained_pass *passes = VQ_ALLOC(a, vq_explained_pass, r->npasses, "passes", e);
    if (!rules || !passes) return e->status;
    const vq_target *t = vq_target_find(r->format);
    for (int i = 0; i < r->nrules; i++) VQ_TRY(explain_rule(&r->rules[i], t, &rules[i], a, e));
    for (int i = 0; i < r->npasses; i++) VQ_TRY(explain_pass(&r->passes[i], &passes[i], a, e));
    *out = (vq_explain_result){.name = vq_arena_text(a, e, "%s", r->name),
                               .about = vq_arena_text(a, e, "%s", r->about ? r->about : ""),
                               .path = vq_arena_text(a, e, "%s", r->path),
                               .rules = rules,
                               .nrules = (size_t)r->nrules,
                               .passes = passes,
                               .npasses = (size_t)r->npasses,
                               .data = data_words(&r->calib, a, e),
                               .format = vq_arena_text(a, e, "%s", r->format)};
    return out->name && out->about && out->path && out->data && out->format ? VQ_OK : e->status;
}

static vq_status count_weight(const vq_plan_weight *w, const vq_target *t, vq_explained_rule *rule,
                              vq_arena *a, vq_err *e)
{
    if (rule->count < VQ_EXPLAIN_NAMES) {
        rule->names[rule->count] = vq_arena_text(a, e, "%s", w->module);
        if (!rule->names[rule->count]) return e->status;
    }
    if (w->quantized && !rule->count) {
        char words[TEXT];
        rule->means =
            vq_arena_text(a, e, "%s", vq_scheme_words(&w->scheme, t, words, sizeof words));
        if (!rule->means) return e->status;
    }
    rule->count++;
    rule->bytes_before += w->tensor->bytes;
    rule->bytes += vq_plan_stored_bytes(w);
    return VQ_OK;
}

static vq_status explain_plan(const vq_plan *p, vq_explain_result *out, vq_explained_rule *rules,
                              vq_arena *a, vq_err *e)
{
    char needs[160];
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        if (w->rule < 0)
            out->unruled++;
        else
            VQ_TRY(count_weight(w, p->target, &rules[w->rule], a, e));
    }
    out->with_model = true;
    out->statistics = vq_arena_text(a, e, "%s", vq_stats_needs_text(p->needs, needs, sizeof needs));
    return out->statistics ? VQ_OK : e->status;
}

static vq_status explain_model(const vq_recipe *r, const char *path, vq_job *job,
                               vq_explain_result *out, vq_arena *scratch, vq_arena *a, vq_err *e)
{
    vq_model m;
    vq_plan p;
    vq_explained_rule *rules = VQ_ALLOC(a, vq_explained_rule, r->nrules, "rules", e);
    if (!rules) return e->status;
    memcpy(rules, out->rules, (size_t)r->nrules * sizeof *rules);
    out->rules = rules;
    VQ_TRY(vq_model_open_dense(&m, path, job, scratch, e));
    vq_status s = vq_plan_make(&p, r, &m, scratch, e);
    if (s == VQ_OK) s = explain_plan(&p, out, rules, a, e);
    vq_model_close(&m);
    return s;
}

vq_status vq_run_explain(vq_job *job, const vq_explain_options *o, vq_explain_result *r,
                         vq_arena *a, vq_err *e)
{
    vq_arena scratch;
    vq_recipe recipe;
    vq_arena_init(&scratch, &job->budget);
    const vq_recipe_request asked = {o->recipe, o->sets, o->nsets, true};
    vq_status s = vq_recipe_open(&recipe, &asked, &scratch, e);
    if (s == VQ_OK) s = explain_recipe(&recipe, r, a, e);
    if (s == VQ_OK && o->model) s = explain_model(&recipe, o->model, job, r, &scratch, a, e);
    vq_arena_done(&scratch);
    return s;
}
