/* source_coverage.c -- the sources of a mix over all inputs: how far apart, and what to do about it. */
#include "run/calibrate/source_coverage.h"

#include <math.h>

#define TELLS 25.0 /* degrees between halves beyond which chance is too large to compare with */
#define FAR 1.5 /* times the angle of the halves: of one and the same text it is about half of it */

static const char *name_of(const vq_sample_part *p)
{
    return p->path ? p->path : "self";
}

vq_status vq_source_coverage_begin(vq_coverage *c, const vq_sample_set *set, vq_arena *a,
                                   vq_arena *results, vq_err *e)
{
    const int64_t samples = set->samples.count;
    int *half = VQ_ALLOC(a, int, samples, "samples", e);
    int64_t *had = half ? VQ_NEW(a, int64_t, set->nparts, "samples", e) : NULL;
    if (!had) return e->status;
    for (int64_t i = 0; i < samples; i++) {
        const int part = vq_samples_next(set->parts, had, set->nparts);
        half[i] = 2 * part + (int)(had[part]++ % 2);
    }
    *c = (vq_coverage){.sources = set->nparts, .half = half, .arena = results};
    return VQ_OK;
}

/* Experts leave gaps, and names are the graph's. */
static vq_status keep_measured(vq_coverage *c, vq_err *e)
{
    int n = 0;
    for (int i = 0; i < c->ninputs; i++) {
        if (!c->inputs[i].name) continue;
        c->inputs[n] = c->inputs[i];
        c->inputs[n].name = vq_arena_text(c->arena, e, "%s", c->inputs[n].name);
        if (!c->inputs[n++].name) return e->status;
    }
    c->ninputs = n;
    return VQ_OK;
}

typedef struct mean {
    double sum;
    int n;
} mean;

static void add(mean *m, double value)
{
    if (!isfinite(value)) return;
    m->sum += value;
    m->n++;
}

static double value(const mean *m)
{
    return m->n ? m->sum / m->n : NAN;
}

static double mean_angle(const vq_coverage *c, int a, int b)
{
    mean m = {0};
    for (int i = 0; i < c->ninputs; i++) add(&m, c->inputs[i].angles[a * c->sources + b]);
    return value(&m);
}

/* How far the angle to the others is beyond what chance makes. One huge token makes both large. */
static double excess(const vq_covered *in, int source)
{
    return in->others[source] - (isfinite(in->halves[source]) ? in->halves[source] : 0);
}

static void over_inputs(const vq_coverage *c, int source, vq_source_coverage *to)
{
    mean others = {0}, halves = {0};
    int64_t most_alone = 0;
    for (int i = 0; i < c->ninputs; i++) {
        const vq_covered *in = &c->inputs[i];
        add(&others, in->others[source]);
        add(&halves, in->halves[source]);
        if (isfinite(in->others[source]) &&
            (!to->farthest || excess(in, source) > excess(to->farthest, source)))
            to->farthest = in;
        to->alone += in->alone[source];
        if (in->alone[source] > most_alone) {
            most_alone = in->alone[source];
            to->alone_most = in;
        }
    }
    to->farthest_angle = to->farthest ? to->farthest->others[source] : NAN;
    to->others = value(&others);
    to->halves = value(&halves);
}

vq_status vq_source_coverage_end(vq_coverage *c, vq_coverage_result *r, vq_err *e)
{
    const int n = c->sources;
    vq_source_coverage *sources = VQ_NEW(c->arena, vq_source_coverage, n, "sources", e);
    double *angles = sources ? VQ_ALLOC(c->arena, double, n *n, "sources", e) : NULL;
    if (!angles) return e->status;
    VQ_TRY(keep_measured(c, e));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) angles[i * n + j] = mean_angle(c, i, j);
        sources[i].angles = angles + i * n;
        over_inputs(c, i, &sources[i]);
    }
    *r = (vq_coverage_result){sources, n, c->inputs, c->ninputs};
    return VQ_OK;
}

/* Sources no farther apart than the halves of each, where those are close enough to tell. */
static bool alike(const vq_source_coverage *a, const vq_source_coverage *b, double angle)
{
    return angle <= a->halves && angle <= b->halves && a->halves < TELLS && b->halves < TELLS;
}

static void warn_alike(const vq_coverage_result *r, const vq_sample_part *parts, int i,
                       const vq_reporter *w)
{
    for (int j = 0; j < i; j++) {
        const double angle = r->sources[i].angles[j];
        if (!alike(&r->sources[i], &r->sources[j], angle)) continue;
        vq_warn(w, "sources-alike", name_of(&parts[i]),
                "no farther from %s (%.1f degrees) than its own halves from each other (%.1f): "
                "another kind of text would add more",
                name_of(&parts[j]), angle, r->sources[i].halves);
        return;
    }
}

/* A source that is far from the others, with less than half of an equal share. */
static bool underrated(const vq_coverage_result *r, const vq_sample_part *parts, int i)
{
    int64_t samples = 0;
    for (int j = 0; j < r->nsources; j++) samples += parts[j].samples;
    return 2 * r->nsources * parts[i].samples < samples &&
           r->sources[i].others > FAR * r->sources[i].halves;
}

void vq_source_coverage_warn(const vq_coverage_result *r, const vq_sample_part *parts,
                             const vq_reporter *w)
{
    for (int i = 0; i < r->nsources; i++) {
        warn_alike(r, parts, i, w);
        if (underrated(r, parts, i))
            vq_warn(w, "source-far", name_of(&parts[i]),
                    "%.1f degrees from the other sources, its own halves %.1f from each other, and "
                    "few of the samples: text like it will lose most; give it a larger share",
                    r->sources[i].others, r->sources[i].halves);
    }
}
