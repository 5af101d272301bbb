/* rounding.c -- transforms, rounders and packers over the groups of a plan. */
#include "run/rounding.h"

#include <math.h>
#include <string.h>

#include "calib/observer.h"
#include "run/weights.h"

static vq_status map_group(vq_input_map *map, const vq_plan *p, const vq_plan_group *g, const vq_stats *stats, vq_arena *a, vq_err *e)
{
    for (int i = 0; i < p->npasses; i++) {
        vq_transform_job job = {
            .options = p->passes[i].options,
            .stats = stats,
            .scheme = &p->weights[g->weights[0]].scheme,
            .arena = a,
        };
        if (p->passes[i].transform->run(&job, e) != VQ_OK) return vq_at(e, "%s", p->passes[i].transform->name);
        *map = job.map;
    }
    return VQ_OK;
}

/* Members of a group share the map; modules follow the order of execution. */
static void add_modules(vq_rounded *r, const vq_plan *p, int group)
{
    const vq_plan_group *g = &p->groups[group];
    for (int j = 0; j < g->count; j++) {
        const vq_plan_weight *w = &p->weights[g->weights[j]];
        r->weights[r->nmodules] = w;
        r->group[r->nmodules] = group;
        r->modules[r->nmodules++] = vq_plan_module(p, w, r->maps[group].s);
    }
}

vq_status vq_rounding_maps(vq_rounded *r, const vq_plan *p, const vq_calibration *c, vq_arena *a, vq_err *e)
{
    const int n = p->nweights;
    *r = (vq_rounded){
        .maps = VQ_NEW(a, vq_input_map, p->ngroups, "plan", e),
        .modules = VQ_NEW(a, vq_module, n, "plan", e),
        .weights = VQ_NEW(a, const vq_plan_weight *, n, "plan", e),
        .group = VQ_NEW(a, int, n, "plan", e),
        .sqnr_db = VQ_NEW(a, double, n, "plan", e),
    };
    r->sha = vq_arena_zero(a, (size_t)n, sizeof *r->sha, "plan", e);
    if (!r->maps || !r->modules || !r->weights || !r->group || !r->sqnr_db || !r->sha) return e->status;
    for (int i = 0; i < p->ngroups; i++) {
        const vq_plan_group *g = &p->groups[i];
        if (map_group(&r->maps[i], p, g, vq_calibration_stats(c, g), a, e) != VQ_OK)
            return vq_at(e, "%s", p->weights[g->weights[0]].module);
        add_modules(r, p, i);
    }
    return VQ_OK;
}

/* compat modes repeat the arithmetic of the writer that they are named after: scales in the model's own type. */
static vq_dtype arith_of(const vq_num *n, vq_dtype model)
{
    return n->compat == VQ_COMPAT_CT ? model : VQ_F32;
}

static vq_status group_super(vq_super *super, const vq_plan *p, const vq_plan_group *g, const vq_plan_weight *w, const vq_kernels *kr,
                             vq_err *e)
{
    *super = (vq_super){.value = 1};
    if (!w->scheme.weight.super) return VQ_OK;
    float amax = 0;
    for (int j = 0; j < g->count; j++) {
        const vq_plan_weight *member = &p->weights[g->weights[j]];
        if (!g->fused && member != w) continue;
        float x;
        VQ_TRY(vq_weights_absmax(kr, member->tensor, &x, e));
        if (x > amax) amax = x;
    }
    *super = vq_format_super(p->format, vq_super_from_amax(&w->scheme.weight, amax, arith_of(&w->scheme.weight, p->model->dtype)));
    return VQ_OK;
}

/* Static scales of the input, from what calibration saw. */
static vq_status input_scales(vq_module_extra *x, const vq_plan *p, const vq_plan_weight *w, const vq_stats *stats, vq_err *e)
{
    const vq_num *act = &w->scheme.act;
    if (!stats || !vq_plan_observes(p, w)) return VQ_OK;
    float lo, hi;
    VQ_TRY(vq_observe(stats, act, &lo, &hi, e));
    const vq_dtype arith = arith_of(act, p->model->dtype);
    if (act->super)
        x->act_super = vq_format_super(p->format, vq_super_from_amax(act, fmaxf(-lo, hi), arith));
    else
        vq_group_scale(act, lo, hi, (vq_super){.value = 1}, arith, &x->act_scale, &x->act_zero);
    return VQ_OK;
}

typedef struct stage {
    vq_rounded *r;
    const vq_plan *p;
    const vq_calibration *c;
    const vq_job *job;
    vq_st_writer *writer;
    vq_arena *scratch;
} stage;

