/* sweep.c -- samples in batches, observers at the inputs of linears. */
#include "calib/sweep.h"

#include <assert.h>
#include <math.h>

#include "calib/observer.h"
#include "kernels/bf16_product.h"
#include "model/exec/exec.h"
#include "model/exec/finite.h"
#include "model/walk/groups.h"

static vq_status check_finite(const vq_sweep *s, const char *name, const vq_seen_rows *x, vq_err *e)
{
    const int64_t row = vq_first_bad_row(s->exec.kernels, x->x, x->count, x->width);
    if (row < 0) return VQ_OK;
    int64_t channel = 0;
    while (channel + 1 < x->width && isfinite(x->x[row * x->width + channel])) channel++;
    const int64_t token = x->token ? x->token[row] : row;
    return vq_fail(e, VQ_E_NUMERIC,
                   "%s: input of sample %lld is not finite at channel %lld (position %lld)", name,
                   (long long)(s->first + token / s->samples.length), (long long)channel,
                   (long long)(token % s->samples.length));
}

bool vq_sweep_rows(const vq_sweep *s, const vq_seen_rows *x, int64_t *at, int64_t *first,
                   vq_rows *out, bool *whole)
{
    const int64_t length = s->samples.length;
    *first = *at;
    *whole = true;
    if (*at >= x->count) return false;
    *out = (vq_rows){.x = x->x + *at * x->width, .samples = 1, .width = x->width};
    if (!x->token) {
        assert(x->count % length == 0);
        out->samples = x->count / length;
        out->length = length;
        *at = x->count;
        return true;
    }
    const int64_t sample = x->token[*at] / length;
    *whole = x->token[*at] % length == 0;
    while (*at < x->count && x->token[*at] / length == sample) (*at)++;
    out->length = *at - *first;
    return true;
}

static vq_status on_input(void *ctx, int node, const vq_seen_rows *x, vq_err *e)
{
    const vq_sweep *s = ctx;
    if (!s->stats) return VQ_OK;
    VQ_TRY(check_finite(s, s->exec.graph->nodes[node].name, x, e));
    int member;
    const int group = vq_sweep_group(s, node, &member);
    vq_stats *stats = &s->stats[group];
    assert(stats->k == x->width);
    vq_rows rows;
    bool whole;
    for (int64_t at = 0, first; vq_sweep_rows(s, x, &at, &first, &rows, &whole);) {
        vq_stats_add(stats, s->exec.kernels, &rows);
        if (s->cover && s->cover[group].k)
            VQ_TRY(vq_cover_add(&s->cover[group], s->exec.kernels, &rows,
                                s->coverage->half + s->first, s->exec.arena, e));
    }
    return VQ_OK;
}

/* Where each linear's statistics are, so that hooks need not look for them. */
static vq_status index_groups(vq_sweep *s, vq_arena *a, vq_err *e)
{
    const int n = s->exec.graph->count;
    int *place = VQ_ALLOC(a, int, 2 * n, "linear groups", e), *member = place ? place + n : NULL;
    if (!place) return e->status;
    for (int i = 0, at = 0; i < s->ngroups; i++, at++) {
        if (i && s->groups[i].layer != s->groups[i - 1].layer) at = 0;
        for (int j = 0; j < s->groups[i].count; j++) {
            place[s->groups[i].linears[j]] = at;
            member[s->groups[i].linears[j]] = j;
        }
    }
    s->place = place;
    s->member = member;
    return VQ_OK;
}

/* Room for what is found out about each input. */
static vq_status open_coverage(vq_sweep *s, vq_coverage *c, vq_err *e)
{
    s->coverage = c;
    if (!c) return VQ_OK;
    c->ninputs = s->ngroups;
    c->inputs = VQ_NEW(c->arena, vq_covered, s->ngroups, "coverage of sources", e);
    return c->inputs ? VQ_OK : e->status;
}

vq_status vq_sweep_init(vq_sweep *s, const vq_exec *x, const vq_samples *samples,
                        const vq_calib_options *o, const vq_reporter *w, vq_arena *a, vq_err *e)
{
    *s = (vq_sweep){
        .exec = *x, .samples = *samples, .needs = o->needs, .reporter = w, .kernels = *x->kernels};
    if (o->bf16) VQ_TRY(vq_bf16_take(&s->kernels, a, e));
    s->exec.kernels = &s->kernels;
    s->exec.hook = on_input;
    s->exec.hook_ctx = s;
    s->per_batch = o->batch_tokens > samples->length ? o->batch_tokens / samples->length : 1;
    if (s->per_batch > samples->count) s->per_batch = samples->count;
    vq_linear_group *groups;
    VQ_TRY(vq_graph_groups(x->graph, a, &groups, &s->ngroups, e));
    s->groups = groups;
    VQ_TRY(open_coverage(s, o->coverage, e));
    return index_groups(s, a, e);
}

