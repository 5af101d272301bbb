/* report_recipe.c -- recipes, schemes and passes from their tables, and the version. */
#include "report/report.h"

#include <stdio.h>
#include <string.h>

#include "plan/pass_table.h"
#include "plan/recipe_summary.h"
#include "quant/finish.h"
#include "quant/rounder.h"
#include "quant/transform.h"
#include "json/json_make.h"

#define BITS_ROWS 4096 /* bits per weight are those of a matrix of this many rows and columns */

/* An object with one array, "key", whose rows are made by the caller. */
static json_t *begin_list(vq_json_maker *m, const char *key, json_t **rows)
{
    json_t *o = vq_make_object(m);
    *rows = vq_put_array(m, o, key);
    return o;
}

static void put_summary(vq_json_maker *m, json_t *row, const vq_recipe *r)
{
    vq_recipe_summary s;
    vq_recipe_summarize(&s, r);
    vq_put_text(m, row, "name", r->name);
    vq_put_real(m, row, "bits_per_weight", s.bits);
    vq_put_text(m, row, "weights", s.weights);
    vq_put_text(m, row, "inputs", s.inputs);
    vq_put_flag(m, row, "data", s.data);
    vq_put_text(m, row, "time", s.time);
    json_t *runtimes = vq_put_array(m, row, "runtimes");
    for (int i = 0; s.runtimes[i]; i++) vq_add(m, runtimes, vq_make_text(m, s.runtimes[i]));
    vq_put_text(m, row, "about", r->about);
}

vq_status vq_report_recipes(vq_arena *a, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *rows, *o = begin_list(&m, "recipes", &rows);
    for (const vq_shipped *r = vq_shipped_recipes; r->name; r++) {
        vq_recipe recipe;
        const vq_status s = vq_recipe_parse(&recipe, r->name, r->text, strlen(r->text), NULL, 0,
                                            vq_pass_names(), a, e);
        if (s != VQ_OK) {
            json_decref(o);
            return s;
        }
        put_summary(&m, vq_add_object(&m, rows), &recipe);
    }
    return vq_make_done(&m, o, "recipes", out, e);
}

static void add_scheme(vq_json_maker *m, json_t *rows, const vq_scheme *s)
{
    char weight[128] = "", act[128] = "";
    if (s->has_weight) (void)vq_num_text(&s->weight, weight, sizeof weight);
    if (s->has_act) (void)vq_num_text(&s->act, act, sizeof act);
    json_t *row = vq_add_object(m, rows);
    vq_put_text(m, row, "id", s->id);
    vq_put_real(m, row, "bits_per_weight",
                s->has_weight ? vq_num_bits(&s->weight, BITS_ROWS, BITS_ROWS) : 16.0);
    vq_put_text(m, row, "weight", weight);
    vq_put_text(m, row, "act", act);
}

vq_status vq_report_schemes(json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *rows, *o = begin_list(&m, "schemes", &rows);
    for (int i = 0; vq_scheme_at(i); i++) add_scheme(&m, rows, vq_scheme_at(i));
    vq_put_text(&m, o, "families", vq_scheme_families);
    return vq_make_done(&m, o, "schemes", out, e);
}

vq_status vq_report_scheme(const char *name, json_t **out, vq_err *e)
{
    vq_scheme buf;
    const vq_scheme *s = vq_scheme_find(name, &buf);
    vq_json_maker m = {0};
    json_t *rows;
    *out = NULL;
    if (!s) return VQ_OK;
    json_t *o = begin_list(&m, "schemes", &rows);
    add_scheme(&m, rows, s);
    return vq_make_done(&m, o, "schemes", out, e);
}

/* A pass of any kind: what their registries have in common. */
typedef struct pass_view {
    const char *name, *kind, *doc, *source;
    const vq_option *options;
} pass_view;

static pass_view of_transform(const vq_transform *t)
{
    return (pass_view){t->name, "transform", t->doc, t->source, t->options};
}