static double sqnr_db(double signal, double noise)
{
    return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static vq_status round_weight(const stage *s, size_t i, vq_super super, vq_qtensor *q, vq_err *e)
{
    const vq_plan_weight *w = s->r->weights[i];
    const vq_input_map *map = &s->r->maps[s->r->group[i]];
    const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
    VQ_TRY(vq_qtensor_new(q, &w->scheme.weight, n, k, s->scratch, e));
    float *x = VQ_ALLOC(s->scratch, float, n *k, "weight in f32", e);
    if (!x) return e->status;
    VQ_TRY(vq_weights_load(&s->job->kernels, w->tensor, map->order, x, e));
    vq_round_job job = {
        .kernels = &s->job->kernels,
        .options = s->p->round_options,
        .stats = vq_calibration_stats(s->c, &s->p->groups[s->r->group[i]]),
        .super = super,
        .arith = arith_of(&w->scheme.weight, s->p->model->dtype),
        .scratch = s->scratch,
    };
    VQ_TRY(s->p->rounder->run(&job, x, q, e));
    s->r->sqnr_db[i] = sqnr_db(job.signal, job.noise);
    return VQ_OK;
}

static vq_status store_weight(const stage *s, size_t i, vq_super super, const vq_module_extra *extra, vq_err *e)
{
    const vq_input_map *map = &s->r->maps[s->r->group[i]];
    vq_qtensor q, augmented;
    VQ_TRY(round_weight(s, i, super, &q, e));
    if (map->s > 0) VQ_TRY(vq_arc_augment(&q, map->s, &augmented, s->scratch, e));
    return vq_module_write(s->p->format, &s->r->modules[i], map->s > 0 ? &augmented : &q, extra, s->writer, NULL, s->scratch, e);
}

static vq_status round_module(const stage *s, size_t i, vq_err *e)
{
    const vq_plan_weight *w = s->r->weights[i];
    const vq_plan_group *g = &s->p->groups[s->r->group[i]];
    const vq_arena_mark mark = vq_arena_here(s->scratch);
    vq_super super;
    vq_module_extra extra = {.arc_order = s->r->maps[s->r->group[i]].order};
    vq_status status = group_super(&super, s->p, g, w, &s->job->kernels, e);
    if (status == VQ_OK) status = input_scales(&extra, s->p, w, vq_calibration_stats(s->c, g), e);
    if (status == VQ_OK) status = store_weight(s, i, super, &extra, e);
    vq_arena_rewind(s->scratch, mark);
    return status == VQ_OK ? VQ_OK : vq_at(e, "%s", w->module);
}

static bool is_quantized(const vq_plan *p, const vq_tensor *t)
{
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].tensor == t) return p->weights[i].quantized;
    return false;
}

static vq_status declare_all(const stage *s, int64_t *kept, vq_err *e)
{
    for (size_t i = 0; i < s->r->nmodules; i++) VQ_TRY(vq_module_declare(s->p->format, &s->r->modules[i], s->writer, e));
    const vq_st_set *set = &s->p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        const vq_tensor *t = set->sorted[i];
        kept[i] = -1;
        if (is_quantized(s->p, t)) continue;
        VQ_TRY(vq_st_writer_declare(s->writer, t->name, t->dtype, t->shape, t->ndim, &kept[i], e));
    }
    return VQ_OK;
}

#define COPY_STEP ((size_t)16 << 20)

static vq_status copy_kept(const stage *s, const int64_t *kept, vq_err *e)
{
    const vq_st_set *set = &s->p->model->checkpoint.weights;
    for (size_t i = 0; i < set->count; i++) {
        const vq_tensor *t = set->sorted[i];
        if (kept[i] >= 0) VQ_TRY(vq_weights_finite(&s->job->kernels, t, e));
        for (size_t at = 0; kept[i] >= 0 && at < t->bytes; at += COPY_STEP) {
            const size_t n = t->bytes - at < COPY_STEP ? t->bytes - at : COPY_STEP;
            VQ_TRY(vq_st_writer_write(s->writer, kept[i], at, (const char *)t->data + at, n, e));
        }
    }
    return VQ_OK;
}

static vq_status write_all(const stage *s, const char *dir, vq_arena *a, vq_err *e)
{
    int64_t *kept = VQ_ALLOC(a, int64_t, s->p->model->checkpoint.weights.count, "tensors", e);
    if (!kept) return e->status;
    VQ_TRY(declare_all(s, kept, e));
    VQ_TRY(vq_st_writer_open(s->writer, dir, s->p->recipe->shard, e));
    for (size_t i = 0; i < s->r->nmodules; i++) {
        VQ_TRY(round_module(s, i, e));
        VQ_TRY(vq_step(&s->job->watch, "quantizing", (int64_t)i + 1, (int64_t)s->r->nmodules, e));
    }
    VQ_TRY(copy_kept(s, kept, e));
    const char *const *names;
    size_t n;
    return vq_st_writer_commit(s->writer, &names, &n, e);
}

static vq_status digest_all(vq_rounded *r, vq_format f, const vq_st_set *set, vq_err *e)
{
    int64_t bad = -1;
#pragma omp parallel for schedule(dynamic) reduction(max : bad)
    for (size_t i = 0; i < r->nmodules; i++)
        if (vq_module_sha(f, r->modules[i].name, set, r->sha[i], NULL) != VQ_OK) bad = (int64_t)i;
    return bad < 0 ? VQ_OK : vq_fail(e, VQ_E_LIMIT, "%s: no memory for a digest", r->modules[bad].name);
}

vq_status vq_rounding_digests(vq_rounded *r, const vq_plan *p, const char *dir, vq_arena *a, vq_err *e)
{
    vq_st_set set;
    VQ_TRY(vq_st_set_open(&set, dir, a, e));
    const vq_status s = digest_all(r, p->format, &set, e);
    vq_st_set_close(&set);
    return s;
}

vq_status vq_rounding_write(vq_rounded *r, const vq_plan *p, const vq_calibration *c, const char *dir, const vq_job *job, vq_budget *budget,
                            vq_arena *a, vq_err *e)
{
    vq_arena scratch;
    vq_arena_init(&scratch, budget);
    stage s = {.r = r, .p = p, .c = c, .job = job, .scratch = &scratch};
    vq_status status = vq_arena_reserve(&scratch, vq_plan_round_bytes(p), "largest weight", e);
    if (status == VQ_OK) status = vq_st_writer_new(&s.writer, a, e);
    if (status == VQ_OK) {
        status = write_all(&s, dir, a, e);
        vq_st_writer_drop(s.writer);
    }
    vq_arena_done(&scratch);
    return status;
}
