/* summary.c -- sizes, bits per weight and the worst layers of a finished artifact. */
#include "run/quantize/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "plan/names.h"

#define EXACT_DB 300 /* what JSON and tables can show of an infinite one */

const char *const vq_phase_names[VQ_PHASES] = {"plan", "round", "manifest", "verify"};

static int by_db(const void *a, const void *b)
{
    const double x = ((const vq_module_error *)a)->sqnr_db,
                 y = ((const vq_module_error *)b)->sqnr_db;
    return x < y ? -1 : x > y;
}

static vq_status tell_worst(const vq_rounded *rounded, vq_quantize_result *r, vq_arena *a,
                            vq_err *e)
{
    const size_t n = rounded->nmodules;
    vq_module_error *list = VQ_ALLOC(a, vq_module_error, n, "summary", e);
    if (!list) return e->status;
    for (size_t i = 0; i < n; i++)
        list[i] = (vq_module_error){rounded->modules[i].name, rounded->sqnr_db[i]};
    qsort(list, n, sizeof *list, by_db);
    r->nworst = n < VQ_WORST_MODULES ? n : VQ_WORST_MODULES;
    for (size_t i = 0; i < r->nworst; i++) {
        r->worst[i] =
            (vq_module_error){.name = vq_arena_text(a, e, "%s", list[i].name),
                              .sqnr_db = list[i].sqnr_db > EXACT_DB ? EXACT_DB : list[i].sqnr_db};
        if (!r->worst[i].name) return e->status;
    }
    return VQ_OK;
}

/* Everything that stands for a linear in the artifact, per weight of the layer: ARC's extra
 * channels are counted. */
static double bits_per_weight(const vq_rounded *r)
{
    double bits = 0, weights = 0;
    for (size_t i = 0; i < r->nmodules; i++) {
        const vq_module *m = &r->modules[i];
        const int64_t k = m->k + m->arc_s;
        bits += vq_num_bits(&m->scheme->weight, m->n, k) * (double)m->n * (double)k;
        if (m->arc_s) bits += 32 * (double)m->k;
        weights += (double)m->n * (double)m->k;
    }
    return bits / weights;
}

vq_status vq_summary_modules(const vq_rounded *rounded, vq_quantize_result *r, vq_arena *a,
                             vq_err *e)
{
    size_t first;
    r->modules = rounded->nmodules;
    r->fallbacks = vq_rounded_fallbacks(rounded, &first);
    r->bits_per_weight = bits_per_weight(rounded);
    r->finished = rounded->finished;
    return tell_worst(rounded, r, a, e);
}

vq_status vq_summary_files(const vq_file_digest *files, size_t n, vq_quantize_result *r,
                           vq_arena *a, vq_err *e)
{
    vq_file_digest *list = VQ_ALLOC(a, vq_file_digest, n, "files", e);
    if (!list) return e->status;
    for (size_t i = 0; i < n; i++) {
        list[i] = (vq_file_digest){.name = vq_arena_text(a, e, "%s", files[i].name),
                                   .sha256 = vq_arena_text(a, e, "%s", files[i].sha256),
                                   .bytes = files[i].bytes};
        if (!list[i].name || !list[i].sha256) return e->status;
        r->bytes_out += files[i].bytes;
        if (vq_ends_with(files[i].name, ".safetensors")) r->bytes_weights += files[i].bytes;
    }
    r->files = list;
    r->nfiles = n;
    return VQ_OK;
}

vq_status vq_summary_entries(const vq_rounded *rounded, const vq_manifest_module **list,
                             vq_arena *a, vq_err *e)
{
    vq_manifest_module *all = VQ_ALLOC(a, vq_manifest_module, rounded->nmodules, "vq.json", e);
    if (!all) return e->status;
    for (size_t i = 0; i < rounded->nmodules; i++)
        all[i] = (vq_manifest_module){.name = rounded->modules[i].name,
                                      .scheme = rounded->weights[i]->scheme.id,
                                      .sha256 = rounded->sha[i],
                                      .sqnr_db = rounded->sqnr_db[i],
                                      .fallback = rounded->fallback[i],
                                      .hadamard = rounded->modules[i].hadamard,
                                      .arc_s = rounded->modules[i].arc_s,
                                      .tokens = rounded->tokens[i],
                                      .transformed = rounded->transformed[i]};
    *list = all;
    return VQ_OK;
}

/* docs/using-the-output.md has what was tried: with second-level scales it computes something else; with
 * zero points, integers whose inputs are quantized, or more than 4 bits under powers of two it does
 * not load. */
static bool joins_wrongly(const vq_scheme *s)
{
    const vq_num *w = &s->weight;
    return w->global_scale || w->zero != VQ_ZERO_NONE ||
           (w->grid.kind == VQ_GRID_INT && s->has_act) ||
           (w->scale == VQ_SCALE_E8M0 && w->grid.bits > 4);
}

static bool has_unjoinable_experts(const vq_plan *p)
{
    const char *rest;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized && joins_wrongly(&p->weights[i].scheme) &&
            vq_name_expert(p->weights[i].module, &rest))
            return true;
    return false;
}

static bool is_one_group(const vq_scheme *a, const vq_scheme *b)
{
    return vq_num_equal(&a->weight, &b->weight) && a->has_act == b->has_act &&
           (!a->has_act || vq_num_equal(&a->act, &b->act));
}

/* Do the quantized weights make several config groups? *zeros: has one of them zero points? */
static bool mixes_schemes(const vq_plan *p, bool *zeros)
{
    const vq_scheme *first = NULL;
    bool mixed = false;
    *zeros = false;
    for (int i = 0; i < p->nweights; i++) {
        const vq_scheme *s = &p->weights[i].scheme;
        if (!p->weights[i].quantized) continue;
        if (!first) first = s;
        mixed |= !is_one_group(first, s);
        *zeros |= s->weight.zero == VQ_ZERO_INT;
    }
    return mixed;
}

void vq_summary_loaders(const vq_plan *p, const char *list[VQ_SUMMARY_RUNTIMES + 1])
{
    bool zeros;
    const bool mixed = mixes_schemes(p, &zeros),
               misread = has_unjoinable_experts(p) || (mixed && zeros);
    int n = 0;
    vq_summary_runtimes(p->target->name, p->recipe->schemes[0], list);
    if (!p->model->arch) list[0] = NULL;
    for (int i = 0; list[i]; i++)
        if (!misread || strcmp(list[i], "transformers") != 0) list[n++] = list[i];
    list[n] = NULL;
}

void vq_summary_warn(const vq_plan *p, const char *const *runtimes, const vq_reporter *w)
{
    bool zeros;
    if (!mixes_schemes(p, &zeros)) return;
    for (; *runtimes; runtimes++)
        if (strcmp(*runtimes, "transformers") == 0)
            vq_warn(w, "mixed-schemes", p->recipe->path,
                    "transformers reads every layer by its own scheme when it loads the folder as "
                    "it is, but with dequantize=True all of them by the first");
}