static pass_view of_rounder(const vq_rounder *r)
{
    return (pass_view){r->name, "round", r->doc, r->source, r->options};
}

static pass_view of_finish(const vq_finish *f)
{
    return (pass_view){f->name, "finish", f->doc, f->source, f->options};
}

static void put_pass(vq_json_maker *m, json_t *row, const pass_view *p)
{
    vq_put_text(m, row, "name", p->name);
    vq_put_text(m, row, "kind", p->kind);
    vq_put_text(m, row, "doc", p->doc);
    vq_put_text(m, row, "source", p->source);
}

static void add_pass(vq_json_maker *m, json_t *rows, pass_view p)
{
    put_pass(m, vq_add_object(m, rows), &p);
}

vq_status vq_report_passes(json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *rows, *o = begin_list(&m, "passes", &rows);
    for (int i = 0; vq_transform_at(i); i++) add_pass(&m, rows, of_transform(vq_transform_at(i)));
    for (int i = 0; vq_rounder_at(i); i++) add_pass(&m, rows, of_rounder(vq_rounder_at(i)));
    for (int i = 0; vq_finish_at(i); i++) add_pass(&m, rows, of_finish(vq_finish_at(i)));
    return vq_make_done(&m, o, "passes", out, e);
}

static void range_text(const vq_option *o, char *buf, size_t len)
{
    if (o->type == VQ_OPT_CHOICE)
        (void)snprintf(buf, len, "%s", o->choices);
    else if (o->type == VQ_OPT_BOOL)
        (void)snprintf(buf, len, "true|false");
    else if (o->type == VQ_OPT_INT)
        (void)snprintf(buf, len, "%.0f..%.0f", o->min, o->max);
    else
        (void)snprintf(buf, len, "%g..%g", o->min, o->max);
}

static void put_options(vq_json_maker *m, json_t *o, const vq_option *table)
{
    json_t *rows = vq_put_array(m, o, "options");
    for (const vq_option *option = table; option->name; option++) {
        char range[128];
        range_text(option, range, sizeof range);
        json_t *row = vq_add_object(m, rows);
        vq_put_text(m, row, "name", option->name);
        vq_put_text(m, row, "default", option->def);
        vq_put_text(m, row, "range", range);
        vq_put_text(m, row, "doc", option->doc);
    }
}

static bool find_pass(const char *name, pass_view *p)
{
    const vq_transform *t = vq_transform_find(name);
    const vq_rounder *r = vq_rounder_find(name);
    const vq_finish *f = vq_finish_find(name);
    if (t)
        *p = of_transform(t);
    else if (r)
        *p = of_rounder(r);
    else if (f)
        *p = of_finish(f);
    return t || r || f;
}

vq_status vq_report_pass(const char *name, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    pass_view p;
    *out = NULL;
    if (!find_pass(name, &p)) return VQ_OK;
    json_t *o = vq_make_object(&m);
    put_pass(&m, o, &p);
    if (p.options) put_options(&m, o, p.options);
    return vq_make_done(&m, o, "pass", out, e);
}

vq_status vq_report_shipped(const vq_shipped *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "name", r->name);
    vq_put_text(&m, o, "text", r->text);
    return vq_make_done(&m, o, "recipe", out, e);
}

vq_status vq_report_recipe(const vq_recipe *r, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "path", r->path);
    vq_put_text(&m, o, "name", r->name);
    vq_put_int(&m, o, "rules", r->nrules);
    vq_put_int(&m, o, "passes", r->npasses);
    vq_put_text(&m, o, "format", r->format);
    vq_put_text(&m, o, "resolved", r->resolved);
    return vq_make_done(&m, o, "recipe", out, e);
}

vq_status vq_report_version(const char *isa, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *o = vq_make_object(&m);
    vq_put_text(&m, o, "version", VQ_VERSION);
    vq_put_text(&m, o, "isa", isa);
    return vq_make_done(&m, o, "version", out, e);
}