int64_t vq_sweep_batches(const vq_sweep *s)
{
    return s->samples.count ? (s->samples.count + s->per_batch - 1) / s->per_batch : 0;
}

static size_t sample_floats(const vq_sweep *s)
{
    return (size_t)vq_record_most(s->exec.graph, 1, s->samples.length);
}

size_t vq_sweep_floats(const vq_sweep *s)
{
    return (size_t)s->samples.count * sample_floats(s);
}

size_t vq_sweep_batch_floats(const vq_sweep *s)
{
    return (size_t)s->per_batch * sample_floats(s);
}

vq_sweep_batch vq_sweep_at(vq_sweep *s, int64_t i)
{
    s->first = i * s->per_batch;
    const int64_t left = s->samples.count - s->first,
                  sequences = left < s->per_batch ? left : s->per_batch;
    return (vq_sweep_batch){
        .shape = {.sequences = sequences, .length = s->samples.length, .first = s->first},
        .offset = (size_t)s->first * sample_floats(s),
        .count = (size_t)sequences * sample_floats(s),
        .ids = s->samples.ids + s->first * s->samples.length};
}

vq_status vq_sweep_embed(vq_sweep *s, vq_spool *spool, float *buffer, vq_err *e)
{
    for (int64_t i = 0; i < vq_sweep_batches(s); i++) {
        const vq_sweep_batch b = vq_sweep_at(s, i);
        VQ_TRY(vq_step(s->reporter, "embedding", s->first, s->samples.count, e));
        VQ_TRY(vq_exec_embed(&s->exec, &b.shape, b.ids, buffer, e));
        VQ_TRY(vq_spool_give(spool, b.offset, b.count, buffer, e));
    }
    return VQ_OK;
}

int vq_sweep_groups(const vq_sweep *s, int layer)
{
    return vq_graph_groups_in(s->groups, s->ngroups, layer);
}

int vq_sweep_group(const vq_sweep *s, int node, int *member)
{
    *member = s->member[node];
    return s->place[node];
}

vq_status vq_sweep_open(vq_sweep *s, int layer, vq_stats *stats, int nstats, vq_arena *out,
                        vq_err *e)
{
    const int groups = vq_sweep_groups(s, layer);
    if (groups != nstats)
        return vq_fail(e, VQ_E_BUG, "layer %d has %d groups of linears, not %d", layer, groups,
                       nstats);
    const int sources = s->coverage ? s->coverage->sources : 0;
    if (sources) s->cover = VQ_NEW(out, vq_cover_sums, nstats, "coverage of sources", e);
    if (sources && !s->cover) return e->status;
    for (int i = 0, place = 0; i < s->ngroups; i++) {
        if (s->groups[i].layer != layer) continue;
        const vq_node *first = &s->exec.graph->nodes[s->groups[i].linears[0]];
        if (sources && first->routed == 0)
            VQ_TRY(vq_cover_new(&s->cover[place], first->in_width, sources, out, e));
        VQ_TRY(vq_stats_new(&stats[place++], first->name, first->in_width,
                            s->needs & ~(unsigned)VQ_NEED_GRADIENT, out, e));
    }
    s->stats = stats;
    return VQ_OK;
}

/* What the sums of a block say, to those of all inputs. */
static vq_status end_coverage(vq_sweep *s, int layer, vq_err *e)
{
    vq_cover_sums *cover = s->cover;
    s->cover = NULL;
    for (int i = 0, place = 0; cover && i < s->ngroups; i++) {
        if (s->groups[i].layer != layer) continue;
        vq_cover_sums *sums = &cover[place++];
        vq_covered *to = &s->coverage->inputs[i];
        if (!sums->k) continue;
        to->name = s->exec.graph->nodes[s->groups[i].linears[0]].name;
        to->layer = layer;
        VQ_TRY(vq_cover_end(sums, to, s->coverage->arena, e));
    }
    return VQ_OK;
}

vq_status vq_sweep_end(vq_sweep *s, int layer, vq_err *e)
{
    vq_stats *stats = s->stats;
    s->stats = NULL;
    for (int i = 0; i < vq_sweep_groups(s, layer); i++)
        if (vq_stats_end(&stats[i], e) != VQ_OK) return vq_at(e, "layer %d", layer);
    return end_coverage(s, layer, e);
}
