/* recipe_summary.c -- the first scheme of a recipe in words, and what its passes ask for. */
#include "plan/recipe_summary.h"

#include <stdio.h>
#include <string.h>

#include "formats/target.h"
#include "quant/finish.h"
#include "quant/rounder.h"
#include "quant/transform.h"

#define ROWS 4096 /* bits per weight are those of a matrix of this many rows and columns */

/* What people call a grid with such scales. */
static void name_grid(const vq_num *n, char *buf, size_t len)
{
    static const struct {
        const char *grid, *micro, *other;
    } names[] = {{"e2m1", "MXFP4", "FP4"},     {"e2m3", "MXFP6", "FP6"},
                 {"e3m2", "MXFP6", "FP6"},     {"e4m3", "MXFP8", "FP8"},
                 {"e5m2", "MXFP8", "FP8"},     {"mxint8", "MXINT8", "INT8"},
                 {"iq4nl", "IQ4_NL", "IQ4_NL"}};
    char grid[16];
    vq_grid_name(&n->grid, grid);
    (void)snprintf(buf, len, "%s", grid);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].grid, grid) == 0)
            (void)snprintf(buf, len, "%s",
                           n->scale == VQ_SCALE_E8M0 ? names[i].micro : names[i].other);
    if (n->grid.kind == VQ_GRID_INT && !n->grid.bfp && strcmp(grid, "mxint8") != 0)
        (void)snprintf(buf, len, "INT%d", n->grid.bits);
}

static void name_num(const vq_num *n, char *buf, size_t len)
{
    char group[24] = "";
    const bool nv = n->grid.bits == 4 && n->grid.kind == VQ_GRID_FLOAT && n->scale == VQ_SCALE_E4M3,
               micro = n->scale == VQ_SCALE_E8M0;
    const vq_group_shape *g = &n->group;
    name_grid(n, buf, len);
    if (nv) (void)snprintf(buf, len, "NVFP4");
    if (nv || micro) return;
    static const char *const names[] = {
        [VQ_PER_TENSOR] = " tensor", [VQ_PER_CHANNEL] = " channel", [VQ_PER_TOKEN] = " token"};
    if (g->kind != VQ_PER_BLOCK)
        (void)snprintf(group, sizeof group, "%s", names[g->kind]);
    else if (g->rows > 1)
        (void)snprintf(group, sizeof group, " %dx%d", g->rows, g->cols);
    else
        (void)snprintf(group, sizeof group, " g%d", g->cols);
    const size_t used = strlen(buf);
    (void)snprintf(buf + used, len - used, "%s%s", group, n->zero ? " asym" : "");
}

/* Needs of the passes, and whether one of them trains or tries out. */
static unsigned needs_of(const vq_recipe *r, bool *tries, double *appended)
{
    unsigned needs = 0;
    for (int i = 0; i < r->npasses; i++) {
        const vq_pass_recipe *p = &r->passes[i];
        const vq_transform *t = vq_transform_find(p->name);
        const vq_rounder *rounder = vq_rounder_find(p->name);
        if (!p->round && !p->finish && t && t->needs) needs |= t->needs(&p->options);
        if (p->round && rounder->needs) needs |= rounder->needs(&p->options);
        *tries =
            *tries || p->finish || (p->round && rounder->block) || (!p->round && t && t->trials);
        if (!p->round && t && t->augments)
            *appended = vq_option_get(&p->options, "max_fraction")->r;
    }
    return needs;
}

/* docs/using-the-output.md says what was tried with whom. */
void vq_summary_runtimes(const char *format, const vq_scheme *scheme,
                         const char *list[VQ_SUMMARY_RUNTIMES + 1])
{
    const vq_target *t = vq_target_find(format);
    int n = 0;
    for (; t && t->runtimes[n] && n + 2 < VQ_SUMMARY_RUNTIMES; n++) list[n] = t->runtimes[n];
    if (n) {
        char weights[24] = "";
        if (scheme && scheme->has_weight) name_num(&scheme->weight, weights, sizeof weights);
        list[n++] = "transformers";
        if (strcmp(weights, "NVFP4") == 0) list[n++] = "llama.cpp";
    } else {
        list[n++] = "vq";
    }
    list[n] = NULL;
}

void vq_recipe_summarize(vq_recipe_summary *s, const vq_recipe *r)
{
    const vq_scheme *scheme = r->nschemes ? r->schemes[0] : NULL;
    bool tries = false;
    double appended = 0;
    *s = (vq_recipe_summary){.bits = 16, .weights = "16 bits", .inputs = "16 bits"};
    const unsigned needs = needs_of(r, &tries, &appended);
    s->data = r->calib.data != VQ_DATA_NONE;
    s->time = !s->data ? "fast" : tries || needs & VQ_NEED_GRADIENT ? "slow" : "medium";
    vq_summary_runtimes(r->format, scheme, s->runtimes);
    if (!scheme) return;
    s->bits = vq_num_bits(&scheme->weight, ROWS, ROWS) * (1 + appended);
    name_num(&scheme->weight, s->weights, sizeof s->weights);
    if (scheme->has_act) name_num(&scheme->act, s->inputs, sizeof s->inputs);
}
